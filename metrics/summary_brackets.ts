/**
 * From the ends of all values to the ends of their mean and percentiles.
 *
 * Every true value lies between its low and its high end, so the k-th smallest true value lies between
 * the k-th smallest low and the k-th smallest high end, and so does every percentile: nothing has to be
 * assumed about how the errors are spread. Where narrower ends are known to hold for most values, a
 * percentile also lies between those of their percentiles that allow for all the others.
 *
 * @module
 */
import type { Bracket, DistributionBrackets } from "./load_bracket.ts";
import type { Distribution } from "./load_figures.ts";
import { atRankOfBoth, countBelow, type SortedValues, type ValueSet } from "./stat_quantile.ts";

/** The ends of the values of one metric. */
export interface EndSets {
  /** The least that each value can be. */
  readonly low: ValueSet;
  /** The most that each can be. */
  readonly high: ValueSet;
  /** Further values from 0 to these, each of which may exist or not. */
  readonly hidden: ValueSet;
  /** How far a percentile of these sets may be off, as a share of it; 0 = exact. */
  readonly relativeError: number;
  /** Narrower ends that hold for most values; default none. */
  readonly most?: readonly MostEnds[];
}

/** Ends that hold for all values but a few, nobody knows which. */
export interface MostEnds {
  /** Share of the values that may lie outside, at most. */
  readonly outside: number;
  /** The least that each of the others can be. */
  readonly low: ValueSet;
  /** The most that each can be. */
  readonly high: ValueSet;
}

/** Brackets of the numbers that a distribution has; each holds the number itself. */
export function bracketsOf(
  { mean, median, percentiles }: Distribution,
  ends: EndSets,
): DistributionBrackets {
  const { relativeError } = ends;
  const around = (value: number | undefined, low: number, high: number): Bracket | undefined =>
    value === undefined ? undefined : { low: Math.min(value, low), high: Math.max(value, high) };
  const percentile = (p: number, value: number | undefined) =>
    value === undefined ? undefined : around(
      value,
      lowQuantile(ends, p) * (1 - relativeError),
      highQuantile(ends, p) * (1 + relativeError),
    );
  return {
    mean: mean === undefined ? undefined : around(mean, lowMean(ends), highMean(ends)),
    median: percentile(50, median),
    percentiles: percentiles.map(({ p, value }) => ({ p, bracket: percentile(p, value) })),
  };
}

/** As if all hidden values were there and 0. */
function lowQuantile(ends: EndSets, p: number): number {
  // Were all those outside at the bottom, the percentile would be this much further down.
  return usable(ends, p).reduce(
    (least, { outside, low }) => Math.max(least, low.quantile(p - 100 * outside)!),
    lowOfAll(ends, p),
  );
}

function highQuantile(ends: EndSets, p: number): number {
  return usable(ends, p).reduce(
    (largest, { outside, high }) => Math.min(largest, high.quantile(p + 100 * outside)!),
    highOfAll(ends, p),
  );
}

/** A tail is made of the few that are outside: narrower ends say nothing about it. */
function usable({ most = [] }: EndSets, p: number): readonly MostEnds[] {
  return most.filter(({ outside }) => Math.min(p, 100 - p) >= 200 * outside);
}

function lowOfAll({ low, hidden }: EndSets, p: number): number {
  const zeros = hidden.count;
  if (zeros === 0) return low.quantile(p)!;
  const position = (low.count + zeros - 1) * p / 100 - zeros;
  if (position <= -1) return 0;
  if (position < 0) return low.min! * (1 + position);
  return low.count === 1 ? low.min! : low.quantile(100 * position / (low.count - 1))!;
}

/**
 * As if those hidden values were there that make it larger, and as large as they can be. Where there
 * are some, the value above the percentile is taken and nothing interpolated: a further value below it
 * could raise a point between two values, but never the upper one of them.
 */
function highOfAll({ high, hidden }: EndSets, p: number): number {
  if (hidden.count === 0) return high.quantile(p)!;
  if (high.sorted !== undefined && hidden.sorted !== undefined) {
    return highOfSorted(high.sorted, hidden.sorted, p);
  }
  const all: (readonly [value: number, count: number])[] = [];
  hidden.each((value, n) => all.push([value, n]));
  let highest = -Infinity;
  let larger: typeof all = [];
  while (true) {
    const count = larger.reduce((sum, [, n]) => sum + n, high.count);
    const found = atRank(high, larger, Math.ceil((count - 1) * p / 100));
    if (!(found > highest)) return highest;
    highest = found;
    larger = all.filter(([value]) => value > found);
  }
}

/** {@linkcode highOfAll} of values that are kept. */
function highOfSorted(high: SortedValues, hidden: SortedValues, p: number): number {
  let highest = -Infinity;
  let from = hidden.length;
  while (true) {
    const count = high.length + hidden.length - from;
    const rank = Math.ceil((count - 1) * p / 100);
    const found = atRankOfBoth(high, hidden, { rank, from });
    if (!(found > highest)) return highest;
    highest = found;
    from = countBelow(hidden, found);
    while (hidden[from] === found) from++;
  }
}

/** The value at a rank of both sets together; `more` ascends. */
function atRank(
  set: ValueSet,
  more: readonly (readonly [value: number, count: number])[],
  rank: number,
): number {
  let found: number | undefined;
  let passed = 0;
  let next = 0;
  const pass = (value: number, count: number) => {
    passed += count;
    if (passed > rank) found ??= value;
  };
  set.each((value, count) => {
    while (next < more.length && more[next]![0] < value) pass(...more[next++]!);
    pass(value, count);
  });
  while (next < more.length) pass(...more[next++]!);
  return found!;
}

function lowMean({ low, hidden }: EndSets): number {
  return low.mean! * low.count / (low.count + hidden.count);
}

function highMean({ high, hidden }: EndSets): number {
  let highest = high.mean!;
  while (true) {
    let sum = high.mean! * high.count;
    let count = high.count;
    hidden.each((value, n) => {
      if (!(value > highest)) return;
      sum += value * n;
      count += n;
    });
    if (!(sum / count > highest)) return highest;
    highest = sum / count;
  }
}
