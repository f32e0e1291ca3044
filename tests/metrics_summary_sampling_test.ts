import { assert, assertAlmostEquals, assertEquals, assertStrictEquals } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import { findFigure } from "../metrics/figure.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { metricOf } from "../metrics/load_figures.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { simulateLoad } from "./bench/coverage_loads.ts";

const KIND = { kind: "closed", level: 8, sendingMs: 60_000, state: 0.05, stateMs: 500 } as const;

function loadOf(records: readonly RequestRecord[], options: SummaryOptions = {}): LoadSummary {
  const run = createRun(records, {
    loads: [{ label: "8 users", users: 8 }],
    ends: [{ sendingEndMs: KIND.sendingMs }],
  });
  return summarize(run, options).loads[0]!;
}

const LOAD = simulateLoad(KIND, createRandom(5, "load"));
const OPTIONS: SummaryOptions = { slo: parseSlo("ttft:120"), percentiles: [50, 90, 99] };

const NAMES = [
  ...["request_throughput", "throughput", "goodput", "attainment"],
  ...["ttft", "tpot", "itl", "e2e"].flatMap((
    name,
  ) => [`${name}:mean`, `${name}:p50`, `${name}:p90`]),
];

for (const values of ["raw", "histogram"] as const) {
  Deno.test(`summaries have intervals around their figures (${values})`, () => {
    const load = loadOf(LOAD, { ...OPTIONS, values });
    for (const name of NAMES) {
      const { value, interval } = findFigure(name)!.of(load)!;
      assert(interval !== undefined, name);
      assert(interval.low <= value && value <= interval.high, name);
      // Some hundred requests: a figure is known to a few percent, and not to a thousandth.
      const share = (interval.high - interval.low) / value;
      assert(share > 0.001 && share < 0.3, `${name}: ${share}`);
    }
    const { level, blocks, blockMs, correlationMs, absent } = load.sampling;
    assertEquals([level, blocks, absent], [0.95, 20, undefined]);
    assert(blockMs! > 2000 && blockMs! < 4000 && correlationMs! * 2 <= blockMs!);
    const { steady } = load.throughput;
    assert(steady!.intervals!.totalTokensPerSec!.high > steady!.totalTokensPerSec!);
  });
}

Deno.test("intervals of histograms are those of raw values, but for what histograms leave open", () => {
  const [raw, near] = (["raw", "histogram"] as const).map((values) =>
    loadOf(LOAD, { ...OPTIONS, values })
  );
  for (const name of NAMES) {
    const [exact, other] = [raw!, near!].map((load) => findFigure(name)!.of(load)!.interval!);
    // Their blocks begin elsewhere.
    const ratio = (other!.high - other!.low) / (exact!.high - exact!.low);
    assert(ratio > 0.6 && ratio < 1.7, `${name}: ${ratio}`);
  }
});

Deno.test("users in step make no waves in the interval of a rate", () => {
  // Four users, 217 ms each: a count of ends in a second is 16 or 20.
  const records = Array.from({ length: 400 }, (_, index) => {
    const sentMs = Math.floor(index / 4) * 217 + index % 4;
    return createRecord({ index, sentMs, endMs: sentMs + 216, ticks: [[sentMs + 216, 1]] });
  });
  const { run } = summarize(createRun(records)).loads[0]!.throughput;
  assert(run.intervals!.qps!.high - run.intervals!.qps!.low < 0.05 * run.qps!);
});

Deno.test("the first prompts of all users, which are read at once, are no chance", () => {
  // One of 16 users has a token at once, all others wait for a second; then 20 tokens/s each.
  const records = Array.from({ length: 160 }, (_, index) => {
    const [user, turn] = [index % 16, Math.floor(index / 16)];
    const startMs = (turn === 0 && user > 0 ? 1000 : 0) + turn * 1000 + (turn > 0 ? 1000 : 0);
    const ticks = Array.from({ length: 20 }, (_, i) => [startMs + user + 50 * i, i + 1] as const);
    const sentMs = turn === 0 ? 0 : startMs;
    return createRecord({ index, sentMs, endMs: ticks.at(-1)![0], ticks });
  });
  const { run } = summarize(createRun(records)).loads[0]!.throughput;
  const { low, high } = run.intervals!.outputTokensPerSec!;
  assert(high - low < 0.1 * run.outputTokensPerSec!, `${low} to ${high}`);
});

Deno.test("a window's rate is open by what its edges cut", () => {
  const load = loadOf(LOAD);
  const { qps, intervals } = load.throughput.steady!;
  assert(intervals!.qps!.low < qps! && qps! < intervals!.qps!.high);
});

Deno.test("chance is judged behind the ramp-up, and leaves less open of the longer run", () => {
  const run = createRun(LOAD, {
    loads: [{ label: "8 users", users: 8 }],
    ends: [{ rampEndMs: 20_000, sendingEndMs: KIND.sendingMs }],
  });
  const { throughput } = summarize(run).loads[0]!;
  const [whole, steady] = [throughput.run, throughput.steady!].map(({ intervals }) =>
    intervals!.outputTokensPerSec!.high - intervals!.outputTokensPerSec!.low
  );
  // Two thirds of the time; the square root of it.
  assertAlmostEquals(whole! / steady!, Math.sqrt(2 / 3), 0.05);
});

Deno.test("a load that is too short has no intervals, and says why", () => {
  const few = summarize(createRun([createRecord()])).loads[0]!;
  assertStrictEquals(metricOf(few, "ttft")!.intervals, undefined);
  assertStrictEquals(few.throughput.run.intervals, undefined);
  assertEquals(
    [few.sampling.blocks, few.sampling.absent],
    [undefined, "the load is too short: each 20th of it needs values of its own"],
  );
  const none = summarize(createRun([]), { slo: parseSlo("ttft:1") }).loads[0]!;
  assertStrictEquals(none.slo!.intervals, undefined);
  assert(none.sampling.absent !== undefined);
});

Deno.test("a load that changes all the time has no intervals, and says for how long values are alike", () => {
  const records = Array.from({ length: 500 }, (_, index) => {
    const sentMs = index * 100;
    const firstMs = sentMs + 50 + index;
    return createRecord({ index, sentMs, endMs: firstMs, ticks: [[firstMs, 1]] });
  });
  const load = summarize(createRun(records)).loads[0]!;
  assertStrictEquals(metricOf(load, "ttft")!.intervals, undefined);
});

Deno.test("percentiles that were not asked for and those of the far tail have no interval", () => {
  const load = loadOf(LOAD, { percentiles: [50, 99.9] });
  const { median, percentiles } = metricOf(load, "ttft")!.intervals!;
  assertEquals(percentiles[0], { p: 50, interval: median });
  assertEquals(percentiles[1], { p: 99.9, interval: undefined });
});

Deno.test("attainment counts what failed by when it was due, and is uncertain where all are good", () => {
  const records = LOAD.map((record, i) =>
    i % 10 === 0
      ? createFailure("timeout", { index: record.index, sentMs: record.sentMs!, afterMs: 100 })
      : record
  );
  const load = loadOf(records, { slo: parseSlo("e2e:60000") });
  const { attainment, intervals } = load.slo!;
  assertAlmostEquals(attainment!, 0.9, 0.01);
  assert(intervals!.attainment!.low > 0.85 && intervals!.attainment!.high < 0.95);
  const all = loadOf(LOAD, { slo: parseSlo("e2e:60000") }).slo!;
  assertStrictEquals(all.attainment, 1);
  assertStrictEquals(all.intervals!.attainment!.high, 1);
  assert(all.intervals!.attainment!.low < 0.995 && all.intervals!.attainment!.low > 0.97);
});
