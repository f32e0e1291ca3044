import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { judgeProbe } from "../metrics/capacity_judge.ts";
import type { ProbedLoad } from "../metrics/capacity_measured.ts";
import type { ServiceLevel } from "../metrics/capacity_level.ts";
import { summarize } from "../metrics/summary.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

function level(slo: string, fields: Partial<ServiceLevel> = {}): ServiceLevel {
  return { attainment: 0.99, maxFailures: 0, ...parseSlo(slo), ...fields };
}

/** A load of `count` requests, ten a second, with these TTFTs. */
function load(
  count: number,
  ttftMs: (index: number) => number,
  slo: string,
  fails: (index: number) => boolean = () => false,
): ProbedLoad {
  const records = Array.from({ length: count }, (_, index) => {
    const sentMs = index * 100;
    if (fails(index)) return createFailure("http_error", { index, sentMs });
    return createRecord({
      index,
      sentMs,
      ticks: [[sentMs + ttftMs(index), 1], [sentMs + ttftMs(index) + 20, 3]],
    });
  });
  const run = createRun(records, { loads: [{ kind: "open", ratePerSec: 10, label: "10 req/s" }] });
  return summarize(run, { slo: parseSlo(slo), percentiles: [50, 90, 99] }).loads[0]!;
}

const verdictOf = (loads: readonly ProbedLoad[], slo: ServiceLevel, error = 0.001) =>
  judgeProbe(loads, slo, error).verdict;

Deno.test("judgeProbe: a percentile keeps, breaks, or is undecided by the share beyond it", () => {
  const slo = "ttft:p90<500";
  // Of every 100: so many slow ones, spread evenly.
  const slow = (of100: number) => (index: number) => index * 37 % 100 < of100 ? 900 : 100;
  assertEquals(verdictOf([load(1000, slow(2), slo)], level(slo)), "keeps");
  assertEquals(verdictOf([load(1000, slow(9), slo)], level(slo)), "undecided");
  assertEquals(verdictOf([load(1000, slow(11), slo)], level(slo)), "undecided");
  assertEquals(verdictOf([load(1000, slow(30), slo)], level(slo)), "breaks");
});

Deno.test("judgeProbe: none beyond a p99 proves little in a short load", () => {
  const slo = "ttft:p99<500";
  assertEquals(verdictOf([load(300, () => 100, slo)], level(slo)), "undecided");
  assertEquals(verdictOf([load(900, () => 100, slo)], level(slo)), "keeps");
  // Three short ones say as much as a long one.
  const short = load(300, () => 100, slo);
  assertEquals(verdictOf([short, short, short], level(slo)), "keeps");
});

Deno.test("judgeProbe: slow ones that come together are one event", () => {
  const slo = "ttft:p90<500";
  // 2 %, as above, but in one stretch.
  const together = load(1000, (index) => index >= 500 && index < 545 ? 900 : 100, slo);
  assertEquals(verdictOf([together], level(slo)), "undecided");
});

Deno.test("judgeProbe: limits on requests are judged by the share of good ones", () => {
  const slo = "ttft<500,tpot<50";
  const ok = load(1000, () => 100, slo);
  assertEquals(verdictOf([ok], level(slo)), "keeps");
  const half = load(1000, (index) => index % 2 === 0 ? 100 : 900, slo);
  const look = judgeProbe([half], level(slo), 0.001);
  assertEquals(look.verdict, "breaks");
  assertStringIncludes(look.reason, "50.0 %");
  assertEquals(verdictOf([half], level(slo, { attainment: 0.3 })), "keeps");
});

Deno.test("judgeProbe: a mean is judged by its interval, widened to the error of a look", () => {
  const slo = "ttft:mean<500";
  const noise = (index: number) => 400 + 200 * Math.sin(index * index);
  const one = load(1000, noise, slo);
  assertEquals(verdictOf([one], level(slo)), "keeps");
  const near = load(1000, (index) => noise(index) + 87, slo);
  assertEquals(verdictOf([near], level(slo), 0.02), "keeps");
  assertEquals(verdictOf([near], level(slo), 1e-6), "undecided");
});

Deno.test("judgeProbe: one limit that breaks is enough, and is named", () => {
  const slo = "ttft:p90<500,tpot:p90<5";
  const look = judgeProbe([load(1000, () => 100, slo)], level(slo), 0.001);
  assertEquals(look.verdict, "breaks");
  assertMatch(look.reason, /^tpot:p90 10 ms/);
});

Deno.test("judgeProbe: failures beyond what may fail break it", () => {
  const slo = "ttft:p90<500";
  const one = load(1000, () => 100, slo, (index) => index === 500);
  assertEquals(verdictOf([one], level(slo)), "breaks");
  assertEquals(verdictOf([one], level(slo, { maxFailures: 0.01 })), "keeps");
  assertStringIncludes(judgeProbe([one], level(slo), 0.001).reason, "--max-failures");
});

Deno.test("judgeProbe: a load that was cut short broke it", () => {
  const slo = "ttft:p90<500";
  const cut = { ...load(1000, () => 100, slo), cutShort: "overloaded: it grew" };
  assertEquals(judgeProbe([cut], level(slo), 0.001).verdict, "breaks");
});

Deno.test("judgeProbe: a client-bound probe says nothing, unless all holds at both ends of its error", () => {
  const slo = "ttft:p90<500";
  const verdict = {
    kind: "client-bound",
    message: "The client was the limit",
    reasons: [],
  } as const;
  const bound = { ...load(1000, () => 100, slo), verdict };
  assertEquals(judgeProbe([bound], level(slo), 0.001).verdict, "client-bound");
  const bracketed = (high: number): ProbedLoad => ({
    ...bound,
    metrics: bound.metrics.map((metric) => ({
      ...metric,
      brackets: {
        mean: { low: 0, high },
        median: { low: 0, high },
        percentiles: metric.distribution.percentiles.map(({ p }) => ({
          p,
          bracket: { low: 0, high },
        })),
      } as NonNullable<typeof metric.brackets>,
    })),
  });
  assertEquals(judgeProbe([bracketed(300)], level(slo), 0.001).verdict, "keeps");
  assertEquals(judgeProbe([bracketed(600)], level(slo), 0.001).verdict, "client-bound");
});
