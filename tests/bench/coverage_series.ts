/**
 * Series of values whose truth is known, and how often intervals hold it.
 *
 * @module
 */
import { createRandom, type Random } from "../../backends/random.ts";
import type { Interval } from "../../metrics/load_interval.ts";
import { itl } from "../../metrics/metric_itl.ts";
import { normalQuantile } from "../../metrics/stat_student.ts";
import {
  describe,
  exactValues,
  type SortedValues,
  sortValues,
} from "../../metrics/stat_quantile.ts";
import { type LoadCells, type MetricCells, MOST_CELLS } from "../../metrics/summary_cells.ts";
import { createSampling } from "../../metrics/summary_sampling.ts";

/** Numbers that an interval is made of. */
export const FIGURES = ["mean", "p50", "p90", "p99"] as const;

/** One of them. */
export type FigureName = (typeof FIGURES)[number];

/** Values by time, and what an endless series of them would show. */
export interface Series {
  /** What they are, for the table. */
  readonly name: string;
  /** Values over which they stay alike (autocorrelation 1/e); 0 = independent. */
  readonly alike: number;
  /** Draws `count` values. */
  readonly draw: (random: Random, count: number) => Float64Array;
  /** The truth. */
  readonly truth: Readonly<Record<FigureName, number>>;
}

/** A normal variable. */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}

/** What a law makes of a normal variable (ascending), and its mean. */
export interface Law {
  readonly name: string;
  readonly of: (z: number) => number;
  readonly mean: number;
  /** Median where `of` jumps at 0. */
  readonly median?: number;
}

/** Share of the normal law above a value (Abramowitz and Stegun, 1964, 26.2.17). */
function above(z: number): number {
  if (z < 0) return 1 - above(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const terms = [0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const sum = terms.reduceRight((rest, term) => (rest + term) * t, 0);
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * sum;
}

/** Laws of values. */
export const LAWS = {
  normal: { name: "normal", of: (z: number) => 10 + z, mean: 10 },
  lognormal: { name: "lognormal, σ = 1", of: (z: number) => Math.exp(z), mean: Math.exp(0.5) },
  heavy: {
    name: "lognormal, σ = 1.5",
    of: (z: number) => Math.exp(1.5 * z),
    mean: Math.exp(1.125),
  },
  pareto: {
    name: "Pareto, tail index 3",
    of: (z: number) => above(z) ** (-1 / 3),
    mean: 1.5,
  },
  bimodal: {
    name: "two modes, the median between them",
    of: (z: number) => (z < 0 ? 10 : 20) + 0.1 * z,
    mean: 15,
    median: 15,
  },
} satisfies Readonly<Record<string, Law>>;

/** Values of a law whose normal variables are an AR(1) process. */
export function autocorrelated(law: Law, alike: number): Series {
  const kept = alike === 0 ? 0 : Math.exp(-1 / alike);
  const fresh = Math.sqrt(1 - kept * kept);
  return {
    ...{ name: law.name, alike },
    draw(random, count) {
      let z = normal(random);
      return Float64Array.from({ length: count }, () => {
        const value = law.of(z);
        z = kept * z + fresh * normal(random);
        return value;
      });
    },
    truth: {
      mean: law.mean,
      p50: law.median ?? law.of(0),
      p90: law.of(normalQuantile(0.1)),
      p99: law.of(normalQuantile(0.01)),
    },
  };
}

/** Times of requests in a queue before one server (M/M/1) that is busy for this share of the time. */
export function queue(busy: number): Series {
  const rate = 1 - busy;
  const at = (p: number) => -Math.log(1 - p) / rate;
  return {
    name: `waiting for one server, ${100 * busy} % busy`,
    alike: Math.round((1 + busy) / rate ** 2 / 2),
    draw(random, count) {
      const exponential = (mean: number) => -mean * Math.log(1 - random.next());
      // Lindley's recursion, from a time that such a queue has in the long run.
      let time = exponential(1 / rate);
      return Float64Array.from({ length: count }, () => {
        const value = time;
        time = Math.max(0, time - exponential(1 / busy)) + exponential(1);
        return value;
      });
    },
    truth: { mean: 1 / rate, p50: at(0.5), p90: at(0.9), p99: at(0.99) },
  };
}

/** Values at equal distances in time as the cells of a load. */
export function cellsOf(values: Float64Array): LoadCells {
  const count = new Float64Array(MOST_CELLS);
  const sum = new Float64Array(MOST_CELLS);
  const cellOf = (i: number) => Math.floor(i * MOST_CELLS / values.length);
  values.forEach((value, i) => {
    count[cellOf(i)]!++;
    sum[cellOf(i)]! += value;
  });
  const metric: MetricCells = {
    ...{ count, sum },
    around: (limits) =>
      limits.map((limit) => {
        const below = new Float64Array(MOST_CELLS);
        const equal = new Float64Array(MOST_CELLS);
        for (let i = 0; i < values.length; i++) {
          if (values[i]! < limit) below[cellOf(i)]!++;
          else if (values[i] === limit) equal[cellOf(i)]!++;
        }
        return { below, equal };
      }),
    values: () => exactValues(sortValues([...values])),
  };
  return {
    ...{ widthMs: 1, cells: MOST_CELLS, relativeError: 0 },
    counts: () => new Float64Array(MOST_CELLS),
    metric: () => metric,
  };
}

/** Makes intervals of a series. */
export type Method = (
  values: Float64Array,
  sorted: SortedValues,
  random: Random,
) => Readonly<Partial<Record<FigureName, Interval | undefined>>>;

/** The intervals that summaries have. */
export const ours: Method = (values, sorted) => {
  const sampling = createSampling({
    cells: cellsOf(values),
    sending: { fromMs: 0, toMs: MOST_CELLS },
    relativeError: 0,
  });
  const found = sampling.metric(itl, exactValues(sorted), describe(sorted, [90, 99]));
  const [p90, p99] = found?.percentiles ?? [];
  return { mean: found?.mean, p50: found?.median, p90: p90?.interval, p99: p99?.interval };
};

/** How often the intervals of one figure held the truth. */
export interface Coverage {
  /** Share of those that there were. */
  readonly held: number;
  /** Share of series that had one. */
  readonly given: number;
  /** Mean width ÷ the width that an oracle needs, who knows how far such figures are from the truth. */
  readonly width: number;
}

/** Draws `count` series of `length` values and asks a method about each. */
export function cover(
  series: Series,
  { method, length, count, seed }: {
    readonly method: Method;
    readonly length: number;
    readonly count: number;
    readonly seed: number;
  },
): Readonly<Record<FigureName, Coverage | undefined>> {
  const random = createRandom(seed, `coverage ${series.name} ${series.alike} ${length}`);
  const drawn = createRandom(seed, "method");
  const totals = FIGURES.map(() => ({ held: 0, given: 0, width: 0, sum: 0, squares: 0 }));
  for (let i = 0; i < count; i++) {
    const values = series.draw(random, length);
    const sorted = sortValues(values as unknown as readonly number[]);
    const set = exactValues(sorted);
    const intervals = method(values, sorted, drawn);
    FIGURES.forEach((name, at) => {
      const total = totals[at]!;
      const truth = series.truth[name];
      const off = (name === "mean" ? set.mean! : set.quantile(Number(name.slice(1)))!) - truth;
      total.sum += off;
      total.squares += off * off;
      const interval = intervals[name];
      if (interval === undefined) return;
      total.given++;
      total.width += interval.high - interval.low;
      if (interval.low <= truth && truth <= interval.high) total.held++;
    });
  }
  return Object.fromEntries(FIGURES.map((name, at) => {
    const { held, given, width, sum, squares } = totals[at]!;
    const spread = Math.sqrt(squares / count - (sum / count) ** 2);
    return [
      name,
      given === 0
        ? undefined
        : { held: held / given, given: given / count, width: width / given / (2 * 1.96 * spread) },
    ];
  })) as Record<FigureName, Coverage | undefined>;
}
