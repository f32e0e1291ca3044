/**
 * Comparisons of a known server with itself, where every better or worse is false, and with one that is
 * slower by a known share, where every other verdict is a miss.
 *
 * @module
 */
import type { RequestRecord } from "../../backends/record.ts";
import { compareRuns } from "../../metrics/compare.ts";
import { comparePlan } from "../../metrics/compare_plan.ts";
import type {
  ComparedFigure,
  CompareOptions,
  CompareSide,
  Comparison,
} from "../../metrics/compare_result.ts";
import type { Interval } from "../../metrics/load_interval.ts";
import { METRICS } from "../../metrics/metrics.ts";
import type { Summary } from "../../metrics/summary.ts";
import {
  STEADY_SERVER,
  type SyntheticLoad,
  syntheticRun,
  type SyntheticServer,
} from "./aa_runs.ts";

/** What came out of many comparisons, for one figure. */
export interface FigureTally {
  readonly name: string;
  /** Comparisons that had an interval. */
  known: number;
  /** Whose interval does not hold the truth. */
  missed: number;
  /** Better or worse. */
  decided: number;
  /** Same. */
  same: number;
}

/** A study by its name. */
export interface Study {
  readonly name: string;
  readonly title: string;
  /** One comparison. */
  readonly compare: (seed: number) => Comparison;
  /** It has to fail: more false verdicts than 5 % of some figure. */
  readonly fails?: true;
}

/** Sides of single runs. */
function singleRuns(
  server: SyntheticServer,
  { durationMs, change, b = {} }: {
    readonly durationMs: number;
    readonly change?: (summary: Summary, records: readonly RequestRecord[]) => Summary;
    readonly b?: Partial<SyntheticLoad>;
  },
  seed: number,
): readonly CompareSide[] {
  return ["a", "b"].map((name, i) => ({
    name,
    runs: [
      syntheticRun(server, [{ durationMs, ...(i === 1 ? b : {}) }], {
        seed: 2 * seed + i,
        ...(change === undefined ? {} : { change }),
      }),
    ],
  }));
}

/** Sides that took turns in the order ABBA; each pair is a run, so that few records are kept. */
function turns(
  server: SyntheticServer,
  { durationMs, repeats, b = {} }: {
    readonly durationMs: number;
    readonly repeats: number;
    readonly b?: Partial<SyntheticLoad>;
  },
  seed: number,
): readonly CompareSide[] {
  const url = "http://127.0.0.1:8000";
  const sides = [{ name: "a", url }, { name: "b", url }];
  const runs = Array.from({ length: repeats }, (_, i): Summary => {
    const pair: SyntheticLoad[] = [
      { durationMs, plan: { repeat: i + 1, side: 0 } },
      { durationMs, ...b, plan: { repeat: i + 1, side: 1 } },
    ];
    const startedAt = new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
    return syntheticRun(server, i % 2 === 0 ? pair : pair.reverse(), {
      ...{ seed, from: 2 * i, fields: { header: { sides, startedAt } } },
    });
  });
  return sides.map(({ name }, side) => ({ name, side, runs }));
}

/** Sides of several runs each, one side after the other. */
function repeatedRuns(
  server: SyntheticServer,
  { durationMs, repeats }: { readonly durationMs: number; readonly repeats: number },
  seed: number,
): readonly CompareSide[] {
  return ["a", "b"].map((name, i) => ({
    name,
    runs: [
      syntheticRun(
        server,
        Array.from({ length: repeats }, (_, at) => ({ durationMs, plan: { repeat: at + 1 } })),
        { seed: 2 * seed + i, fields: { header: { startedAt: `2026-01-02T03:0${i}:00.000Z` } } },
      ),
    ],
  }));
}

const RUN_EFFECT: SyntheticServer = { ...STEADY_SERVER, runEffect: 0.03 };
const DRIFT: SyntheticServer = { ...RUN_EFFECT, drift: 0.01 };
/** Hundreds of repeats may be asked for: with more drift, the last would measure another server. */
const SLOWED: SyntheticServer = { ...DRIFT, drift: 0.001, runEffect: 0.015, slowness: 0.05 };

/** All studies of a server with itself; `lengthMs` scales their loads. */
export function aaStudies(
  { singleMs, repeatMs }: { readonly singleMs: number; readonly repeatMs: number },
): readonly Study[] {
  return [
    {
      name: "single",
      title: "single runs, noise and dependence, no run effect",
      compare: (seed) => compareRuns(singleRuns(STEADY_SERVER, { durationMs: singleMs }, seed)),
    },
    {
      name: "turns",
      title: "5 repeats by turns, run effect 3 %, drift 1 % a load",
      compare: (seed) => compareRuns(turns(DRIFT, { durationMs: repeatMs, repeats: 5 }, seed)),
    },
    ...[2, 3, 5].map((repeats): Study => ({
      name: `repeats${repeats}`,
      title: `${repeats} repeats of each side, run effect 3 %, no drift`,
      compare: (seed) =>
        compareRuns(repeatedRuns(RUN_EFFECT, { durationMs: repeatMs, repeats }, seed)),
    })),
    {
      name: "unblocked",
      title: "single runs as in the first line, intervals as if requests were independent",
      fails: true,
      compare: (seed) =>
        compareRuns(
          singleRuns(STEADY_SERVER, { durationMs: singleMs, change: asIfIndependent }, seed),
        ),
    },
    {
      name: "unrepeated",
      title: "single runs where runs differ by 3 %",
      fails: true,
      compare: (seed) => compareRuns(singleRuns(RUN_EFFECT, { durationMs: singleMs }, seed)),
    },
  ];
}

/** Runs a study; `truth` = b ÷ a. */
export function runStudy(
  { compare }: Pick<Study, "compare">,
  { from = 0, count, truth = () => 1 }: {
    readonly from?: number;
    readonly count: number;
    readonly truth?: (figure: ComparedFigure) => number;
  },
): readonly FigureTally[] {
  const tallies = new Map<string, FigureTally>();
  for (let seed = from; seed < from + count; seed++) {
    const { loads, refused } = compare(seed);
    if (refused !== undefined) throw new Error(`a study was refused: ${refused}`);
    for (const figure of loads.flatMap((load) => load.figures)) {
      const { name, ratio, verdict } = figure;
      const tally = tallies.get(name) ?? { name, known: 0, missed: 0, decided: 0, same: 0 };
      tallies.set(name, tally);
      const interval = ratio?.interval;
      if (interval === undefined) continue;
      tally.known++;
      const at = truth(figure);
      if (interval.low > at || interval.high < at) tally.missed++;
      if (verdict === "better" || verdict === "worse") tally.decided++;
      if (verdict === "same") tally.same++;
    }
  }
  return [...tallies.values()];
}

/** Intervals that take every request and every gap for independent of the others, for the contrast. */
function asIfIndependent(summary: Summary, records: readonly RequestRecord[]): Summary {
  return {
    ...summary,
    loads: summary.loads.map((load) => {
      const { run } = load.throughput;
      const about = (value: number | undefined): Interval | undefined => {
        if (value === undefined) return undefined;
        const reach = 1.96 * value / Math.sqrt(load.counts.completed);
        return { low: value - reach, high: value + reach };
      };
      return {
        ...load,
        throughput: {
          ...load.throughput,
          run: {
            ...run,
            intervals: {
              qps: about(run.qps),
              outputTokensPerSec: about(run.outputTokensPerSec),
              totalTokensPerSec: about(run.totalTokensPerSec),
            },
          },
        },
        metrics: load.metrics.map((metric) => {
          const { values } = METRICS.find(({ name }) => name === metric.name)!;
          const sorted = Float64Array.from(records.flatMap((record) => values(record))).sort();
          const { mean, std, count, percentiles } = metric.distribution;
          const reach = 1.96 * (std ?? 0) / Math.sqrt(count);
          return {
            ...metric,
            intervals: {
              mean: mean === undefined ? undefined : { low: mean - reach, high: mean + reach },
              median: orderInterval(sorted, 50),
              percentiles: percentiles.map(({ p }) => ({ p, interval: orderInterval(sorted, p) })),
            },
          };
        }),
      };
    }),
  };
}

/** Order statistics around a percentile, by the binomial distribution. */
function orderInterval(sorted: Float64Array, p: number): Interval | undefined {
  const n = sorted.length;
  const reach = 1.96 * Math.sqrt(n * p / 100 * (1 - p / 100));
  const low = sorted[Math.floor(n * p / 100 - reach)];
  const high = sorted[Math.ceil(n * p / 100 + reach)];
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** What a power study found. */
export interface PowerTally {
  /** What is slower in b. */
  readonly name: string;
  /** How it was measured. */
  readonly how: string;
  /** Repeats that plans asked for: least, median, most. */
  readonly repeats: readonly [least: number, median: number, most: number];
  /** Comparisons. */
  count: number;
  /** Of these, those that said worse. */
  found: number;
}

/** A figure that is slower by 5 % in b, and the change of the server that makes it so. */
const SLOWER: readonly { readonly figure: string; readonly b: Partial<SyntheticLoad> }[] = [
  { figure: "itl:mean", b: { itl: 1.05 } },
  { figure: "ttft:p99", b: { ttft: 1.05 } },
];

/**
 * Plans from a pilot of five turns, then compares with as many repeats as it asks for. Holm is over the
 * gated figure, or over all of them.
 */
export function powerStudy(
  { figures = SLOWER.map(({ figure }) => figure), repeatMs, from = 0, count, all, server = SLOWED }:
    {
      readonly server?: SyntheticServer;
      readonly figures?: readonly string[];
      readonly repeatMs: number;
      readonly from?: number;
      readonly count: number;
      readonly all: boolean;
    },
): readonly PowerTally[] {
  return SLOWER.filter(({ figure }) => figures.includes(figure)).map(
    ({ figure, b }): PowerTally => {
      const asked: number[] = [];
      let found = 0;
      const options: CompareOptions = all ? {} : { figures: [figure] };
      for (let seed = from; seed < from + count; seed++) {
        const pilot = turns(server, { durationMs: repeatMs, repeats: 5 }, 1_000_000 + seed);
        const plan = comparePlan(pilot, { effect: 0.05, ...options });
        const own = plan.figures.find(({ name }) => name === figure)!;
        const repeats = own.repeats ?? 1000;
        asked.push(repeats);
        const sides = turns(server, { durationMs: repeatMs, repeats, b }, 2_000_000 + seed);
        const { loads } = compareRuns(sides, options);
        const compared = loads[0]!.figures.find(({ name }) => name === figure)!;
        if (compared.verdict === "worse") found++;
      }
      asked.sort((one, other) => one - other);
      return {
        name: figure,
        how: all ? "all headline figures" : "this figure alone",
        repeats: [asked[0]!, asked[asked.length >> 1]!, asked.at(-1)!],
        ...{ count, found },
      };
    },
  );
}

/** The same with single runs, as long as a plan from one run asks for. */
export function singlePowerStudy(
  { singleMs, from = 0, count }: {
    readonly singleMs: number;
    readonly from?: number;
    readonly count: number;
  },
): readonly (PowerTally & { readonly longestMs: number })[] {
  return SLOWER.map(({ figure, b }) => {
    let found = 0;
    let longestMs = 0;
    for (let seed = from; seed < from + count; seed++) {
      const pilot = singleRuns(STEADY_SERVER, { durationMs: singleMs }, 3_000_000 + seed);
      const plan = comparePlan(pilot.slice(0, 1), { effect: 0.05, figures: [figure] });
      const durationMs = plan.figures[0]?.durationMs ?? singleMs;
      longestMs = Math.max(longestMs, durationMs);
      const sides = singleRuns(STEADY_SERVER, { durationMs, b }, 4_000_000 + seed);
      const { loads } = compareRuns(sides, { figures: [figure] });
      if (loads[0]!.figures[0]?.verdict === "worse") found++;
    }
    return {
      ...{ name: figure, how: "single runs", repeats: [1, 1, 1] as const, count, found, longestMs },
    };
  });
}
