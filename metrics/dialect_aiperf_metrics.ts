/**
 * The metrics of AIPerf 0.13.0 by their tags.
 *
 * @module
 */
import type { Definitions, Quantity } from "./dialect.ts";

/** A metric with a value per request or gap: tag, heading, unit, what it is. */
export interface SpreadMetric {
  readonly tag: string;
  readonly header: string;
  readonly unit: string;
  readonly quantity: Quantity;
  readonly differs?: Partial<Definitions>;
}

const USER = "tokens/sec/user";

/** In the order of its JSON. */
export const SPREADS: readonly SpreadMetric[] = [
  { tag: "request_latency", header: "Request Latency", unit: "ms", quantity: "e2e" },
  { tag: "time_to_first_token", header: "Time to First Token", unit: "ms", quantity: "ttft" },
  { tag: "time_to_second_token", header: "Time to Second Token", unit: "ms", quantity: "ttst" },
  {
    ...{ tag: "time_to_first_output_token", header: "Time to First Output Token", unit: "ms" },
    quantity: "ttft",
    differs: { first: "answer or tool" },
  },
  { tag: "inter_token_latency", header: "Inter Token Latency", unit: "ms", quantity: "tpot" },
  { tag: "inter_chunk_latency", header: "Inter Chunk Latency", unit: "ms", quantity: "itl" },
  { tag: "decode_duration", header: "Decode Duration", unit: "ms", quantity: "decode" },
  {
    tag: "output_token_throughput_per_user",
    header: "Output Token Throughput Per User",
    unit: USER,
    quantity: "decode rate",
  },
  {
    tag: "e2e_output_token_throughput",
    header: "E2E Output Token Throughput",
    unit: USER,
    quantity: "output rate",
  },
  {
    tag: "prefill_throughput_per_user",
    header: "Prefill Throughput Per User",
    unit: USER,
    quantity: "prompt rate",
  },
  {
    tag: "output_sequence_length",
    header: "Output Sequence Length",
    unit: "tokens",
    quantity: "output",
  },
  {
    tag: "input_sequence_length",
    header: "Input Sequence Length",
    unit: "tokens",
    quantity: "prompt",
  },
  { tag: "output_token_count", header: "Output Token Count", unit: "tokens", quantity: "output" },
  {
    tag: "usage_completion_tokens",
    header: "Usage Completion Tokens",
    unit: "tokens",
    quantity: "output",
  },
  { tag: "usage_prompt_tokens", header: "Usage Prompt Tokens", unit: "tokens", quantity: "prompt" },
  { tag: "usage_total_tokens", header: "Usage Total Tokens", unit: "tokens", quantity: "total" },
];

/** A metric with one value: tag, heading, unit, what it is. */
export type SingleMetric = readonly [
  tag: string,
  header: string,
  unit: string,
  quantity: Quantity,
  statistic: "sum" | "rate",
];

/** Metrics with one value. */
export const SINGLES: readonly SingleMetric[] = [
  ["request_count", "Request Count", "requests", "requests", "sum"],
  ["request_throughput", "Request Throughput", "requests/sec", "requests", "rate"],
  ["output_token_throughput", "Output Token Throughput", "tokens/sec", "output", "rate"],
  ["input_token_throughput", "Input Token Throughput", "tokens/sec", "prompt", "rate"],
  ["total_token_throughput", "Total Token Throughput", "tokens/sec", "total", "rate"],
  ["total_isl", "Total Input Sequence Length", "tokens", "prompt", "sum"],
  ["total_osl", "Total Output Sequence Length", "tokens", "output", "sum"],
  ["total_output_tokens", "Total Output Tokens", "tokens", "output", "sum"],
  ["total_usage_prompt_tokens", "Total Usage Prompt Tokens", "tokens", "prompt", "sum"],
  ["total_usage_completion_tokens", "Total Usage Completion Tokens", "tokens", "output", "sum"],
  ["total_usage_total_tokens", "Total Usage Total Tokens", "tokens", "total", "sum"],
];
