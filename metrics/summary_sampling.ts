/**
 * What chance leaves open about the figures of a load: intervals from its cells over time.
 *
 * @module
 */
import { formatMs } from "./format.ts";
import type { Distribution } from "./load_figures.ts";
import type { DistributionIntervals, Interval, SamplingBasis } from "./load_interval.ts";
import type { Throughput, Window } from "./load_series.ts";
import type { SloSummary } from "./load_limits.ts";
import type { Metric } from "./metric.ts";
import {
  BLOCKS,
  type BlockSpread,
  blockSpread,
  type CellRatio,
  chanceReach,
  LEVEL,
  meanReach,
  shareReach,
} from "./stat_blocks.ts";
import type { ValueSet } from "./stat_quantile.ts";
import type { CellsAround, LoadCells } from "./summary_cells.ts";

/** Finds intervals, and remembers how. */
export interface Sampling {
  /** Of a metric's distribution; absent where it has none. */
  metric(metric: Metric, values: ValueSet, distribution: Distribution):
    | DistributionIntervals
    | undefined;
  /** Of rates over the whole run or a window in it. */
  rates(rates: Throughput): Throughput["intervals"];
  /** Of good requests per second of a window, and of their share. */
  goodput(figures: Pick<SloSummary, "goodput" | "steadyGoodput" | "attainment">, windows: {
    readonly run: Window;
    readonly steady: Window | undefined;
  }): SloSummary["intervals"];
  /** How the intervals so far were made. */
  basis(): SamplingBasis;
}

/** Where intervals come from. */
export interface SamplingOptions {
  /** The load over time. */
  readonly cells: LoadCells;
  /** From the end of its ramp-up to when nothing was left to send: rates are the same from here to there. */
  readonly sending: Window;
  /** How far a value of these cells may be off, as a share of it; 0 = exact. */
  readonly relativeError: number;
}

/**
 * How alike values are is told by few of them in a tail, and where those seem the least alike by chance,
 * the interval is the narrowest. So whether there is one is decided by what this share of all says.
 */
const TAIL = 0.1;

/** And as if that were so many times as uncertain: what seems just enough is too little in half of the cases. */
const TAIL_CAUTION = 1.5;

/** Has found nothing yet. */
export function createSampling({ cells, sending, relativeError }: SamplingOptions): Sampling {
  const { widthMs } = cells;
  let found = 0;
  const blocks = { cells: 0, alike: 0 };
  const refused = { few: false, alikeCells: 0 };
  const spreadOf = (ratio: CellRatio): BlockSpread | undefined => {
    const spread = blockSpread(ratio);
    if (!("absent" in spread)) {
      found++;
      blocks.cells = Math.max(blocks.cells, spread.blockCells);
      blocks.alike = Math.max(blocks.alike, spread.alikeCells);
      return spread;
    }
    if (spread.absent === "few") refused.few = true;
    else refused.alikeCells = Math.max(refused.alikeCells, spread.alikeCells);
    return undefined;
  };

  /** Of the sum of these by time, per second of a window in which it was `value`. */
  const rate = (
    amounts: readonly Float64Array[],
    { fromMs, toMs }: Window,
    value: number | undefined,
  ): Interval | undefined => {
    if (value === undefined || !(toMs > fromMs)) return undefined;
    const spread = spreadOf(sendingCells(cells, sending, amounts));
    if (spread === undefined) return undefined;
    // The edges of a load are no chance; what is left for it grows with the length.
    const of = spread.blockCells * BLOCKS * widthMs / (toMs - fromMs);
    const error = spread.error * Math.sqrt(of) * 1000 / widthMs;
    const { below, above } = meanReach({ ...spread, error });
    // A window cuts requests; had it ended a little later, all of them might have been in it.
    const flow = inWindow(amounts, { fromMs, toMs }, widthMs) * 1000 / (toMs - fromMs);
    return {
      low: Math.max(0, Math.min(value, flow) - below),
      high: Math.max(value, flow) + above,
    };
  };

  return {
    metric(metric, set, { mean, median, percentiles }) {
      const { count } = set;
      const own = count < 2 * BLOCKS ? undefined : cells.metric(metric);
      if (own === undefined) {
        if (count > 0) refused.few = true;
        return undefined;
      }
      const asked = [0.5, ...percentiles.map(({ p }) => p / 100)];
      const shares = new Set(asked.flatMap((share) => [share, inside(share)]));
      const limits = [...shares].map((share) => set.quantile(100 * share)!);
      const around = own.around(limits);
      const spreads = new Map<number, BlockSpread | undefined>();
      const spreadAt = (share: number): BlockSpread | undefined => {
        if (!spreads.has(share)) {
          const at = [...shares].indexOf(share);
          spreads.set(share, spreadOf(shareBelow(around[at]!, own.count, share * count)));
        }
        return spreads.get(share);
      };
      const interval = (share: number, value: number | undefined): Interval | undefined => {
        if (value === undefined) return undefined;
        const spread = spreadAt(share);
        if (spread === undefined) return undefined;
        const reach = shareReach(share, { error: spread.error, count });
        const inner = inside(share);
        if (inner !== share) {
          const body = spreadAt(inner);
          if (body === undefined) return undefined;
          const alike = TAIL_CAUTION * body.error ** 2 / (inner * (1 - inner)) * share *
            (1 - share);
          const most = shareReach(share, { error: Math.max(reach.error, Math.sqrt(alike)), count });
          if (ranks(most, count) === undefined) return undefined;
        }
        const at = ranks(reach, count);
        if (at === undefined) return undefined;
        const valueAt = (rank: number) => set.quantile(100 * rank / (count - 1))!;
        return {
          low: Math.min(value, within(valueAt(at.low), -relativeError)),
          high: Math.max(value, within(valueAt(at.high), relativeError)),
        };
      };
      const spread = spreadOf({ amount: own.sum, size: own.count });
      const reach = spread && meanReach(spread);
      const intervals = {
        mean: mean === undefined || reach === undefined ? undefined : {
          low: Math.max(set.min!, mean - reach.below),
          high: Math.min(set.max!, mean + reach.above),
        },
        median: interval(0.5, median),
        percentiles: percentiles.map(({ p, value }) => ({ p, interval: interval(p / 100, value) })),
      };
      const any = [
        intervals.mean,
        intervals.median,
        ...intervals.percentiles.map((one) => one.interval),
      ]
        .some((one) => one !== undefined);
      return any ? intervals : undefined;
    },
    rates({ qps, outputTokensPerSec, totalTokensPerSec, ...window }) {
      const [completed, output, prompt] = (["completedFlow", "outputTokens", "promptFlow"] as const)
        .map((counter) => cells.counts(counter));
      if (total(completed!) < BLOCKS) return void (refused.few = true);
      const intervals = {
        qps: rate([completed!], window, qps),
        outputTokensPerSec: rate([output!], window, outputTokensPerSec),
        totalTokensPerSec: rate([output!, prompt!], window, totalTokensPerSec),
      };
      return Object.values(intervals).some((one) => one !== undefined) ? intervals : undefined;
    },
    goodput({ goodput, steadyGoodput, attainment }, { run, steady }) {
      const good = cells.counts("goodFlow");
      const enough = total(good) >= BLOCKS;
      const offered = cells.counts("offered");
      const count = total(offered);
      const share = attainment === undefined || count < 2 * BLOCKS
        ? undefined
        : spreadOf({ amount: cells.counts("offeredGood"), size: offered });
      const intervals = {
        goodput: enough ? rate([good], run, goodput) : undefined,
        steadyGoodput: enough && steady !== undefined
          ? rate([good], steady, steadyGoodput)
          : undefined,
        attainment: share && chanceReach(attainment!, { error: share.error, count }),
      };
      return Object.values(intervals).some((one) => one !== undefined) ? intervals : undefined;
    },
    basis() {
      const length = (cells: number) => cells * widthMs;
      const given = found > 0;
      return {
        level: LEVEL,
        blocks: given ? BLOCKS : undefined,
        blockMs: given ? length(blocks.cells) : undefined,
        correlationMs: given
          ? length(blocks.alike)
          : refused.alikeCells > 0
          ? length(refused.alikeCells)
          : undefined,
        absent: given
          ? undefined
          : refused.alikeCells > 0
          ? `values stay alike for ${formatMs(length(refused.alikeCells))} or longer: ` +
            "it takes a load of 40 times that"
          : `the load is too short: each ${BLOCKS}th of it needs values of its own`,
      };
    },
  };
}

function inside(share: number): number {
  return Math.min(1 - TAIL, Math.max(TAIL, share));
}

/** Numbers of the values between which a percentile lies; absent where one would lie beyond all of them. */
function ranks(
  { low, high }: { readonly low: number; readonly high: number },
  count: number,
): { readonly low: number; readonly high: number } | undefined {
  const at = { low: Math.floor(low * count) - 1, high: Math.ceil(high * count) };
  return at.low < 0 || at.high > count - 1 ? undefined : at;
}

/** How many values of each cell are among the least `rank` of all; equal ones count by their share. */
function shareBelow({ below, equal }: CellsAround, size: Float64Array, rank: number): CellRatio {
  const equals = total(equal);
  const share = equals === 0 ? 0 : Math.min(1, Math.max(0, rank - total(below)) / equals);
  return { amount: below.map((count, i) => count + share * equal[i]!), size };
}

/** A load has started where a cell first holds this share of what is usual. */
const START = 0.5;

/**
 * Amounts by cell while requests were sent, from when the load had started: before, the first prompts
 * of all users are read at once, and behind it the load dies away. A load that is mostly edges counts as
 * a whole.
 */
function sendingCells(
  { widthMs, cells }: LoadCells,
  { fromMs, toMs }: Window,
  amounts: readonly Float64Array[],
): CellRatio {
  const all = new Float64Array(cells).map((_, i) =>
    amounts.reduce((sum, amount) => sum + amount[i]!, 0)
  );
  const to = Math.min(cells, Math.floor(toMs / widthMs + 1e-9));
  const usual = total(all.subarray(0, to)) / Math.max(1, to);
  const first = all.findIndex((amount) => amount > 0 && amount >= START * usual);
  const from = Math.max(first, Math.ceil(fromMs / widthMs - 1e-9));
  const amount = to - from < cells / 2 ? all : all.subarray(from, to);
  return { amount, size: new Float64Array(amount.length).fill(1) };
}

/** What the cells of a window hold, those at its edges by their share. */
function inWindow(
  amounts: readonly Float64Array[],
  { fromMs, toMs }: Window,
  widthMs: number,
): number {
  let sum = 0;
  for (const amount of amounts) {
    for (let i = Math.floor(fromMs / widthMs); i < amount.length && i * widthMs < toMs; i++) {
      const own = Math.min(toMs, (i + 1) * widthMs) - Math.max(fromMs, i * widthMs);
      sum += amount[i]! * own / widthMs;
    }
  }
  return sum;
}

/** Away from zero or towards it, by a share. */
function within(value: number, share: number): number {
  return value + Math.abs(value) * share;
}

function total(counts: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}
