import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { ServerFamily, ServerScrapes, ServerSeries } from "../metrics/run_server.ts";
import { SERVER_ENGINES, SERVER_ROLES } from "../metrics/server_names.ts";
import { summarizeServer } from "../metrics/summary_server.ts";

function scrapes(
  families: readonly ServerFamily[],
  fields: Partial<ServerScrapes> = {},
): ServerScrapes {
  return { url: "http://a/metrics", timeMs: [-10, 1000, 2010], families, ...fields };
}

function family(
  name: string,
  type: ServerFamily["type"],
  ...series: readonly Partial<ServerSeries>[]
): ServerFamily {
  return { name, type, series: series.map((one) => ({ labels: {}, ...one })) };
}

const RUNNING = family("vllm:num_requests_running", "gauge", {
  labels: { engine: "0" },
  ...{ first: 0, last: 1, mean: 2, min: 0, max: 4, values: [0, 4, 1] },
});

Deno.test("summarizeServer has nothing to say where nothing was read", () => {
  assertEquals(summarizeServer(undefined), undefined);
  assertEquals(summarizeServer([]), undefined);
});

Deno.test("summarizeServer: a gauge, a counter with a reset, and who it is", () => {
  const { endpoints, figures, course } = summarizeServer([scrapes([
    family("vllm:generation_tokens_total", "counter", {
      ...{ first: 100, last: 40, difference: 240, resets: 1, values: [100, 300, 40] },
    }),
    RUNNING,
  ], { slowestMs: 12, failed: { count: 2, message: "status 500" } })])!;
  assertEquals(endpoints, [{
    ...{ url: "http://a/metrics", engine: "vllm", scrapes: 3, failed: 2, failure: "status 500" },
    ...{ slowestMs: 12, window: { fromMs: -10, toMs: 2010 }, resets: 1 },
  }]);
  assertEquals(figures.map(({ role, mean, max }) => [role, mean, max]), [
    ["running", 2, 4],
    ["output_tokens", undefined, undefined],
  ]);
  const tokens = figures[1]!;
  assertEquals([tokens.difference, tokens.names], [240, ["vllm:generation_tokens_total"]]);
  assertAlmostEquals(tokens.perSec!, 240 / 2.02);
  assertEquals(course.timeMs, [-10, 1000, 2010]);
  assertEquals(course.lines.map(({ role, unit }) => [role, unit]), [
    ["running", "requests"],
    ["output_tokens", "tokens/s"],
  ]);
  assertEquals(course.lines[0]!.values, [0, 4, 1]);
  const [none, first, anew] = course.lines[1]!.values;
  assertEquals(none, null);
  assertAlmostEquals(first!, 200 / 1.01);
  // It began anew: nothing is below zero.
  assertAlmostEquals(anew!, 40 / 1.01);
});

Deno.test("summarizeServer adds up replicas and ranks, and averages shares", () => {
  const use = (values: readonly number[], mean: number) =>
    family("vllm:kv_cache_usage_perc", "gauge", { mean, max: Math.max(...values), values });
  const { figures, course } = summarizeServer([
    scrapes([RUNNING, use([0, 0.5, 0], 0.25)]),
    // It answers half as often: its value holds.
    scrapes([
      family("vllm:num_requests_running", "gauge", { mean: 1, max: 2, values: [2, 0] }),
      use([1, 0.5], 0.75),
    ], { url: "http://b/metrics", timeMs: [-20, 1500] }),
  ])!;
  assertEquals(figures.map(({ role, mean, max }) => [role, mean, max]), [
    // 4 and 2 at one time; the sum of the largest values would be 6, too, here.
    ["running", 3, 6],
    ["cache_use", 0.5, 0.75],
  ]);
  assertEquals(course.lines.map(({ values }) => values), [[2, 6, 1], [0.5, 0.75, 0.25]]);
});

Deno.test("summarizeServer knows nothing of a gauge that was not read during the load", () => {
  const idle = family("vllm:num_requests_running", "gauge", { first: 0, last: 0, values: [0, 0] });
  const { figures } = summarizeServer([scrapes([idle]), scrapes([idle])])!;
  assertEquals(figures.map(({ role, mean, max }) => [role, mean, max]), [
    ["running", undefined, undefined],
  ]);
});

const TTFT = {
  labels: {},
  added: { count: 200, sum: 20, edges: [0.05, 0.1, 0.2], counts: [50, 100, 49, 1] },
};

Deno.test("summarizeServer interpolates inside of a bucket and says which", () => {
  const { figures: [ttft] } = summarizeServer(
    [scrapes([family("vllm:time_to_first_token_seconds", "histogram", TTFT)])],
    [25, 50, 99, 99.9],
  )!;
  assertEquals([ttft!.role, ttft!.count, ttft!.mean], ["ttft", 200, 100]);
  assertEquals(ttft!.percentiles, [
    { p: 25, value: 50, bucket: { low: 0, high: 50 } },
    { p: 50, value: 75, bucket: { low: 50, high: 100 } },
    { p: 99, value: 100 + 100 * 48 / 49, bucket: { low: 100, high: 200 } },
    // 1,000 values would be needed, and its bucket has no end.
    { p: 99.9, value: undefined, bucket: { low: 200, high: undefined } },
  ]);
});

Deno.test("summarizeServer: no percentile is larger than the mean allows", () => {
  const wide = { added: { count: 8, sum: 0.0002, edges: [0.3, 0.5], counts: [8, 0, 0] } };
  const { figures: [queue] } = summarizeServer(
    [scrapes([family("vllm:request_queue_time_seconds", "histogram", wide)])],
    [50, 75],
  )!;
  // 0.025 ms on average: half of them cannot be above 0.05 ms.
  assertEquals(queue!.mean, 0.025);
  assertEquals(queue!.percentiles, [
    { p: 50, value: 0.025, bucket: { low: 0, high: 0.05 } },
    { p: 75, value: 0.07500000000000001, bucket: { low: 0, high: 0.1 } },
  ]);
});

Deno.test("summarizeServer joins histograms of the same buckets, and of others only their mean", () => {
  const other = { added: { ...TTFT.added, count: 100, sum: 40, edges: [0.1, 0.2, 0.3] } };
  const of = (...series: readonly Partial<ServerSeries>[]) =>
    summarizeServer([scrapes([
      family("vllm:time_to_first_token_seconds", "histogram", ...series),
    ])], [50])!.figures[0]!;
  const same = of(TTFT, TTFT);
  assertEquals([same.count, same.mean, same.percentiles[0]!.value], [400, 100, 75]);
  const differ = of(TTFT, other);
  assertEquals([differ.count, differ.mean, differ.percentiles], [300, 200, []]);
  const none = of({ added: { count: 0, sum: 0, edges: [1], counts: [0, 0] } });
  assertEquals([none.count, none.mean], [0, undefined]);
  assertEquals(none.percentiles, [{ p: 50, value: undefined, bucket: undefined }]);
});

Deno.test("summarizeServer takes counters out of histograms, and only the labels that are meant", () => {
  const { figures } = summarizeServer([
    scrapes([
      family("tgi_request_input_length", "histogram", {
        added: { count: 4, sum: 800, edges: [], counts: [] },
      }),
      family("nv_trt_llm_kv_cache_block_metrics", "gauge", {
        labels: { kv_cache_block_type: "fraction" },
        ...{ mean: 0.5, max: 0.6 },
      }, { labels: { kv_cache_block_type: "max" }, mean: 6239, max: 6239 }),
      // Each rank tells the same.
      family("sglang:num_running_reqs", "gauge", {
        ...{ labels: { tp_rank: "0" }, mean: 3, max: 5 },
      }, { labels: { tp_rank: "1" }, mean: 3, max: 5 }),
      // In two parts, and in one.
      family("llamacpp:tokens_predicted_total", "counter", { difference: 7 }),
    ]),
  ])!;
  assertEquals(figures.map(({ role, mean, difference }) => [role, mean, difference]), [
    ["running", 3, undefined],
    ["cache_use", 0.5, undefined],
    ["prompt_tokens", undefined, 800],
    ["output_tokens", undefined, 7],
  ]);
});

Deno.test("summarizeServer takes a role of two engines at one endpoint once", () => {
  const { endpoints, figures, others } = summarizeServer([scrapes([
    family("nv_inference_request_success", "counter", { difference: 10 }),
    family("vllm:request_success_total", "counter", { difference: 10 }),
  ])])!;
  assertEquals(figures.map(({ difference }) => difference), [10]);
  assertEquals(endpoints[0]!.engine, "vllm");
  assertEquals(others.map(({ name }) => name), ["nv_inference_request_success"]);
});

Deno.test("summarizeServer counts the requests of an ensemble once", () => {
  const of = (model: string, difference: number) => ({ labels: { model }, difference });
  const { figures } = summarizeServer([scrapes([
    family(
      "nv_inference_request_success",
      "counter",
      ...[of("preprocessing", 60), of("tensorrt_llm", 61), of("ensemble", 60)],
    ),
    // Each of them has a queue of its own.
    family("nv_inference_queue_duration_us", "counter", of("preprocessing", 1000), of("x", 2000)),
  ])])!;
  assertEquals(figures.map(({ role, difference }) => [role, difference]), [
    ["requests_done", 61],
    ["queue_time_sum", 3],
  ]);
});

Deno.test("summarizeServer shows what it does not know as it was exposed", () => {
  const { endpoints, figures, others, course } = summarizeServer([scrapes([
    family("my_total", "counter", {
      ...{ labels: { a: 'x"\n' }, first: 1, last: 3, difference: 2 },
    }),
    family("my_seconds", "histogram", { added: TTFT.added }),
    family("vllm:prompt_tokens_created", "gauge", { first: 1.7e9, last: 1.7e9 }),
  ])])!;
  assertEquals([endpoints[0]!.engine, figures, course.lines], [undefined, [], []]);
  const parts = { type: "histogram", first: undefined, last: undefined };
  assertEquals(others, [
    { name: 'my_total{a="x\\"\\n"}', type: "counter", first: 1, last: 3, difference: 2 },
    { ...parts, name: "my_seconds_count", difference: 200 },
    { ...parts, name: "my_seconds_sum", difference: 20 },
  ]);
});

Deno.test("SERVER_ENGINES names every metric for one meaning, and each meaning is listed", () => {
  const roles = new Set(SERVER_ROLES.map(({ role }) => role));
  assertEquals(roles.size, SERVER_ROLES.length);
  for (const { engine, names } of SERVER_ENGINES) {
    const seen = new Map<string, string>();
    for (const { role, names: spellings, added, where, take } of names) {
      assertEquals(roles.has(role), true, role);
      for (const name of spellings) {
        const place = name + JSON.stringify(where ?? {}) + (take ?? "");
        const before = seen.get(place);
        // A part of a sum may be a number of its own, too.
        if (added !== true && before !== undefined) {
          assertEquals(before, "added", `${engine}: ${name}`);
        }
        seen.set(place, added === true ? "added" : role);
      }
    }
  }
});
