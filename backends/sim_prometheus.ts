/**
 * The simulated engine's metrics, under the names that scrapers of vLLM look for.
 *
 * @module
 */
import type { MeteredEngine } from "./sim_engine.ts";
import type { SimHistogram } from "./sim_metrics.ts";
import type { SimOptions } from "./sim_options.ts";
import type { SimReply } from "./sim_protocol.ts";
import { parseSpeculation } from "./sim_speculation.ts";

/** Room for tokens of an engine whose prefix cache has no limit, or that has none. */
const ENDLESS_TOKENS = 1_000_000;

/** A value of one engine, with labels of its own; several where a metric has several series. */
type Values = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

/** One metric: a number of each engine, numbers with labels, or a histogram. */
type Row = readonly [
  name: string,
  type: "gauge" | "counter" | "histogram",
  help: string,
  of: (engine: MeteredEngine) => number | Values | SimHistogram,
];

/** The answer to `GET /metrics`. */
export function simPrometheusReply(
  engines: readonly MeteredEngine[],
  { model, prefixCache, cacheTokens, speculate }: Pick<
    SimOptions,
    "model" | "prefixCache" | "cacheTokens" | "speculate"
  >,
): SimReply {
  const room = cacheTokens > 0 ? cacheTokens : ENDLESS_TOKENS;
  const rows: Row[] = [
    ["num_requests_running", "gauge", "Requests that generate", ({ load }) => load.running],
    ["num_requests_waiting", "gauge", "Requests that wait", ({ load }) => load.waiting],
    [
      "kv_cache_usage_perc",
      "gauge",
      "Share of the KV cache in use, 1 = all",
      ({ load }) => Math.min(1, load.contextTokens / room),
    ],
    ["num_preemptions_total", "counter", "Preemptions: there are none", () => 0],
    [
      "prompt_tokens_total",
      "counter",
      "Prompt tokens of requests with a first token",
      ({ metrics }) => metrics.promptTokens,
    ],
    ["generation_tokens_total", "counter", "Tokens generated", ({ load }) => load.outputTokens],
    [
      "request_success_total",
      "counter",
      "Requests that ended by themselves",
      ({ metrics: { finished } }) => [
        [{ finished_reason: "stop" }, finished.stop],
        [{ finished_reason: "length" }, finished.length],
        [{ finished_reason: "abort" }, 0],
      ],
    ],
    ...prefixCache ? CACHE_ROWS : [],
    ...speculate === undefined ? [] : draftRows(parseSpeculation(speculate).draft),
    ...TIME_ROWS,
  ];
  return {
    status: 200,
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    body: rows.map((row) => rowText(row, engines, model)).join(""),
  };
}

/** Both count tokens. */
const CACHE_ROWS: readonly Row[] = [
  [
    "prefix_cache_queries_total",
    "counter",
    "Prompt tokens looked up",
    ({ load }) => load.promptTokens,
  ],
  ["prefix_cache_hits_total", "counter", "Prompt tokens found", ({ load }) => load.cachedTokens],
  [
    "prompt_tokens_cached_total",
    "counter",
    "Prompt tokens found, of requests with a first token",
    ({ metrics }) => metrics.cachedTokens,
  ],
];

function draftRows(draft: number): readonly Row[] {
  const positions = Array.from({ length: draft }, (_, position) => position);
  return [
    ["spec_decode_num_drafts_total", "counter", "Drafts", ({ metrics }) => metrics.drafts],
    [
      "spec_decode_num_draft_tokens_total",
      "counter",
      "Tokens guessed ahead",
      ({ metrics }) => metrics.draftTokens,
    ],
    [
      "spec_decode_num_accepted_tokens_total",
      "counter",
      "Guessed tokens that were right",
      ({ metrics }) => metrics.acceptedTokens,
    ],
    [
      "spec_decode_num_accepted_tokens_per_pos_total",
      "counter",
      "The same by position",
      ({ metrics }) =>
        positions.map((
          position,
        ) => [{ position: `${position}` }, metrics.acceptedAt[position] ?? 0]),
    ],
  ];
}

const TIME_ROWS: readonly Row[] = ([
  ["time_to_first_token_seconds", "Arrival to first token", "firstToken"],
  ["inter_token_latency_seconds", "Between two events of a stream", "gap"],
  ["request_time_per_output_token_seconds", "Decode time per token", "perToken"],
  ["e2e_request_latency_seconds", "Arrival to last token", "request"],
  ["request_queue_time_seconds", "Time in the queue", "queue"],
  ["request_inference_time_seconds", "Prefill and decode", "inference"],
  ["request_prefill_time_seconds", "From the queue to the first token", "prefill"],
  ["request_decode_time_seconds", "From the first token to the last", "decode"],
] as const).map(([name, help, key]): Row => [
  name,
  "histogram",
  help,
  ({ metrics }) => metrics[key],
]);

function rowText([name, type, help, of]: Row, engines: readonly MeteredEngine[], model: string) {
  const full = `vllm:${name}`;
  const lines = engines.flatMap((engine, i) => {
    const line = (suffix: string, labels: Readonly<Record<string, string>>, value: number) =>
      `${full}${suffix}{${
        Object.entries({ engine: `${i}`, ...labels, model_name: model })
          .map(([label, text]) => `${label}=${JSON.stringify(text)}`).join(",")
      }} ${value}\n`;
    const value = of(engine);
    if (typeof value === "number") return [line("", {}, value)];
    if (!("edges" in value)) return value.map(([labels, number]) => line("", labels, number));
    let total = 0;
    return [
      ...value.counts.map((count, bucket) => {
        total += count;
        const edge = value.edges[bucket];
        return line("_bucket", { le: edge === undefined ? "+Inf" : edgeText(edge) }, total);
      }),
      line("_count", {}, total),
      line("_sum", {}, value.sum),
    ];
  });
  return `# HELP ${full} ${help}.\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

/** Whole numbers have a decimal, as Python writes them. */
function edgeText(edge: number): string {
  return Number.isInteger(edge) ? edge.toFixed(1) : `${edge}`;
}
