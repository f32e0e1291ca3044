import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { LoadPlan, RunHeader } from "../metrics/run.ts";
import { REPORTS } from "../metrics/reports.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

/** A run of loads with one request each, whose TTFT is given; the plans are of 8 users. */
function repeated(
  ttfts: readonly number[],
  { plans = [], header = {}, ends = [] }: {
    readonly plans?: readonly Partial<LoadPlan>[];
    readonly header?: Partial<RunHeader>;
    readonly ends?: Parameters<typeof createRun>[1] extends infer F | undefined
      ? F extends { readonly ends?: infer E } ? E : never
      : never;
  } = {},
) {
  const records = ttfts.map((ttft, load) =>
    createRecord({ load, ticks: [[ttft, 1], [ttft + 10, 2], [ttft + 20, 3]] })
  );
  const loads = ttfts.map((_, i): Partial<LoadPlan> => ({
    label: `8 users, repeat ${i + 1}`,
    repeat: i + 1,
    ...plans[i],
  }));
  return summarize(createRun(records, { loads, header: { repeats: 4, ...header }, ends }));
}

function figureOf(summary: ReturnType<typeof repeated>, name: string, load = 0) {
  return summary.repeats![load]!.figures.find((figure) => figure.name === name)!;
}

function checkOf(summary: ReturnType<typeof repeated>, name: string) {
  return summary.checks.find((check) => check.name === name);
}

Deno.test("mean, spread and interval are those of the runs, each one value", () => {
  const summary = repeated([100, 102, 98, 104]);
  assertEquals(summary.repeats?.map(({ label, side, loads }) => [label, side, loads]), [
    ["8 users", undefined, [0, 1, 2, 3]],
  ]);
  const ttft = figureOf(summary, "ttft:mean");
  assertEquals(ttft.values, [100, 102, 98, 104]);
  assertEquals(ttft.mean, 101);
  // By hand: squares 1 + 1 + 9 + 9 = 20, ÷ 3; t of three degrees of freedom 3.18245.
  assertAlmostEquals(ttft.std!, Math.sqrt(20 / 3), 1e-12);
  assertAlmostEquals(ttft.cv!, Math.sqrt(20 / 3) / 101, 1e-12);
  assertAlmostEquals(ttft.interval!.high, 101 + 3.18245 * Math.sqrt(20 / 3) / 2, 1e-4);
  assertAlmostEquals(ttft.interval!.low, 101 - 3.18245 * Math.sqrt(20 / 3) / 2, 1e-4);
  // By hand: slope 8 ÷ 5 − … = 0.8; residual squares 20 − 0.64 · 5 = 16.8; t = 0.8 ÷ √(8.4 ÷ 5).
  assertAlmostEquals(ttft.drift!.change, 2.4, 1e-9);
  assertAlmostEquals(ttft.drift!.pValue, 0.6, 0.01);
  assertEquals(checkOf(summary, "repeats")?.ok, true);
  assertStringIncludes(checkOf(summary, "repeats_drift")!.message, "No drift");
  assertEquals(checkOf(summary, "repeats_cache"), undefined);
});

Deno.test("a run without repeats has none, two values have no drift, one has no spread", () => {
  const once = summarize(createRun([createRecord()]));
  assertEquals([once.repeats, once.checks.some(({ name }) => name.startsWith("repeats"))], [
    undefined,
    false,
  ]);
  const two = figureOf(repeated([100, 110]), "ttft:mean");
  assertEquals([two.mean, two.drift], [105, undefined]);
  assert(two.interval!.low < 100);
  const one = figureOf(repeated([100]), "ttft:mean");
  assertEquals([one.mean, one.std, one.interval, one.drift], [
    100,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("what drifts is told, and equal values are no drift", () => {
  const summary = repeated([100, 105.1, 109.9, 115.2, 119.8]);
  const { ok, message } = checkOf(summary, "repeats_drift")!;
  assertEquals(ok, false);
  assertStringIncludes(message, "TTFT mean of 8 users rises by 18");
  const flat = repeated([100, 100, 100, 100, 100]);
  assertEquals(figureOf(flat, "ttft:mean").drift, { change: 0, share: 0, pValue: 1 });
  assertEquals(checkOf(flat, "repeats_drift")?.ok, true);
});

Deno.test("sides are apart, and each load is with its like wherever it stands", () => {
  const plans = [
    { label: "8 users, b, repeat 1", repeat: 1, side: 1 },
    { label: "8 users, a, repeat 1", repeat: 1, side: 0 },
    { label: "8 users, a, repeat 2", repeat: 2, side: 0 },
    { label: "8 users, b, repeat 2", repeat: 2, side: 1 },
  ];
  const { repeats } = repeated([200, 100, 102, 204], { plans });
  assertEquals(repeats?.map(({ label, side, loads }) => [label, side, loads]), [
    ["8 users, b", 1, [0, 3]],
    ["8 users, a", 0, [1, 2]],
  ]);
});

Deno.test("a repeat that was not measured to its end is left out, and named", () => {
  const ends = [{}, {}, { interrupted: true }];
  const summary = repeated([100, 104, 500], { ends });
  assertEquals(summary.repeats![0]!.loads, [0, 1]);
  assertEquals(figureOf(summary, "ttft:mean").mean, 102);
  const { ok, message } = checkOf(summary, "repeats")!;
  assertEquals(ok, false);
  assertStringIncludes(message, "8 users, repeat 3: it was interrupted");
});

Deno.test("repeats without marks are told to be warm", () => {
  const warm = repeated([100, 100], { header: { saltScope: "none" } });
  assertEquals(checkOf(warm, "repeats_cache")?.ok, false);
  const reset = repeated([100, 100], { header: { saltScope: "none", resetCache: "vllm" } });
  assertEquals(checkOf(reset, "repeats_cache"), undefined);
});

Deno.test("every report shows the repeats", () => {
  const summary = repeated([100, 102, 98, 104]);
  const render = (name: string) =>
    REPORTS.find((report) => report.name === name)!.render(summary, { width: 80 });
  const table = render("table").split("\n");
  const at = table.findIndex((line) => line.startsWith("Repeats "));
  assert(/^8 users × 4 +Output tokens\/s/.test(table[at + 1]!), table[at + 1]);
  assert(table.every((line) => line.length <= 80));
  assert(/TTFT mean +101 ms +96–106 +2\.6 % +n\/a +\+2\.4 %$/.test(table[at + 2]!));
  const csv = render("repeats").split("\r\n").map((line) => line.split(","));
  const row = csv.find(([load, figure]) => load === "8 users" && figure === "ttft:mean")!;
  assertEquals(row[csv[0]!.indexOf("values")], "100 102 98 104");
  assertEquals(row[csv[0]!.indexOf("mean")], "101");
  const figures: { name: string; std: number }[] = JSON.parse(render("json")).repeats[0].figures;
  assertAlmostEquals(figures.find(({ name }) => name === "ttft:mean")!.std, 2.582, 0.001);
  assertStringIncludes(render("html"), "From run to run");
  const single = summarize(createRun([createRecord()]));
  const saved = REPORTS.filter(({ appliesTo }) => appliesTo?.(single) === false);
  assert(saved.some(({ name }) => name === "repeats"));
});
