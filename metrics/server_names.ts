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

/** A metric of known meaning. */
export interface ServerName {
  /** What it means. */
  readonly role: ServerRole;
  /**
   * As exposed; a counter with or without its `_total`, a `:` may be a `_`. Of several, the first that an
   * endpoint has counts: the others are from other versions.
   */
  readonly names: readonly string[];
  /** All of the names are parts of one number, and are added up. */
  readonly added?: boolean;
  /** Factor from its unit to ours; absent = 1. */
  readonly scale?: number;
  /** What of a histogram or a summary is the counter that is meant; absent = it is one itself. */
  readonly take?: "sum" | "count";
  /** Values of labels; series with another one, not those without the label, are left out. */
  readonly where?: Readonly<Record<string, string>>;
  /**
   * Label whose values are stages of the same requests, each of which counts them: the one that counted most
   * is taken.
   */
  readonly stages?: string;
  /** Label with the position, where there is a series for each. */
  readonly position?: string;
}

/** The names of one engine, or of an exporter. */
export interface ServerEngine {
  /** Its name, e.g. `vllm`. */
  readonly engine: string;
  /** Where it exposes them, for people. */
  readonly endpoint: string;
  /** Where its names are told. */
  readonly source: string;
  /** Its metrics; of two lines of one role, the first that an endpoint has counts. */
  readonly names: readonly ServerName[];
}

/** Seconds to milliseconds. */
const SECONDS = 1000;
/** Microseconds to milliseconds. */
const MICROSECONDS = 0.001;
/** Percent to a share. */
const PERCENT = 0.01;
/** Bytes to MiB. */
const BYTES = 1 / 1024 / 1024;
/** Millijoules to joules. */
const MILLIJOULES = 0.001;
/** With metrics of all schedulers each rank of SGLang tells the same; priorities come beside the total. */
const ONE_RANK = { tp_rank: "0", pp_rank: "0", priority: "" };

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

/**
 * The known names of each engine. Where an endpoint has those of several, as Triton with vLLM in it, each
 * role is taken from the first of these that has it.
 */
export const SERVER_ENGINES: readonly ServerEngine[] = [
  {
    engine: "vllm",
    endpoint: "/metrics",
    // V1 first, then what V0 called it.
    source: "vllm/v1/metrics/loggers.py and vllm/v1/spec_decode/metrics.py of vLLM 0.32; " +
      "vllm/engine/metrics.py of 0.6 for V0",
    names: [
      { role: "running", names: ["vllm:num_requests_running"] },
      { role: "waiting", names: ["vllm:num_requests_waiting"] },
      { role: "swapped", names: ["vllm:num_requests_swapped"] },
      { role: "cache_use", names: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"] },
      { role: "cache_hit_share", names: ["vllm:gpu_prefix_cache_hit_rate"] },
      { role: "preemptions", names: ["vllm:num_preemptions_total"] },
      { role: "requests_done", names: ["vllm:request_success_total"] },
      { role: "prompt_tokens", names: ["vllm:prompt_tokens_total"] },
      { role: "output_tokens", names: ["vllm:generation_tokens_total"] },
      {
        role: "cached_tokens",
        names: [
          "vllm:prompt_tokens_cached_total",
          "vllm:prefix_cache_hits_total",
          "vllm:gpu_prefix_cache_hits_total",
        ],
      },
      {
        role: "cache_queries",
        names: ["vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"],
      },
      { role: "ttft", names: ["vllm:time_to_first_token_seconds"], scale: SECONDS },
      {
        role: "queue_time",
        names: ["vllm:request_queue_time_seconds", "vllm:time_in_queue_requests"],
        scale: SECONDS,
      },
      { role: "prefill_time", names: ["vllm:request_prefill_time_seconds"], scale: SECONDS },
      { role: "decode_time", names: ["vllm:request_decode_time_seconds"], scale: SECONDS },
      {
        role: "itl",
        // V0, and V1 until the new name came, called the gaps so.
        names: ["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"],
        scale: SECONDS,
      },
      { role: "tpot", names: ["vllm:request_time_per_output_token_seconds"], scale: SECONDS },
      { role: "e2e", names: ["vllm:e2e_request_latency_seconds"], scale: SECONDS },
      { role: "drafts", names: ["vllm:spec_decode_num_drafts_total"] },
      { role: "draft_tokens", names: ["vllm:spec_decode_num_draft_tokens_total"] },
      { role: "accepted_tokens", names: ["vllm:spec_decode_num_accepted_tokens_total"] },
      {
        role: "accepted_at_position",
        names: ["vllm:spec_decode_num_accepted_tokens_per_pos_total"],
        position: "position",
      },
    ],
  },
  {
    engine: "sglang",
    endpoint: "/metrics, with --enable-metrics",
    source: "python/sglang/srt/observability/metrics_collector.py of SGLang 0.5; " +
      "docs/references/production_metrics.md",
    names: [
      { role: "running", names: ["sglang:num_running_reqs"], where: ONE_RANK },
      { role: "waiting", names: ["sglang:num_queue_reqs"], where: ONE_RANK },
      { role: "cache_use", names: ["sglang:token_usage"], where: ONE_RANK },
      { role: "cache_hit_share", names: ["sglang:cache_hit_rate"], where: ONE_RANK },
      {
        role: "preemptions",
        names: ["sglang:num_retracted_requests_total"],
        where: ONE_RANK,
      },
      { role: "requests_done", names: ["sglang:num_requests_total"] },
      { role: "requests_failed", names: ["sglang:num_aborted_requests_total"] },
      { role: "prompt_tokens", names: ["sglang:prompt_tokens_total"] },
      { role: "output_tokens", names: ["sglang:generation_tokens_total"] },
      { role: "cached_tokens", names: ["sglang:cached_tokens_total"] },
      { role: "ttft", names: ["sglang:time_to_first_token_seconds"], scale: SECONDS },
      {
        role: "queue_time",
        names: ["sglang:queue_time_seconds"],
        scale: SECONDS,
        where: ONE_RANK,
      },
      { role: "itl", names: ["sglang:inter_token_latency_seconds"], scale: SECONDS },
      { role: "tpot", names: ["sglang:time_per_output_token_seconds"], scale: SECONDS },
      { role: "e2e", names: ["sglang:e2e_request_latency_seconds"], scale: SECONDS },
      { role: "drafts", names: ["sglang:spec_verify_calls_total"] },
      { role: "accepted_length", names: ["sglang:spec_accept_length"], where: ONE_RANK },
    ],
  },
  {
    engine: "tgi",
    endpoint: "/metrics",
    source: "docs/source/reference/metrics.md of text-generation-inference 3",
    names: [
      { role: "running", names: ["tgi_batch_current_size"] },
      { role: "waiting", names: ["tgi_queue_size"] },
      { role: "requests_done", names: ["tgi_request_success"] },
      { role: "requests_failed", names: ["tgi_request_failure"] },
      { role: "prompt_tokens", names: ["tgi_request_input_length"], take: "sum" },
      { role: "output_tokens", names: ["tgi_request_generated_tokens"], take: "sum" },
      { role: "queue_time", names: ["tgi_request_queue_duration"], scale: SECONDS },
      // Its mean time per token has the prefill in it, and is no TPOT.
      { role: "e2e", names: ["tgi_request_duration"], scale: SECONDS },
    ],
  },
  {
    engine: "trtllm",
    endpoint: "/prometheus/metrics; its /metrics is JSON",
    source: "tensorrt_llm/metrics/collector.py of TensorRT-LLM 1.3 (trtllm-serve)",
    names: [
      { role: "running", names: ["trtllm_num_requests_running"] },
      { role: "waiting", names: ["trtllm_num_requests_waiting"] },
      { role: "swapped", names: ["trtllm_num_paused_requests"] },
      { role: "cache_use", names: ["trtllm_kv_cache_utilization"] },
      { role: "cache_hit_share", names: ["trtllm_kv_cache_hit_rate"] },
      { role: "requests_done", names: ["trtllm_request_success_total"] },
      { role: "requests_failed", names: ["trtllm_request_error_total"] },
      { role: "prompt_tokens", names: ["trtllm_prompt_tokens_total"] },
      { role: "output_tokens", names: ["trtllm_generation_tokens_total"] },
      { role: "cached_tokens", names: ["trtllm_prompt_cached_tokens_total"] },
      { role: "ttft", names: ["trtllm_time_to_first_token_seconds"], scale: SECONDS },
      { role: "queue_time", names: ["trtllm_request_queue_time_seconds"], scale: SECONDS },
      { role: "prefill_time", names: ["trtllm_request_prefill_time_seconds"], scale: SECONDS },
      { role: "decode_time", names: ["trtllm_request_decode_time_seconds"], scale: SECONDS },
      { role: "tpot", names: ["trtllm_time_per_output_token_seconds"], scale: SECONDS },
      { role: "e2e", names: ["trtllm_e2e_request_latency_seconds"], scale: SECONDS },
      { role: "draft_tokens", names: ["trtllm_spec_decode_num_draft_tokens_total"] },
      { role: "accepted_tokens", names: ["trtllm_spec_decode_num_accepted_tokens_total"] },
      {
        role: "accepted_at_position",
        names: ["trtllm_spec_decode_accepted_tokens_total"],
        position: "token_position",
      },
      { role: "accepted_length", names: ["trtllm_spec_decode_acceptance_length"] },
      { role: "gpu_memory_used", names: ["trtllm_gpu_memory_usage_bytes"], scale: BYTES },
    ],
  },
  {
    engine: "triton",
    endpoint: "/metrics of port 8002 (--metrics-port); /v2/models/MODEL/stats",
    source: "docs/user_guide/metrics.md of Triton 2.60 and docs/model_config.md of its " +
      "TensorRT-LLM backend",
    names: [
      {
        role: "running",
        names: ["nv_trt_llm_request_metrics"],
        where: { request_type: "scheduled" },
      },
      {
        role: "waiting",
        names: ["nv_trt_llm_request_metrics"],
        where: { request_type: "waiting" },
      },
      // Of each model the requests that its scheduler has not started yet.
      { role: "waiting", names: ["nv_inference_pending_request_count"] },
      {
        role: "cache_use",
        names: ["nv_trt_llm_kv_cache_block_metrics"],
        where: { kv_cache_block_type: "fraction" },
      },
      // An ensemble, its preprocessing and its engine are models that count the same requests.
      { role: "requests_done", names: ["nv_inference_request_success"], stages: "model" },
      { role: "requests_failed", names: ["nv_inference_request_failure"], stages: "model" },
      {
        role: "prompt_tokens",
        names: ["nv_llm_input_token_len"],
        take: "sum",
      },
      {
        role: "output_tokens",
        names: ["nv_llm_output_token_len"],
        take: "sum",
      },
      {
        role: "ttft",
        names: ["nv_inference_first_response_histogram_ms"],
      },
      { role: "queue_time_sum", names: ["nv_inference_queue_duration_us"], scale: MICROSECONDS },
      { role: "gpu_utilization", names: ["nv_gpu_utilization"] },
      { role: "gpu_memory_used", names: ["nv_gpu_memory_used_bytes"], scale: BYTES },
      { role: "gpu_power", names: ["nv_gpu_power_usage"] },
      { role: "gpu_energy", names: ["nv_energy_consumption"] },
    ],
  },
  {
    engine: "llamacpp",
    endpoint: "/metrics, with --metrics",
    source: "tools/server/README.md of llama.cpp; llama-server 0.7.0 itself",
    names: [
      { role: "running", names: ["llamacpp:requests_processing"] },
      { role: "waiting", names: ["llamacpp:requests_deferred"] },
      { role: "cache_use", names: ["llamacpp:kv_cache_usage_ratio"] },
      {
        role: "prompt_tokens",
        // The first leaves out what came from the cache; servers before 0.7 have only that.
        names: ["llamacpp:prompt_tokens_total", "llamacpp:prompt_tokens_cached_total"],
        added: true,
      },
      { role: "output_tokens", names: ["llamacpp:tokens_predicted_total"] },
      { role: "cached_tokens", names: ["llamacpp:prompt_tokens_cached_total"] },
      { role: "prefill_time_sum", names: ["llamacpp:prompt_seconds_total"], scale: SECONDS },
      {
        role: "decode_time_sum",
        names: ["llamacpp:tokens_predicted_seconds_total"],
        scale: SECONDS,
      },
      { role: "drafts", names: ["llamacpp:spec_decode_num_drafts_total"] },
      {
        role: "draft_tokens",
        names: ["llamacpp:spec_decode_num_draft_tokens_total", "llamacpp:tokens_drafted_total"],
      },
      {
        role: "accepted_tokens",
        names: [
          "llamacpp:spec_decode_num_accepted_tokens_total",
          "llamacpp:tokens_drafted_accepted_total",
        ],
      },
      {
        role: "accepted_at_position",
        names: ["llamacpp:spec_decode_num_accepted_tokens_per_pos_total"],
        position: "position",
      },
    ],
  },
  {
    engine: "lmdeploy",
    endpoint: "/metrics, with --enable-metrics",
    source: "lmdeploy/metrics/loggers.py of LMDeploy 0.12",
    names: [
      { role: "running", names: ["lmdeploy:num_requests_running"] },
      {
        role: "waiting",
        // In front of the engine, and in it.
        names: ["lmdeploy:num_api_requests_waiting", "lmdeploy:num_requests_waiting"],
        added: true,
      },
      { role: "cache_use", names: ["lmdeploy:gpu_cache_usage_perc"] },
      { role: "requests_done", names: ["lmdeploy:request_success_total"] },
      { role: "prompt_tokens", names: ["lmdeploy:prompt_tokens_total"] },
      { role: "output_tokens", names: ["lmdeploy:generation_tokens_total"] },
      { role: "ttft", names: ["lmdeploy:time_to_first_token_seconds"], scale: SECONDS },
      { role: "queue_time", names: ["lmdeploy:request_queue_time_seconds"], scale: SECONDS },
      { role: "prefill_time", names: ["lmdeploy:request_prefill_time_seconds"], scale: SECONDS },
      { role: "decode_time", names: ["lmdeploy:request_decode_time_seconds"], scale: SECONDS },
      { role: "itl", names: ["lmdeploy:iter_token_latency"], scale: SECONDS },
      { role: "tpot", names: ["lmdeploy:time_per_output_token_seconds"], scale: SECONDS },
      { role: "e2e", names: ["lmdeploy:e2e_request_latency_seconds"], scale: SECONDS },
      { role: "drafts", names: ["lmdeploy:spec_decode_num_drafts_total"] },
      { role: "draft_tokens", names: ["lmdeploy:spec_decode_num_draft_tokens_total"] },
      { role: "accepted_tokens", names: ["lmdeploy:spec_decode_num_accepted_tokens_total"] },
      {
        role: "accepted_at_position",
        names: ["lmdeploy:spec_decode_num_accepted_tokens_per_pos_total"],
        position: "position",
      },
    ],
  },
  {
    engine: "lightllm",
    endpoint: "/metrics",
    source: "lightllm/server/metrics/metrics.py of LightLLM 1.1",
    names: [
      { role: "running", names: ["lightllm_batch_current_size"] },
      { role: "waiting", names: ["lightllm_queue_size"] },
      { role: "swapped", names: ["lightllm_batch_pause_size"] },
      { role: "cache_use", names: ["lightllm_kv_cache_utilization_ratio"] },
      { role: "requests_done", names: ["lightllm_request_success_total"] },
      { role: "requests_failed", names: ["lightllm_request_failure_total"] },
      { role: "prompt_tokens", names: ["lightllm_request_input_length"], take: "sum" },
      { role: "output_tokens", names: ["lightllm_request_generated_tokens"], take: "sum" },
      { role: "cached_tokens", names: ["lightllm_cache_length"], take: "sum" },
      { role: "ttft", names: ["lightllm_request_first_token_duration"], scale: SECONDS },
      // Named like this: its buckets end in _bucket_bucket.
      { role: "queue_time", names: ["lightllm_request_queue_duration_bucket"], scale: SECONDS },
      { role: "tpot", names: ["lightllm_request_mean_time_per_token_duration"], scale: SECONDS },
      { role: "e2e", names: ["lightllm_request_inference_duration"], scale: SECONDS },
      { role: "gpu_utilization", names: ["lightllm_gpu_utilization_percent"], scale: PERCENT },
      { role: "gpu_memory_used", names: ["lightllm_gpu_memory_used_bytes"], scale: BYTES },
    ],
  },
  {
    engine: "dcgm",
    endpoint: "/metrics of port 9400",
    source: "etc/dcp-metrics-included.csv of dcgm-exporter 4",
    names: [
      { role: "gpu_utilization", names: ["DCGM_FI_DEV_GPU_UTIL"], scale: PERCENT },
      { role: "gpu_memory_used", names: ["DCGM_FI_DEV_FB_USED"] },
      { role: "gpu_power", names: ["DCGM_FI_DEV_POWER_USAGE"] },
      {
        role: "gpu_energy",
        names: ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"],
        scale: MILLIJOULES,
      },
    ],
  },
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
