import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertFalse,
  assertStrictEquals,
} from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { OUTCOME_KINDS, type RequestRecord } from "../backends/record.ts";
import { findMetric, type LoadSummary } from "../metrics/load_summary.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { renderTable, reportTable } from "../metrics/report_table.ts";
import { REPORTS } from "../metrics/reports.ts";
import type { Run } from "../metrics/run.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import {
  createAccumulator,
  summarize,
  type Summary,
  type SummaryOptions,
} from "../metrics/summary.ts";
import { RELATIVE_ERROR } from "../metrics/stat_value_histogram.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { withRequests } from "./support/with_requests.ts";

const us = (ms: number) => Math.round(ms * 1000) / 1000;
const FAILURES = OUTCOME_KINDS.filter((kind) => kind !== "ok");

/** Two loads with everything in them that a summary tells apart, over ten minutes. */
function eventful(count: number, kind: "closed" | "open"): Run {
  const random = createRandom(4, kind);
  const records = Array.from({ length: count }, (_, index): RequestRecord => {
    const sentMs = us(index * 600_000 / count + 20 * random.next());
    const common = {
      index,
      load: index % 5 === 0 ? 1 : 0,
      user: index % 8,
      phase: random.next() < 0.02 ? "warmup" as const : "measure" as const,
      sentMs,
      intendedMs: us(sentMs - 15 * random.next()),
      connection: random.next() < 0.3 ? "new" as const : "reused" as const,
    };
    if (random.next() < 0.1) {
      const failure = FAILURES[Math.floor(random.next() * FAILURES.length)]!;
      const message = `cause ${Math.floor(5 * random.next())}`;
      return createFailure(failure, { ...common, message, afterMs: us(900 * random.next()) });
    }
    const ticks: [number, number][] = [];
    let [ms, tokens] = [sentMs + 30 + 200 * random.next() ** 4, 0];
    for (let i = 0; i < 1 + 40 * random.next(); i++) {
      tokens += random.next() < 0.1 ? 3 : 1;
      ticks.push([us(ms), tokens]);
      ms += 8 + 30 * random.next() ** 3;
    }
    const source = random.next() < 0.5 ? "usage" as const : "counter" as const;
    return createRecord({
      ...common,
      ticks,
      reads: ticks.length + 1,
      events: ticks.length + 2,
      endMs: us(ms),
      // Now and then the stream shows fewer tokens than the engine counts.
      outputTokens: random.next() < 0.05 ? undefined : { tokens: tokens + index % 3, source },
      requestedTokens: tokens + (random.next() < 0.1 ? 2 : 0),
      cachedTokens: random.next() < 0.2 ? 3 : undefined,
    });
  });
  const one = kind === "open"
    ? { label: "8 req/s", kind, ratePerSec: 8 } as const
    : { label: "8 users", users: 8, rampUpMs: 1000 };
  const client = { cpuCores: 0.2, loopLagP50Ms: 1, loopLagP99Ms: 2, loopLagMaxMs: 4 };
  return createRun(records, {
    loads: [one, { label: "2 users", users: 2 }],
    ends: [{ rampEndMs: 1000, client }, {}],
  });
}

const OPTIONS: SummaryOptions = { percentiles: [50, 90, 99], slo: parseSlo("ttft:100,tpot:20") };

/** All that is the same to the last bit, whichever way values are kept. */
function exactParts(load: LoadSummary): unknown {
  const { label, plan, interrupted, complete, durationMs, counts, failures, throughput } = load;
  const { arrivals, tokens, lengths, cache, stream, connections, slo, client } = load;
  const names = load.checks.map(({ name, ok }) => [name, ok]);
  return {
    ...{ label, plan, interrupted, complete, durationMs, counts, failures },
    run: { ...throughput.run, intervals: undefined },
    ...{ arrivals, tokens, lengths, cache, stream, connections, client, names },
    ...{
      slo: { ...slo, steadyGoodput: undefined, intervals: undefined, share: undefined },
      verdict: load.verdict?.kind,
    },
    metrics: load.metrics.map(({ distribution: { count }, ...metric }) => ({ ...metric, count }))
      .map(
        ({ distribution: _, intervals: __, ...rest }: Record<string, unknown>) => rest,
      ),
  };
}

for (const kind of ["closed", "open"] as const) {
  Deno.test(`summarize of a ${kind} loop says the same from histograms, within the error`, () => {
    const run = eventful(4000, kind);
    const raw = summarize(run, OPTIONS);
    const near = summarize(run, { ...OPTIONS, values: "histogram" });
    for (const [i, exact] of raw.loads.entries()) {
      const load = near.loads[i]!;
      assertEquals(exactParts(load), exactParts(exact));
      assertStrictEquals(exact.approximation, undefined);
      assertEquals(load.approximation, {
        ...{ relativeError: RELATIVE_ERROR, courseError: undefined, binMs: 128 },
      });
      for (const [m, { name, distribution }] of exact.metrics.entries()) {
        const found = load.metrics[m]!.distribution;
        for (const key of ["min", "max", "mean", "std"] as const) {
          if (distribution[key] === undefined) assertStrictEquals(found[key], undefined);
          else assertAlmostEquals(found[key]!, distribution[key], 1e-6, `${name} ${key}`);
        }
        for (const [p, { value }] of distribution.percentiles.entries()) {
          const other = found.percentiles[p]!.value;
          if (value === undefined) assertStrictEquals(other, undefined);
          else {
            const apart = Math.abs(other! - value);
            assert(apart <= RELATIVE_ERROR * Math.abs(value) + 1e-6, `${name}: ${other}, ${value}`);
          }
        }
      }
      // The window is narrower by less than two bins, and exact for what it is.
      const { steady } = load.throughput;
      const whole = exact.throughput.steady!;
      assert(steady!.fromMs >= whole.fromMs && steady!.fromMs < whole.fromMs + 128);
      assert(steady!.toMs <= whole.toMs && steady!.toMs > whole.toMs - 128);
      assertAlmostEquals(steady!.outputTokensPerSec! / whole.outputTokensPerSec!, 1, 0.002);
      assertAlmostEquals(steady!.qps! / whole.qps!, 1, 0.002);
      assertAlmostEquals(load.slo!.steadyGoodput! / exact.slo!.steadyGoodput!, 1, 0.002);
      assertAlmostEquals(load.inFlight.mean!, exact.inFlight.mean!, 1e-9);
      assertAlmostEquals(load.inFlight.steadyMean!, exact.inFlight.steadyMean!, 0.01);
      assert(load.inFlight.max! <= exact.inFlight.max!);
      assert(load.inFlight.max! >= 0.8 * exact.inFlight.max!);
      assertEquals(load.histograms.map(({ counts }) => sum(counts)), [
        ...exact.histograms.map(({ counts }) => sum(counts)),
      ]);
      assertSeries(load, exact);
      assert(load.timeline.length > 200 && load.timeline.length <= 400);
      const byIndex = new Map(run.records.map((record) => [record.index, record]));
      for (const { index, sentMs } of load.timeline) {
        assertStrictEquals(sentMs, byIndex.get(index)!.sentMs);
      }
    }
  });
}

const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0);

/** The same totals in other stretches. */
function assertSeries({ series, durationMs }: LoadSummary, { series: exact }: LoadSummary): void {
  const total = (one: typeof series, values: readonly number[]) =>
    sum(one.startMs.map((ms, i) => values[i]! * Math.min(one.bucketMs, durationMs - ms)));
  assert(series.startMs.length <= 120 && series.startMs.length > 100);
  for (const name of ["completedPerSec", "outputTokensPerSec", "inFlight"] as const) {
    assertAlmostEquals(total(series, series[name]) / total(exact, exact[name]), 1, 1e-9, name);
  }
  assertStrictEquals(sum(series.failed), sum(exact.failed));
}

Deno.test("summarize from histograms: what ends with the load is in its last stretch", () => {
  const records = [0, 6000, 11_900].map((sentMs, index) =>
    createRecord({ index, sentMs, endMs: sentMs + 100, ticks: [[sentMs + 100, 1]] })
  );
  const { series } = summarize(createRun(records), { values: "histogram" }).loads[0]!;
  assertStrictEquals(series.bucketMs, 100);
  assertEquals([series.completedPerSec.at(-1), series.outputTokensPerSec.at(-1)], [10, 10]);
});

Deno.test("createAccumulator: the order of records changes nothing", () => {
  const run = eventful(3000, "open");
  for (const values of ["raw", "histogram"] as const) {
    const [straight, backward] = [run.records, run.records.toReversed()].map((records) =>
      JSON.stringify(summarize({ ...run, records }, { ...OPTIONS, values }))
    );
    assertEquals(backward, straight, values);
  }
});

Deno.test("createAccumulator: auto moves kept records into histograms, once, at the limit", () => {
  const run = eventful(1000, "closed");
  const ticks = sum(run.records.map(({ tickMs }) => tickMs.length + 50));
  let told = 0;
  const auto = (rawTicks: number) =>
    withRequests(
      summarize(run, { ...OPTIONS, values: "auto", rawTicks, onHistogram: () => told++ }),
    );
  assertEquals(auto(ticks), withRequests(summarize(run, OPTIONS)));
  assertStrictEquals(told, 0);
  const poured = withRequests(summarize(run, { ...OPTIONS, values: "histogram" }));
  assertEquals(auto(ticks - 1), poured);
  assertEquals(auto(1000), poured);
  assertEquals(auto(ticks / 2), poured);
  assertStrictEquals(told, 3);
});

Deno.test("createAccumulator: a summary can be taken while records still arrive", () => {
  const run = eventful(600, "closed");
  for (const values of ["raw", "histogram"] as const) {
    const accumulator = createAccumulator(run.header, { ...OPTIONS, values });
    for (const record of run.records.slice(0, 300)) accumulator.add(record);
    const half = accumulator.summary();
    assertStrictEquals(half.loads[0]!.complete, false);
    assertEquals(withRequests(accumulator.summary()), withRequests(half));
    for (const record of run.records.slice(300)) accumulator.add(record);
    for (const end of run.ends) accumulator.end(end);
    const whole = withRequests(summarize(run, { ...OPTIONS, values }));
    assertEquals(withRequests(accumulator.summary()), whole);
  }
});

Deno.test("createAccumulator: an empty load has no 0 in place of a missing number (T13)", () => {
  for (const records of [[], [createFailure("timeout")]]) {
    const [load] = summarize(createRun(records), { ...OPTIONS, values: "histogram" }).loads;
    assertStrictEquals(load!.throughput.steady, undefined);
    for (const { name, distribution: { count, percentiles, ...rest } } of load!.metrics) {
      assertEquals([count, ...Object.values(rest), percentiles[0]!.value], [
        0,
        ...Array(6).fill(undefined),
      ], name);
    }
  }
  assertStrictEquals(
    summarize(createRun([]), { values: "histogram" }).loads[0]!.inFlight.max,
    undefined,
  );
});

Deno.test("createAccumulator: causes without number do not fill the memory", () => {
  const failures = Array.from({ length: 20_000 }, (_, index) =>
    createFailure("connect_error", {
      index,
      message: index % 3 === 0 ? "refused" : `from port ${index}`,
    }));
  const [load] = summarize(createRun(failures), { values: "histogram" }).loads;
  const [{ count, messages } = { count: 0, messages: [] }] = load!.failures;
  assertStrictEquals(count, 20_000);
  assertEquals(messages[0], { message: "refused", count: 6667 });
  assertStrictEquals(messages[1]!.message, "(other messages)");
});

Deno.test("table and page say how near percentiles are, and nothing where they are exact", () => {
  const run = eventful(500, "closed");
  const near = summarize(run, { values: "histogram" });
  const exact = summarize(run);
  const line = "percentiles within ±0.1 % (histograms, ";
  assert(renderTable(near, { details: true }).includes(`Accuracy     ${line}`));
  assert(reportHtml.render(near).includes(`Accuracy: ${line}`));
  for (const { render } of [reportTable, reportHtml]) assert(!render(exact).includes(line));
});

Deno.test("table and page name merged clients and their time axis", () => {
  const run = eventful(50, "closed");
  const text = (clock: "wall" | "start", render: (summary: Summary) => string) => {
    const clients = [
      { hostname: "node-a", startedAt: "2026-01-02T00:00:00.000Z", laterMs: 0 },
      { hostname: "node-b", startedAt: "2026-01-02T00:00:00.000Z", laterMs: 12.5 },
    ];
    const header = { ...run.header, merged: { clock, clients } };
    return render(summarize({ ...run, header })).replace(/\s+/g, " ");
  };
  for (const { render } of [reportTable, reportHtml]) {
    const wall = text("wall", render);
    assert(wall.includes("2 clients merged (node-a, node-b): by their clocks"), wall);
    assert(wall.includes("the last began each load within 12.5 ms of the first"));
    assert(text("start", render).includes("assumed to begin each load at the same instant"));
  }
});

Deno.test("a value that is not finite is left out and named, with its metric and request", () => {
  const records = [
    createRecord({ index: 4, connectMs: 3 }),
    createRecord({ index: 5, connectMs: Infinity }),
    createRecord({ index: 6, connectMs: NaN }),
  ];
  for (const values of ["raw", "histogram"] as const) {
    const { loads: [load] } = summarize(createRun(records), { values });
    const { count, max } = findMetric(load!, "connect_time").distribution;
    assertEquals([count, max], [1, 3]);
    assertEquals(findMetric(load!, "ttft").distribution.count, 3);
    assertEquals(
      load!.checks.find(({ name }) => name === "finite_values")?.message,
      "2 values are not finite and left out, first of request 5: connect_time is Infinity",
    );
  }
});

Deno.test("stamps that are not finite break no summary and no report", () => {
  const stamps = [
    ...["intendedMs", "sentMs", "firstByteMs", "firstEventMs"],
    ...["firstTokenMs", "lastTokenMs", "endMs"],
  ];
  for (const stamp of stamps) {
    for (const ms of [NaN, Infinity, -Infinity]) {
      const records = [createRecord(), { ...createRecord({ index: 1 }), [stamp]: ms }];
      const whole = createRun([createRecord()]);
      for (const ends of [whole.ends, []]) {
        for (const values of ["raw", "histogram"] as const) {
          const summary = summarize({ ...whole, records, ends }, { values });
          for (const report of REPORTS) assert(report.render(summary) !== "");
          const { ok } = summary.loads[0]!.checks.find(({ name }) => name === "stamps")!;
          assertFalse(ok, `${stamp} ${ms}`);
        }
      }
    }
  }
});
