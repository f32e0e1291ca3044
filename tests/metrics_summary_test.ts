import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { findMetric } from "../metrics/load_summary.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize } from "../metrics/summary.ts";
import { warmupText } from "../metrics/summary_text.ts";
import { repeatsText } from "../metrics/check_pool.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

/** 100 requests in a row, 200 ms each: TTFT 100, gaps 10, E2E 140, then 60 ms of tail. */
const ROW = Array.from({ length: 100 }, (_, index) => {
  const sentMs = index * 200;
  return createRecord({ index, sentMs, endMs: sentMs + 200 });
});

Deno.test("summarize gives a load's numbers", () => {
  const [load] = summarize(createRun(ROW), { percentiles: [50, 99] }).loads;
  assertEquals(load!.counts.completed, 100);
  assertEquals(load!.durationMs, 20_000);
  assertEquals(load!.throughput.run.qps, 5);
  assertEquals(load!.throughput.run.rpm, 300);
  assertEquals(load!.throughput.run.outputTokensPerSec, 25);
  assertEquals(load!.throughput.run.totalTokensPerSec, 75);
  assertEquals(load!.tokens.output, {
    total: 500,
    mean: 5,
    max: 5,
    sources: { counter: 100 },
    uncounted: 0,
  });
  assertEquals(findMetric(load!, "ttft").distribution.median, 100);
  assertEquals(findMetric(load!, "itl").distribution.count, 400);
  assertAlmostEquals(findMetric(load!, "tpot").distribution.percentiles[1]!.value!, 10);
  assertEquals(load!.inFlight, { max: 1, mean: 1, steadyMean: 1 });
  assertEquals(load!.connections, { new: 0, reused: 100, unknown: 0 });
  // 60 of the 200 ms come after the last token.
  assertEquals(load!.checks.filter(({ ok }) => !ok).map(({ name }) => name), ["littles_law"]);
});

Deno.test("summarize keeps loads apart and excludes warm-up, cancelled and dropped requests", () => {
  const slow = { ticks: [[5000, 1]] as const };
  const run = createRun([
    createRecord({ index: 0 }),
    createRecord({ ...slow, index: 0, phase: "warmup" }),
    createFailure("cancelled", { index: 1, ...slow }),
    createFailure("dropped", { index: 2 }),
    createRecord({ ...slow, index: 0, load: 1 }),
  ], { loads: [{ label: "1 user" }, { label: "2 users", users: 2 }] });
  const [one, two] = summarize(run).loads;
  assertEquals([one!.label, two!.label], ["1 user", "2 users"]);
  assertEquals(findMetric(one!, "ttft").distribution.max, 100);
  assertEquals(findMetric(two!, "ttft").distribution.max, 5000);
  assertEquals(warmupText(one!), "1 request for 1 token, not counted");
  assertEquals(warmupText(two!), undefined);
  const { warmup, completed, cancelled, dropped, offered } = one!.counts;
  assertEquals([warmup, completed, cancelled, dropped, offered], [1, 1, 1, 1, 3]);
});

Deno.test("a warm-up with prompts of its own repeats none of the pool", () => {
  const repeats = (promptId: string) => {
    const run = createRun([
      createRecord({ index: 0, phase: "warmup", promptId }),
      ...[0, 1].map((index) => createRecord({ index })),
    ]);
    const header = { ...run.header, dataset: { ...run.header.dataset, prompts: 2 } };
    return repeatsText(summarize({ ...run, header }).loads[0]!, header);
  };
  assertEquals(repeats("warm-up"), undefined);
  assertEquals(
    repeats("0"),
    "2 prompts for 3 requests, warm-up included: each was sent 1.50 times on average",
  );
});

Deno.test("summarize of an empty load has no 0 in place of a missing number (T13, T14)", () => {
  for (const records of [[], [createFailure("timeout")]]) {
    const [load] = summarize(createRun(records), { slo: parseSlo("ttft:1") }).loads;
    assertStrictEquals(load!.throughput.steady, undefined);
    assertStrictEquals(load!.throughput.run.outputTokensPerSec, undefined);
    assertStrictEquals(load!.tokens.prompt.mean, undefined);
    assertStrictEquals(load!.cache.share, undefined);
    assertStrictEquals(load!.stream.readsPerToken, undefined);
    for (const { name, distribution } of load!.metrics) {
      const { count, ...numbers } = distribution;
      assertEquals(count, 0, name);
      for (const value of Object.values(numbers).filter((one) => !Array.isArray(one))) {
        assertStrictEquals(value, undefined, name);
      }
    }
  }
  assertStrictEquals(summarize(createRun([])).loads[0]!.throughput.run.qps, undefined);
});

Deno.test("summarize reports requests completed per second, not requests planned (T15)", () => {
  const half = ROW.map((record, i) =>
    i % 2 === 0 ? record : createFailure("http_error", { index: i, sentMs: i * 200, afterMs: 200 })
  );
  const [load] = summarize(createRun(half)).loads;
  assertEquals(load!.throughput.run.qps, 2.5);
  assertEquals([load!.counts.failed, load!.counts.successRate], [50, 0.5]);
  assertEquals(load!.failures, [{
    kind: "http_error",
    count: 50,
    messages: [{ message: "503: it broke", count: 50 }],
  }]);
});

Deno.test("summarize reports delivered beside requested lengths (T2)", () => {
  const short = createRecord({ ticks: [[10, 1], [20, 3]], requestedTokens: 10 });
  const [load] = summarize(createRun([createRecord(), short])).loads;
  assertEquals(load!.lengths, {
    forced: 2,
    requestedTokens: 15,
    deliveredTokens: 8,
    exact: 1,
    shorter: 1,
    longer: 0,
  });
  assertEquals(load!.tokens.output.total, 8);
});

Deno.test("summarize gives latencies of open loops twice, of closed ones once (T19)", () => {
  // A stall: nothing leaves for a second, then ten requests at once, each answered in 100 ms.
  const stalled = Array.from({ length: 10 }, (_, index) =>
    createRecord({
      index,
      intendedMs: index * 100,
      sentMs: 1000,
      ticks: [[1100, 1], [1110, 2]],
    }));
  const open = { label: "10 req/s constant", kind: "open", ratePerSec: 10 } as const;
  const [load] = summarize(createRun(stalled, { loads: [open] })).loads;
  assertEquals(findMetric(load!, "ttft").distribution.max, 100);
  assertEquals(findMetric(load!, "ttft_intended").distribution.max, 1100);
  assertEquals(load!.arrivals, {
    plannedPerSec: 10,
    scheduledPerSec: 10,
    sentPerSec: undefined,
  });
  const [closed] = summarize(createRun(stalled)).loads;
  assertThrows(() => findMetric(closed!, "ttft_intended"), RangeError, "known are ttft,");
  assertStrictEquals(closed!.arrivals, undefined);
});

Deno.test("summarize gives throughput of the steady window beside that of the run (T20)", () => {
  // Two users over 4 s; the second starts at 1 s; nothing is left to send from 3 s on.
  const at = (index: number, sentMs: number) =>
    createRecord({ index, sentMs, ticks: [[sentMs + 500, 1], [sentMs + 999, 2]] });
  const records = [0, 1000, 2000, 3000].flatMap((ms, i) =>
    ms === 0 ? [at(0, 0)] : [at(2 * i, ms), ...(ms < 3000 ? [at(2 * i + 1, ms)] : [])]
  );
  const [load] = summarize(createRun(records, {
    loads: [{ label: "2 users", users: 2, rampUpMs: 2000 }],
    ends: [{ durationMs: 4000, rampEndMs: 1000, sendingEndMs: 3000 }],
  })).loads;
  assertEquals(load!.throughput.run.outputTokensPerSec, 3);
  assertEquals(load!.throughput.steady!.outputTokensPerSec, 4);
  assertEquals(load!.throughput.steady!.qps, 2);
  assertEquals([load!.throughput.steady!.fromMs, load!.throughput.steady!.toMs], [1000, 3000]);
});

Deno.test("summarize relates goodput to time and attainment to all requests offered", () => {
  const records = [
    createRecord({ index: 0, ticks: [[100, 1], [110, 2]] }),
    createRecord({ index: 1, ticks: [[300, 1], [310, 2]] }),
    createFailure("timeout", { index: 2, afterMs: 2000 }),
    createFailure("dropped", { index: 3 }),
  ];
  const slo = parseSlo("ttft:200,tpot:10");
  assertEquals(summarize(createRun(records), { slo }).loads[0]!.slo, {
    limits: [
      { metric: "ttft", limit: 200, met: 1, unmeasured: 0, attainment: 0.25 },
      { metric: "tpot", limit: 10, met: 2, unmeasured: 0, attainment: 0.5 },
    ],
    good: 1,
    goodput: 0.5,
    steadyGoodput: undefined,
    attainment: 0.25,
    share: undefined,
    intervals: undefined,
  });
});

Deno.test("summarize takes durations from the stamps when the load has no end", () => {
  const run = createRun(ROW);
  const [load] = summarize({ ...run, ends: [] }).loads;
  assertEquals([load!.complete, load!.durationMs], [false, 20_000]);
  assertEquals(load!.throughput.run.qps, 5);
});

Deno.test("summarize samples at most 400 requests, first to last, in the order of sending", () => {
  const many = Array.from({ length: 1000 }, (_, i) => createRecord({ index: 999 - i }));
  const { timeline } = summarize(createRun(many)).loads[0]!;
  assertEquals(timeline.length, 400);
  assert(timeline.every(({ index }, i) => i === 0 || index > timeline[i - 1]!.index));
  assertEquals([timeline[0]!.index, timeline[399]!.index], [0, 997]);
  assertEquals(summarize(createRun(many.slice(0, 3))).loads[0]!.timeline.length, 3);
});

Deno.test("summarize refuses anything but percentiles", () => {
  assertThrows(() => summarize(createRun([]), { percentiles: [50, 100] }), RangeError, `"max"`);
});

Deno.test("summarize copes with a hundred thousand gaps in one request", () => {
  // A list this long as arguments of one call would overflow the stack.
  const ticks = Array.from({ length: 200_000 }, (_, i) => [100 + i, i + 1] as const);
  const [load] = summarize(createRun([createRecord({ ticks })])).loads;
  assertEquals(findMetric(load!, "itl").distribution.count, 199_999);
});
