/**
 * The metrics whose meaning is known: a reader adds an engine's metric by one line.
 *
 * @module
 */

/** What a metric of a server means, whatever the engine calls it. */
export type ServerRole =
  | "running"
  | "waiting"
  | "swapped"
  | "cache_use"
  | "cache_hit_share"
  | "preemptions"
  | "prompt_tokens"
  | "output_tokens"
  | "cached_tokens"
  | "cache_queries"
  | "requests_done"
  | "requests_failed"
  | "ttft"
  | "queue_time"
  | "prefill_time"
  | "decode_time"
  | "itl"
  | "tpot"
  | "e2e"
  | "queue_time_sum"
  | "prefill_time_sum"
  | "decode_time_sum"
  | "draft_tokens"
  | "accepted_tokens"
  | "drafts"
  | "accepted_at_position"
  | "accepted_length"
  | "gpu_utilization"
  | "gpu_memory_used"
  | "gpu_power"
  | "gpu_energy";

/** How a role is measured and shown. */
export interface ServerRoleMeaning {
  /** What it means. */
  readonly role: ServerRole;
  /** Title for people. */
  readonly title: string;
  /** Kind of its numbers. */
  readonly kind: "gauge" | "counter" | "histogram";
  /** Our unit: times are in `ms`, a `share` is from 0 to 1. */
  readonly unit: "requests" | "tokens" | "share" | "ms" | "events" | "MiB" | "W" | "J";
  /** How several series (replicas, ranks, GPUs, labels) become one number. */
  readonly join: "sum" | "mean" | "max";
}

/** A name, or several of the same meaning, e.g. of older versions; the first that is listed counts. */
export interface ServerName {
  /** Engine, or exporter, that has it. */
  readonly engine: string;
  /** What it means. */
  readonly role: ServerRole;
  /** As exposed; without `_total` for a counter whose type line has none is the same name. */
  readonly names: readonly string[];
  /** Factor from its unit to ours; absent = 1. */
  readonly scale?: number;
  /** Only series with these labels; absent = all of them. */
  readonly where?: Readonly<Record<string, string>>;
}

/** Every role, in display order. */
export const SERVER_ROLES: readonly ServerRoleMeaning[] = [
  role("running", "Requests running", "gauge", "requests", "sum"),
  role("waiting", "Requests waiting", "gauge", "requests", "sum"),
  role("swapped", "Requests swapped out", "gauge", "requests", "sum"),
  role("cache_use", "KV cache in use", "gauge", "share", "mean"),
  role("cache_hit_share", "Cache hits, by the server", "gauge", "share", "mean"),
  role("preemptions", "Preemptions", "counter", "events", "sum"),
  role("requests_done", "Requests done", "counter", "requests", "sum"),
  role("requests_failed", "Requests failed", "counter", "requests", "sum"),
  role("prompt_tokens", "Prompt tokens", "counter", "tokens", "sum"),
  role("output_tokens", "Output tokens", "counter", "tokens", "sum"),
  role("cached_tokens", "Prompt tokens from the cache", "counter", "tokens", "sum"),
  role("cache_queries", "Prompt tokens looked up in the cache", "counter", "tokens", "sum"),
  role("ttft", "TTFT", "histogram", "ms", "sum"),
  role("queue_time", "Queue time", "histogram", "ms", "sum"),
  role("prefill_time", "Prefill time", "histogram", "ms", "sum"),
  role("decode_time", "Decode time", "histogram", "ms", "sum"),
  role("itl", "ITL", "histogram", "ms", "sum"),
  role("tpot", "TPOT", "histogram", "ms", "sum"),
  role("e2e", "E2E latency", "histogram", "ms", "sum"),
  role("queue_time_sum", "Queue time of all requests", "counter", "ms", "sum"),
  role("prefill_time_sum", "Prefill time of all requests", "counter", "ms", "sum"),
  role("decode_time_sum", "Decode time of all requests", "counter", "ms", "sum"),
  role("drafts", "Drafts", "counter", "events", "sum"),
  role("draft_tokens", "Tokens guessed ahead", "counter", "tokens", "sum"),
  role("accepted_tokens", "Guessed tokens accepted", "counter", "tokens", "sum"),
  role("accepted_at_position", "Accepted at a position", "counter", "tokens", "sum"),
  role("accepted_length", "Tokens of a step", "gauge", "tokens", "mean"),
  role("gpu_utilization", "GPU utilization", "gauge", "share", "mean"),
  role("gpu_memory_used", "GPU memory", "gauge", "MiB", "sum"),
  role("gpu_power", "GPU power", "gauge", "W", "sum"),
  role("gpu_energy", "GPU energy", "counter", "J", "sum"),
];

/** The known names of each engine. */
export const SERVER_NAMES: readonly ServerName[] = [
  { engine: "vllm", role: "running", names: ["vllm:num_requests_running"] },
  { engine: "vllm", role: "waiting", names: ["vllm:num_requests_waiting"] },
];

function role(
  role: ServerRole,
  title: string,
  kind: ServerRoleMeaning["kind"],
  unit: ServerRoleMeaning["unit"],
  join: ServerRoleMeaning["join"],
): ServerRoleMeaning {
  return { role, title, kind, unit, join };
}
