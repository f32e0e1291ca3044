import { assertEquals } from "@std/assert";
import { parsePrometheus } from "../backends/telemetry_prometheus.ts";
import type { ServerFamily, ServerScrapes, ServerSeries } from "../metrics/run_server.ts";
import { keepScrapes } from "../workloads/scrape_keeper.ts";
import { scrapesShape } from "../workloads/record_shape_scrapes.ts";

const URL = "http://a/metrics";

/** A load whose answers came a second apart. */
function keep(
  texts: readonly string[],
  options: { readonly mostSeries?: number; readonly mostPoints?: number } = {},
): ServerScrapes {
  const keeper = keepScrapes(URL, options);
  texts.forEach((text, i) => keeper.add(1000 * i + 5000, parsePrometheus(text), 10 + i));
  const scrapes = keeper.scrapes(5500);
  // What is written can be read again.
  assertEquals(scrapesShape(JSON.parse(JSON.stringify(scrapes)), "scrapes"), undefined);
  return scrapes;
}

function only(scrapes: ServerScrapes): ServerSeries {
  const [{ series } = { series: [] } as unknown as ServerFamily] = scrapes.families;
  return series[0]!;
}

const counter = (...values: readonly (number | string)[]) =>
  values.map((value) =>
    `# TYPE vllm:prompt_tokens_total counter\nvllm:prompt_tokens_total ${value}`
  );
const gauge = (...values: readonly (number | string)[]) =>
  values.map((value) =>
    `# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running ${value}`
  );

Deno.test("keepScrapes: a counter that begins anew loses nothing of what it counted since", () => {
  const scrapes = keep(counter(100, 130, 20, 50));
  assertEquals(only(scrapes), {
    labels: {},
    ...{ first: 100, last: 50, difference: 30 + 20 + 30, resets: 1, values: [100, 130, 20, 50] },
  });
  assertEquals(scrapes.timeMs, [-500, 500, 1500, 2500]);
  assertEquals([scrapes.slowestMs, scrapes.failed, scrapes.answers], [13, undefined, undefined]);
});

Deno.test("keepScrapes: a series that is listed later was zero before", () => {
  assertEquals(only(keep(["up 1", ...counter(7, 9)])), {
    ...{ labels: {}, first: 1, last: 1, mean: 1, min: 1, max: 1 },
  });
  const [, tokens] = keep(["up 1", ...counter(7, 9)]).families;
  assertEquals(tokens!.series[0], { labels: {}, last: 9, difference: 9, values: [null, 7, 9] });
});

Deno.test("keepScrapes: a gauge has its mean over time, and what is no number is left out", () => {
  const scrapes = keep(gauge(0, 4, "NaN", 2, 2));
  assertEquals(only(scrapes), {
    labels: {},
    // 2 for a second, nothing known for two, 2 for a second.
    ...{ first: 0, last: 2, mean: 2, min: 0, max: 4, values: [0, 4, null, 2, 2] },
  });
  assertEquals(only(keep(gauge("+Inf"))), { labels: {} });
});

Deno.test("keepScrapes: what is before and after a load is of no gauge's mean", () => {
  const keeper = keepScrapes(URL);
  const add = (atMs: number, text: string, outside: boolean) =>
    keeper.add(atMs, parsePrometheus(text), 1, outside);
  add(-10, gauge(0)[0]!, true);
  add(100, gauge(6)[0]!, false);
  add(300, gauge(8)[0]!, false);
  add(310, gauge(1)[0]!, true);
  const series = { labels: {}, first: 0, last: 1, mean: 7, min: 6, max: 8, values: [0, 6, 8, 1] };
  assertEquals(only(keeper.scrapes(0)), series);
  const short = keepScrapes(URL);
  short.add(0, parsePrometheus(gauge(0)[0]!), 1, true);
  short.add(9, parsePrometheus(gauge(0)[0]!), 1, true);
  // How it was under way nobody knows.
  assertEquals(only(short.scrapes(0)), { labels: {}, first: 0, last: 0, values: [0, 0] });
});

Deno.test("keepScrapes: histograms are differences, across a new beginning and other buckets", () => {
  const histogram = (buckets: Readonly<Record<string, number>>, count: number, sum: number) =>
    "# TYPE h histogram\n" +
    Object.entries(buckets).map(([le, upTo]) => `h_bucket{le="${le}"} ${upTo}\n`).join("") +
    `h_bucket{le="+Inf"} ${count}\nh_count ${count}\nh_sum ${sum}\n`;
  const of = (...texts: readonly string[]) => only(keep(texts));
  const a = histogram({ "1": 2, "2": 5 }, 6, 10);
  const b = histogram({ "1": 3, "2": 9 }, 12, 30);
  assertEquals(of(a, b).added, { count: 6, sum: 20, edges: [1, 2], counts: [1, 3, 2] });
  assertEquals(of(a, a).added, { count: 0, sum: 0, edges: [1, 2], counts: [0, 0, 0] });
  // Of a single answer no difference is known.
  assertEquals(of(a), { labels: {} });
  assertEquals(only(keep(counter(5))), { labels: {}, first: 5, last: 5, values: [5] });
  // It began anew: all of the second state came since.
  assertEquals(of(b, a), {
    ...{ labels: {}, resets: 1 },
    added: { count: 6, sum: 10, edges: [1, 2], counts: [2, 3, 1] },
  });
  // It was not there before.
  assertEquals(of("up 1", a).labels, {});
  assertEquals(keep(["up 1", a]).families[1]!.series[0]!.added?.counts, [2, 3, 1]);
  // Other buckets after a restart: only count and sum are left.
  assertEquals(of(a, histogram({ "5": 7 }, 8, 11)).added, {
    ...{ count: 2, sum: 1, edges: [], counts: [] },
  });
  const summary = (count: number) =>
    `# TYPE s summary\ns{quantile="0.5"} 1\ns_count ${count}\ns_sum ${2 * count}\n`;
  assertEquals(of(summary(1), summary(4)).added, { count: 3, sum: 6, edges: [], counts: [] });
});

Deno.test("keepScrapes keeps no more than its limits, and tells what it left out", () => {
  const many = (value: number) =>
    Array.from({ length: 20 }, (_, i) => `x{i="${i}"} ${value}\n`).join("");
  const scrapes = keep([many(1), many(2)], { mostSeries: 5 });
  assertEquals([scrapes.families[0]!.series.length, scrapes.leftOut], [5, 15]);
  // Unknown metrics have no course.
  assertEquals(scrapes.families[0]!.series[0]!.values, undefined);
});

Deno.test("keepScrapes thins the course of a long load, and keeps both ends and all extremes", () => {
  const values = Array.from({ length: 47 }, (_, i) => i);
  const scrapes = keep(gauge(...values, 1000, 3), { mostPoints: 8 });
  const { first, last, max, values: kept } = only(scrapes);
  assertEquals([first, last, max], [0, 3, 1000]);
  assertEquals(scrapes.answers, 49);
  assertEquals(scrapes.timeMs.length, kept!.length);
  assertEquals(kept, [0, 8, 16, 24, 32, 40, 3]);
  assertEquals(scrapes.timeMs.map((ms) => (ms + 500) / 1000), [0, 8, 16, 24, 32, 40, 48]);
  for (let length = 1; length < 70; length++) {
    const { timeMs, families } = keep(gauge(...Array(length).keys()), { mostPoints: 8 });
    assertEquals(timeMs.length <= 8, true);
    assertEquals(families[0]!.series[0]!.values!.at(0), 0);
    assertEquals(families[0]!.series[0]!.values!.at(-1), length - 1);
    assertEquals(families[0]!.series[0]!.values!.length, timeMs.length);
  }
});

Deno.test("keepScrapes: an endpoint that never answered has failures alone", () => {
  const keeper = keepScrapes(URL);
  keeper.fail("status 500", 12.34567);
  keeper.fail("no answer within 10 s", 10_000);
  assertEquals(keeper.scrapes(0), {
    ...{ url: URL, timeMs: [], slowestMs: 10_000, families: [] },
    failed: { count: 2, message: "no answer within 10 s" },
  });
  assertEquals(keeper.latest().families, []);
});

Deno.test("keepScrapes: the newest values are those of the newest answer", () => {
  const keeper = keepScrapes(URL);
  const add = (text: string) => keeper.add(0, parsePrometheus(text), 1);
  add(gauge(3)[0]! + "\nother 1\n");
  assertEquals(keeper.latest().families.map(({ series }) => series), [[{ labels: {}, last: 3 }]]);
  add("other 2\n");
  assertEquals(keeper.latest().families.map(({ series }) => series), [[]]);
});

Deno.test("keepScrapes: values whose sums would be infinite are left out", () => {
  const huge = 1.7e308;
  assertEquals(only(keep(counter(1, huge, 0, huge, 3))).difference, 3);
  assertEquals(only(keep(gauge(1, huge, huge, 3))).max, 3);
  const spread = (sum: number) => `# TYPE a summary\na_sum ${sum}\na_count 1`;
  assertEquals(only(keep([spread(-huge), spread(huge), spread(2), spread(5)])).added?.sum, 3);
});
