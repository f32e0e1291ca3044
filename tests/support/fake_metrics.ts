/**
 * Metrics endpoints of engines, made by hand from their documentation: the names, types and labels that
 * each engine has, with values and texts of our own. Each is read before and after a load of 120
 * requests, and what a reader has to find is known.
 *
 * @module
 */
import type { ServerRole } from "../../metrics/server_names.ts";

/** What a figure of a load has to be. */
export type Expected =
  | { readonly kind: "gauge"; readonly value: number }
  | { readonly kind: "counter"; readonly difference: number }
  | { readonly kind: "histogram"; readonly count: number; readonly mean: number };

/** The endpoint of one engine. */
export interface FakeMetrics {
  /** As in the list of known names. */
  readonly engine: string;
  /** Where the engine exposes it. */
  readonly path: string;
  /** What it says before the load, and after it. */
  readonly texts: readonly [before: string, after: string];
  /** Every role that can be known from it, in our units. */
  readonly expected: Readonly<Partial<Record<ServerRole, Expected>>>;
}

/** What the load added, the same for all engines. */
const LOAD = { requests: 120, promptTokens: 12_000, outputTokens: 6000, cachedTokens: 3000 };
/** What was there before: a warm-up, and a day's work. */
const BEFORE = { requests: 7, promptTokens: 1e6, outputTokens: 250_000, cachedTokens: 64 };
/** Means of the load's times, in seconds. */
const SECONDS = {
  ttft: 0.12,
  queue: 0.08,
  prefill: 0.039,
  decode: 0.5,
  itl: 0.0101,
  e2e: 0.62,
};
/** Seconds that each of the earlier requests took. */
const EARLIER_SECONDS = 1.5;

const EDGES = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10];

type Pair = readonly [before: number, after: number];
type Labels = Readonly<Record<string, string>>;
/** Lines of a family at one of the two times. */
type Family = (when: 0 | 1) => readonly string[];

function head(type: string, name: string, help: boolean): readonly string[] {
  return [
    ...(help ? [`# HELP ${name} What the engine says of it, in words of our own.`] : []),
    `# TYPE ${name} ${type}`,
  ];
}

function labelled(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

interface Style {
  /** Whether there are HELP lines. Default true. */
  readonly help?: boolean;
  /** Whether whole numbers have a point, as Python prints them. Default false. */
  readonly floats?: boolean;
  /** Whether counters and histograms have a gauge with the time at which they were created. Default false. */
  readonly created?: boolean;
}

/** Writes families in the way of one engine. */
function writer({ help = true, floats = false, created = false }: Style = {}) {
  const number = (value: number) =>
    floats && Number.isInteger(value) ? `${value}.0` : String(value);
  const plain = (type: string) =>
  (
    name: string,
    ...series: readonly (readonly [labels: Labels, pair: Pair])[]
  ): Family =>
  (when) => [
    ...head(type, name, help),
    ...series.map(([labels, pair]) => `${name}${labelled(labels)} ${number(pair[when])}`),
    ...(created && type === "counter"
      ? [
        ...head("gauge", name.replace(/_total$/, "_created"), help),
        ...series.map(([labels]) =>
          `${name.replace(/_total$/, "_created")}${labelled(labels)} 1.7672256e+09`
        ),
      ]
      : []),
  ];
  /** All of the load's values are alike, and lie in one bucket. */
  const histogram = (
    name: string,
    labels: Labels,
    mean: number,
    { edges = EDGES, earlier = EARLIER_SECONDS, before = BEFORE.requests, count = LOAD.requests }: {
      readonly edges?: readonly number[];
      readonly earlier?: number;
      readonly before?: number;
      readonly count?: number;
    } = {},
  ): Family =>
  (when) => {
    const added = when * count;
    const upTo = (edge: number) => (earlier <= edge ? before : 0) + (mean <= edge ? added : 0);
    return [
      ...head("histogram", name, help),
      ...[...edges, Infinity].map((edge) =>
        `${name}_bucket${labelled({ ...labels, le: edge === Infinity ? "+Inf" : number(edge) })} ${
          number(upTo(edge))
        }`
      ),
      `${name}_sum${labelled(labels)} ${number(before * earlier + added * mean)}`,
      `${name}_count${labelled(labels)} ${number(before + added)}`,
    ];
  };
  return { counter: plain("counter"), gauge: plain("gauge"), histogram };
}

function textsOf(families: readonly Family[]): FakeMetrics["texts"] {
  const text = (when: 0 | 1) => `${families.flatMap((family) => family(when)).join("\n")}\n`;
  return [text(0), text(1)];
}

/** Before and after, of what the load adds. */
function grown(before: number, added: number): Pair {
  return [before, before + added];
}

const counted = (difference: number): Expected => ({ kind: "counter", difference });
const seen = (value: number): Expected => ({ kind: "gauge", value });
const timed = (seconds: number, count: number = LOAD.requests): Expected => ({
  kind: "histogram",
  count,
  mean: seconds * 1000,
});
/** Gaps between tokens. */
const GAPS = LOAD.outputTokens - LOAD.requests;

/** vLLM with two engines of data parallelism, which are added up. */
function vllm(): FakeMetrics {
  const { counter, gauge, histogram } = writer({ floats: true, created: true });
  const model = { model_name: "tiny" };
  const [first, second] = [{ engine: "0", ...model }, { engine: "1", ...model }];
  const half = (before: number, added: number) =>
    [
      [first, grown(before, added * 0.75)],
      [second, grown(before, added * 0.25)],
    ] as const;
  return {
    engine: "vllm",
    path: "/metrics",
    texts: textsOf([
      gauge("python_info", [{ implementation: "CPython", major: "3" }, [1, 1]]),
      gauge("vllm:num_requests_running", [first, [0, 5]], [second, [0, 3]]),
      gauge("vllm:num_requests_waiting", [first, [0, 2]], [second, [0, 0]]),
      gauge("vllm:kv_cache_usage_perc", [first, [0, 0.5]], [second, [0, 0.3]]),
      counter("vllm:prefix_cache_queries_total", ...half(500, LOAD.promptTokens)),
      counter("vllm:prefix_cache_hits_total", ...half(64, LOAD.cachedTokens)),
      counter("vllm:num_preemptions_total", ...half(1, 4)),
      counter("vllm:prompt_tokens_total", ...half(BEFORE.promptTokens, LOAD.promptTokens)),
      counter("vllm:generation_tokens_total", ...half(BEFORE.outputTokens, LOAD.outputTokens)),
      counter(
        "vllm:request_success_total",
        [{ ...first, finished_reason: "length" }, grown(5, 90)],
        [{ ...second, finished_reason: "length" }, grown(1, 20)],
        [{ ...first, finished_reason: "stop" }, grown(1, 10)],
      ),
      histogram("vllm:time_to_first_token_seconds", first, SECONDS.ttft),
      histogram("vllm:inter_token_latency_seconds", first, SECONDS.itl, { count: GAPS }),
      histogram("vllm:request_time_per_output_token_seconds", first, SECONDS.itl),
      histogram("vllm:e2e_request_latency_seconds", first, SECONDS.e2e),
      histogram("vllm:request_queue_time_seconds", first, SECONDS.queue),
      histogram("vllm:request_inference_time_seconds", first, SECONDS.e2e - SECONDS.queue),
      histogram("vllm:request_prefill_time_seconds", first, SECONDS.prefill),
      histogram("vllm:request_decode_time_seconds", first, SECONDS.decode),
      counter("vllm:spec_decode_num_drafts_total", ...half(10, 2000)),
      counter("vllm:spec_decode_num_draft_tokens_total", ...half(30, 6000)),
      counter("vllm:spec_decode_num_accepted_tokens_total", ...half(15, 2800)),
      counter(
        "vllm:spec_decode_num_accepted_tokens_per_pos_total",
        [{ ...first, position: "0" }, grown(8, 1600)],
        [{ ...first, position: "1" }, grown(5, 800)],
        [{ ...first, position: "2" }, grown(2, 400)],
      ),
      counter("http_requests_total", [{ handler: "/v1/completions" }, grown(7, 120)]),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      cache_use: seen(0.4),
      preemptions: counted(4),
      requests_done: counted(LOAD.requests),
      prompt_tokens: counted(LOAD.promptTokens),
      output_tokens: counted(LOAD.outputTokens),
      cached_tokens: counted(LOAD.cachedTokens),
      cache_queries: counted(LOAD.promptTokens),
      ttft: timed(SECONDS.ttft),
      queue_time: timed(SECONDS.queue),
      prefill_time: timed(SECONDS.prefill),
      decode_time: timed(SECONDS.decode),
      itl: timed(SECONDS.itl, GAPS),
      tpot: timed(SECONDS.itl),
      e2e: timed(SECONDS.e2e),
      drafts: counted(2000),
      draft_tokens: counted(6000),
      accepted_tokens: counted(2800),
      accepted_at_position: counted(2800),
    },
  };
}

/** SGLang whose ranks of tensor parallelism each tell the same. */
function sglang(): FakeMetrics {
  const { counter, gauge, histogram } = writer({ floats: true });
  const model = { model_name: "tiny", engine_type: "unified" };
  const rank = (tp_rank: string) => ({ ...model, pp_rank: "0", tp_rank });
  const onBoth = (pair: Pair) => [[rank("0"), pair], [rank("1"), pair]] as const;
  return {
    engine: "sglang",
    path: "/metrics",
    texts: textsOf([
      gauge("sglang:num_running_reqs", ...onBoth([0, 8])),
      gauge("sglang:num_queue_reqs", ...onBoth([0, 2])),
      gauge("sglang:num_used_tokens", ...onBoth([0, 4096])),
      gauge("sglang:token_usage", ...onBoth([0, 0.4])),
      gauge("sglang:gen_throughput", ...onBoth([0, 812.5])),
      gauge("sglang:cache_hit_rate", ...onBoth([0, 0.25])),
      counter("sglang:prompt_tokens_total", [
        model,
        grown(BEFORE.promptTokens, LOAD.promptTokens),
      ]),
      counter("sglang:generation_tokens_total", [
        model,
        grown(BEFORE.outputTokens, LOAD.outputTokens),
      ]),
      counter("sglang:cached_tokens_total", [
        model,
        grown(BEFORE.cachedTokens, LOAD.cachedTokens),
      ]),
      counter("sglang:num_requests_total", [model, grown(BEFORE.requests, LOAD.requests)]),
      counter("sglang:num_aborted_requests_total", [model, grown(2, 1)]),
      histogram("sglang:time_to_first_token_seconds", model, SECONDS.ttft),
      histogram("sglang:inter_token_latency_seconds", model, SECONDS.itl, { count: GAPS }),
      histogram("sglang:e2e_request_latency_seconds", model, SECONDS.e2e),
      histogram("sglang:queue_time_seconds", rank("0"), SECONDS.queue),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      cache_use: seen(0.4),
      cache_hit_share: seen(0.25),
      requests_done: counted(LOAD.requests),
      requests_failed: counted(1),
      prompt_tokens: counted(LOAD.promptTokens),
      output_tokens: counted(LOAD.outputTokens),
      cached_tokens: counted(LOAD.cachedTokens),
      ttft: timed(SECONDS.ttft),
      queue_time: timed(SECONDS.queue),
      itl: timed(SECONDS.itl, GAPS),
      e2e: timed(SECONDS.e2e),
    },
  };
}

/** TGI, written by Rust's exporter: no HELP lines, counters without `_total`, tokens as histograms. */
function tgi(): FakeMetrics {
  const { counter, gauge, histogram } = writer({ help: false });
  const lengths = { edges: [10, 100, 1000], earlier: 500 };
  return {
    engine: "tgi",
    path: "/metrics",
    texts: textsOf([
      counter("tgi_request_count", [{}, grown(BEFORE.requests, LOAD.requests)]),
      counter("tgi_request_success", [{}, grown(BEFORE.requests, LOAD.requests)]),
      counter("tgi_request_failure", [{ err: "validation" }, grown(1, 2)]),
      counter(
        "tgi_batch_inference_count",
        [{ method: "prefill" }, grown(5, 60)],
        [{ method: "decode" }, grown(50, 700)],
      ),
      gauge("tgi_batch_current_size", [{}, [0, 8]]),
      gauge("tgi_queue_size", [{}, [0, 2]]),
      gauge("tgi_batch_current_max_tokens", [{}, [0, 4096]]),
      histogram("tgi_request_input_length", {}, LOAD.promptTokens / LOAD.requests, lengths),
      histogram("tgi_request_generated_tokens", {}, LOAD.outputTokens / LOAD.requests, lengths),
      histogram("tgi_request_queue_duration", {}, SECONDS.queue),
      histogram("tgi_request_duration", {}, SECONDS.e2e),
      histogram("tgi_request_mean_time_per_token_duration", {}, SECONDS.itl),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      requests_done: counted(LOAD.requests),
      requests_failed: counted(2),
      prompt_tokens: counted(LOAD.promptTokens),
      output_tokens: counted(LOAD.outputTokens),
      queue_time: timed(SECONDS.queue),
      e2e: timed(SECONDS.e2e),
    },
  };
}

/** TensorRT-LLM's own server. */
function trtllm(): FakeMetrics {
  const { counter, gauge, histogram } = writer({ floats: true, created: true });
  const labels = { model_name: "tiny", engine_type: "trtllm" };
  return {
    engine: "trtllm",
    path: "/prometheus/metrics",
    texts: textsOf([
      counter("trtllm_request_success_total", [
        { ...labels, finished_reason: "length" },
        grown(BEFORE.requests, LOAD.requests),
      ]),
      histogram("trtllm_e2e_request_latency_seconds", labels, SECONDS.e2e),
      histogram("trtllm_time_to_first_token_seconds", labels, SECONDS.ttft),
      histogram("trtllm_time_per_output_token_seconds", labels, SECONDS.itl),
      histogram("trtllm_request_queue_time_seconds", labels, SECONDS.queue),
      gauge("trtllm_kv_cache_hit_rate", [labels, [0, 0.25]]),
      gauge("trtllm_kv_cache_utilization", [labels, [0, 0.4]]),
      gauge("trtllm_num_requests_running", [labels, [0, 8]]),
      gauge("trtllm_num_requests_waiting", [labels, [0, 2]]),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      cache_use: seen(0.4),
      cache_hit_share: seen(0.25),
      requests_done: counted(LOAD.requests),
      ttft: timed(SECONDS.ttft),
      queue_time: timed(SECONDS.queue),
      tpot: timed(SECONDS.itl),
      e2e: timed(SECONDS.e2e),
    },
  };
}

/** Triton with TensorRT-LLM's backend: sums of µs, kinds as labels, GPUs of its own. */
function triton(): FakeMetrics {
  const { counter, gauge } = writer();
  const model = { model: "tensorrt_llm", version: "1" };
  const requests = (request_type: string) => ({ ...model, request_type });
  const blocks = (kv_cache_block_type: string) => ({ kv_cache_block_type, ...model });
  const gpu = { gpu_uuid: "GPU-1" };
  return {
    engine: "triton",
    path: "/metrics",
    texts: textsOf([
      counter("nv_inference_request_success", [model, grown(BEFORE.requests, LOAD.requests)]),
      counter(
        "nv_inference_request_failure",
        [{ ...model, reason: "OTHER" }, grown(0, 1)],
        [{ ...model, reason: "BACKEND" }, grown(0, 2)],
      ),
      counter("nv_inference_count", [model, grown(BEFORE.requests, LOAD.requests)]),
      counter("nv_inference_queue_duration_us", [
        model,
        grown(123_456, LOAD.requests * SECONDS.queue * 1e6),
      ]),
      counter("nv_inference_request_duration_us", [
        model,
        grown(1e6, LOAD.requests * SECONDS.e2e * 1e6),
      ]),
      gauge("nv_inference_pending_request_count", [model, [0, 1]]),
      gauge(
        "nv_trt_llm_request_metrics",
        [requests("waiting"), [0, 2]],
        [requests("context"), [0, 1]],
        [requests("scheduled"), [0, 8]],
        [requests("max"), [512, 512]],
        [requests("active"), [0, 10]],
      ),
      gauge(
        "nv_trt_llm_kv_cache_block_metrics",
        [blocks("fraction"), [0, 0.4]],
        [blocks("tokens_per"), [64, 64]],
        [blocks("used"), [0, 400]],
        [blocks("max"), [1000, 1000]],
      ),
      gauge("nv_gpu_utilization", [gpu, [0, 0.9]]),
      gauge("nv_gpu_memory_used_bytes", [gpu, [2 ** 30, 3 * 2 ** 30]]),
      gauge("nv_gpu_power_usage", [gpu, [60, 400.5]]),
      counter("nv_energy_consumption", [gpu, grown(1000, 4000)]),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      cache_use: seen(0.4),
      requests_done: counted(LOAD.requests),
      requests_failed: counted(3),
      queue_time_sum: counted(LOAD.requests * SECONDS.queue * 1000),
      gpu_utilization: seen(0.9),
      gpu_memory_used: seen(3072),
      gpu_power: seen(400.5),
      gpu_energy: counted(4000),
    },
  };
}

/** llama-server: no labels, no histograms, cached tokens beside the others. */
function llamacpp(): FakeMetrics {
  const { counter, gauge } = writer();
  const bare = (pair: Pair) => [{}, pair] as const;
  return {
    engine: "llamacpp",
    path: "/metrics",
    texts: textsOf([
      counter(
        "llamacpp:prompt_tokens_total",
        bare(grown(BEFORE.promptTokens, LOAD.promptTokens - LOAD.cachedTokens)),
      ),
      counter(
        "llamacpp:prompt_tokens_cached_total",
        bare(grown(BEFORE.cachedTokens, LOAD.cachedTokens)),
      ),
      counter(
        "llamacpp:prompt_seconds_total",
        bare(grown(10.5, LOAD.requests * SECONDS.prefill)),
      ),
      counter(
        "llamacpp:tokens_predicted_total",
        bare(grown(BEFORE.outputTokens, LOAD.outputTokens)),
      ),
      counter(
        "llamacpp:tokens_predicted_seconds_total",
        bare(grown(99.25, LOAD.requests * SECONDS.decode)),
      ),
      counter("llamacpp:n_decode_total", bare(grown(90, 800))),
      // A maximum that calls itself a counter.
      counter("llamacpp:n_tokens_max", bare([512, 512])),
      counter("llamacpp:spec_decode_num_draft_tokens_total", bare(grown(0, 6000))),
      counter("llamacpp:spec_decode_num_accepted_tokens_total", bare(grown(0, 2800))),
      counter("llamacpp:spec_decode_num_drafts_total", bare(grown(0, 2000))),
      gauge("llamacpp:prompt_tokens_seconds", bare([0, 2564.1])),
      gauge("llamacpp:predicted_tokens_seconds", bare([0, 812.5])),
      gauge("llamacpp:requests_processing", bare([0, 8])),
      gauge("llamacpp:requests_deferred", bare([0, 2])),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      prompt_tokens: counted(LOAD.promptTokens),
      output_tokens: counted(LOAD.outputTokens),
      cached_tokens: counted(LOAD.cachedTokens),
      prefill_time_sum: counted(LOAD.requests * SECONDS.prefill * 1000),
      decode_time_sum: counted(LOAD.requests * SECONDS.decode * 1000),
      drafts: counted(2000),
      draft_tokens: counted(6000),
      accepted_tokens: counted(2800),
    },
  };
}

/** LMDeploy: requests wait in front of the engine, and in it. */
function lmdeploy(): FakeMetrics {
  const { counter, gauge, histogram } = writer({ floats: true, created: true });
  const labels = { engine: "0", model_name: "tiny" };
  return {
    engine: "lmdeploy",
    path: "/metrics",
    texts: textsOf([
      gauge("lmdeploy:num_api_requests_routed", [labels, [0, 9]]),
      gauge("lmdeploy:num_api_requests_waiting", [labels, [0, 1]]),
      gauge("lmdeploy:num_requests_running", [labels, [0, 8]]),
      gauge("lmdeploy:num_requests_waiting", [labels, [0, 1]]),
      gauge("lmdeploy:gpu_cache_usage_perc", [labels, [0, 0.4]]),
      counter("lmdeploy:prompt_tokens_total", [
        labels,
        grown(BEFORE.promptTokens, LOAD.promptTokens),
      ]),
      counter("lmdeploy:generation_tokens_total", [
        labels,
        grown(BEFORE.outputTokens, LOAD.outputTokens),
      ]),
      counter("lmdeploy:request_success_total", [
        { ...labels, finished_reason: "length" },
        grown(BEFORE.requests, LOAD.requests),
      ]),
      histogram("lmdeploy:time_to_first_token_seconds", labels, SECONDS.ttft),
      histogram("lmdeploy:iter_token_latency", labels, SECONDS.itl, { count: GAPS }),
      histogram("lmdeploy:time_per_output_token_seconds", labels, SECONDS.itl),
      histogram("lmdeploy:e2e_request_latency_seconds", labels, SECONDS.e2e),
      histogram("lmdeploy:request_queue_time_seconds", labels, SECONDS.queue),
      histogram("lmdeploy:request_prefill_time_seconds", labels, SECONDS.prefill),
      histogram("lmdeploy:request_decode_time_seconds", labels, SECONDS.decode),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      cache_use: seen(0.4),
      requests_done: counted(LOAD.requests),
      prompt_tokens: counted(LOAD.promptTokens),
      output_tokens: counted(LOAD.outputTokens),
      ttft: timed(SECONDS.ttft),
      queue_time: timed(SECONDS.queue),
      prefill_time: timed(SECONDS.prefill),
      decode_time: timed(SECONDS.decode),
      itl: timed(SECONDS.itl, GAPS),
      tpot: timed(SECONDS.itl),
      e2e: timed(SECONDS.e2e),
    },
  };
}

/** LightLLM: one histogram's own name ends as buckets do. */
function lightllm(): FakeMetrics {
  const { counter, gauge, histogram } = writer({ floats: true, created: true });
  const labels = { model_name: "tiny" };
  const lengths = { edges: [10, 100, 1000], earlier: 500 };
  return {
    engine: "lightllm",
    path: "/metrics",
    texts: textsOf([
      counter("lightllm_request_count_total", [labels, grown(BEFORE.requests, LOAD.requests)]),
      counter("lightllm_request_success_total", [labels, grown(BEFORE.requests, LOAD.requests)]),
      counter("lightllm_request_failure_total", [labels, grown(0, 2)]),
      gauge("lightllm_batch_current_size", [labels, [0, 8]]),
      gauge("lightllm_batch_pause_size", [labels, [0, 1]]),
      gauge("lightllm_queue_size", [labels, [0, 2]]),
      histogram(
        "lightllm_request_input_length",
        labels,
        LOAD.promptTokens / LOAD.requests,
        lengths,
      ),
      histogram(
        "lightllm_request_generated_tokens",
        labels,
        LOAD.outputTokens / LOAD.requests,
        lengths,
      ),
      histogram("lightllm_cache_length", labels, LOAD.cachedTokens / LOAD.requests, lengths),
      histogram("lightllm_request_first_token_duration", labels, SECONDS.ttft),
      histogram("lightllm_request_queue_duration_bucket", labels, SECONDS.queue),
      histogram("lightllm_request_mean_time_per_token_duration", labels, SECONDS.itl),
      histogram("lightllm_request_inference_duration", labels, SECONDS.e2e),
    ]),
    expected: {
      running: seen(8),
      waiting: seen(2),
      swapped: seen(1),
      requests_done: counted(LOAD.requests),
      requests_failed: counted(2),
      prompt_tokens: counted(LOAD.promptTokens),
      output_tokens: counted(LOAD.outputTokens),
      cached_tokens: counted(LOAD.cachedTokens),
      ttft: timed(SECONDS.ttft),
      queue_time: timed(SECONDS.queue),
      tpot: timed(SECONDS.itl),
      e2e: timed(SECONDS.e2e),
    },
  };
}

/** DCGM's exporter with two GPUs: percent and mJ. */
function dcgm(): FakeMetrics {
  const { counter, gauge } = writer();
  const gpu = (gpu: string) => ({
    ...{ gpu, UUID: `GPU-${gpu}`, device: `nvidia${gpu}`, modelName: "NVIDIA H200" },
    ...{ Hostname: "node", DCGM_FI_DRIVER_VERSION: "580.95.05" },
  });
  return {
    engine: "dcgm",
    path: "/metrics",
    texts: textsOf([
      gauge("DCGM_FI_DEV_SM_CLOCK", [gpu("0"), [345, 1980]], [gpu("1"), [345, 1980]]),
      gauge("DCGM_FI_DEV_GPU_TEMP", [gpu("0"), [35, 61]], [gpu("1"), [36, 60]]),
      gauge("DCGM_FI_DEV_POWER_USAGE", [gpu("0"), [75.5, 600]], [gpu("1"), [74.5, 500]]),
      counter(
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        [gpu("0"), grown(1e9, 6_000_000)],
        [gpu("1"), grown(2e9, 5_000_000)],
      ),
      gauge("DCGM_FI_DEV_GPU_UTIL", [gpu("0"), [0, 90]], [gpu("1"), [0, 70]]),
      gauge("DCGM_FI_DEV_FB_FREE", [gpu("0"), [140_000, 40_000]], [gpu("1"), [140_000, 40_000]]),
      gauge("DCGM_FI_DEV_FB_USED", [gpu("0"), [500, 100_000]], [gpu("1"), [500, 100_000]]),
    ]),
    expected: {
      gpu_utilization: seen(0.8),
      gpu_memory_used: seen(200_000),
      gpu_power: seen(1100),
      gpu_energy: counted(11_000),
    },
  };
}

/** All engines and exporters whose names are known. */
export const FAKE_METRICS: readonly FakeMetrics[] = [
  vllm(),
  sglang(),
  tgi(),
  trtllm(),
  triton(),
  llamacpp(),
  lmdeploy(),
  lightllm(),
  dcgm(),
];
