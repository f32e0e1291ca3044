/**
 * Order statistics on raw values, without buckets, rounding or padding, or on any other set of values
 * that knows its quantiles.
 *
 * @module
 */
import type { Distribution } from "./load_figures.ts";

/**
 * Finite numbers in ascending order, made by {@linkcode sortValues} only. The brand exists for the
 * compiler only.
 */
export type SortedValues = Float64Array & { readonly __ascending: true };

/** The values of a distribution: all of them sorted, or a histogram of them. */
export interface ValueSet extends Omit<Distribution, "median" | "percentiles"> {
  /** As {@linkcode quantile}. */
  quantile(p: number): number | undefined;
  /** Values in ascending order, equal ones together or one by one. */
  each(visit: (value: number, count: number) => void): void;
  /** All of them, where they are kept: what would walk through them can then search. */
  readonly sorted?: SortedValues;
}

/**
 * A sorted copy.
 *
 * @throws {RangeError} when a value is not finite.
 */
export function sortValues(values: ArrayLike<number>): SortedValues {
  return sortLists([values]);
}

/** Takes values list by list, so that a million lists need not exist at once. */
export interface ValueCollector {
  /** Adds the values of a list. */
  add(list: ArrayLike<number>): void;
  /**
   * All of them, sorted; nothing can be added any more.
   *
   * @throws {RangeError} when a value is not finite.
   */
  sorted(): SortedValues;
}

/** @param room values that are expected; more may come. */
export function collectValues(room: number = 1024): ValueCollector {
  let all = new Float64Array(room);
  let count = 0;
  // Often they are: all reads of one token each, stamps of requests in their order.
  let ascending = true;
  return {
    add(list) {
      if (count + list.length > all.length) {
        const more = new Float64Array(Math.max(2 * all.length, count + list.length));
        more.set(all);
        all = more;
      }
      // In variables of this call: those around it are slower.
      const into = all;
      let at = count;
      let last = at === 0 ? -Infinity : into[at - 1]!;
      let inOrder = ascending;
      for (let i = 0; i < list.length; i++) {
        const value = list[i]!;
        if (!(value >= last)) inOrder = false;
        into[at++] = last = value;
      }
      count = at;
      ascending = inOrder;
    },
    sorted() {
      const values = all.subarray(0, count);
      if (!ascending) values.sort();
      // NaN sorts last and −∞ first, so checking both ends is enough.
      for (const end of [values[0], values[count - 1]]) {
        if (end !== undefined && !Number.isFinite(end)) {
          throw new RangeError(`Cannot sort ${end}: values must be finite`);
        }
      }
      return values as SortedValues;
    },
  };
}

/**
 * The values of several lists, sorted as one, e.g. the pooled gaps of many requests.
 *
 * @param room values that are expected; more may come.
 * @throws {RangeError} when a value is not finite.
 */
export function sortLists(lists: Iterable<ArrayLike<number>>, room?: number): SortedValues {
  const values = collectValues(room);
  for (const list of lists) values.add(list);
  return values.sorted();
}

/**
 * Percentile by linear interpolation between closest ranks (type 7, as numpy's default): position
 * (n − 1) · p ÷ 100. Absent for no values.
 *
 * @throws {RangeError} when `p` is not between 0 and 100.
 *
 * @example
 * ```ts
 * import { quantile, sortValues } from "@tokometer/tokometer/metrics";
 *
 * const values = sortValues([4, 1, 10, 3, 2]);
 * if (quantile(values, 50) !== 3) throw new Error("p50 of 1 2 3 4 10 is 3");
 * ```
 */
export function quantile(values: SortedValues, p: number): number | undefined {
  if (!(p >= 0 && p <= 100)) {
    throw new RangeError(`Cannot compute percentile ${p}: give a number from 0 to 100`);
  }
  if (values.length === 0) return undefined;
  const position = (values.length - 1) * p / 100;
  const below = Math.floor(position);
  const low = values[below]!;
  const high = values[Math.min(below + 1, values.length - 1)]!;
  return low + (high - low) * (position - below);
}

/**
 * How many values pN needs. With fewer than 100 ÷ (100 − N), not even one is expected above it, and
 * the percentile would be the largest value under another name.
 *
 * @throws {RangeError} when `p` is not from 0 to below 100.
 */
export function minimumSamples(p: number): number {
  if (!(p >= 0 && p < 100)) {
    throw new RangeError(
      `Cannot report percentile ${p}: give a number from 0 to below 100; the largest value is "max"`,
    );
  }
  // 100 ÷ (100 − 99.9) is 1000.00000000006 in binary: without the slack, p99.9 would want 1,001.
  return Math.ceil(100 / (100 - p) * (1 - 1e-9));
}

/** Sorted values as a set; everything about it is exact. */
export function exactValues(values: SortedValues): ValueSet {
  const count = values.length;
  let mean: number | undefined;
  let std: number | undefined;
  return {
    count,
    min: values[0],
    max: values[count - 1],
    get mean() {
      return count === 0 ? undefined : mean ??= meanOf(values);
    },
    get std() {
      return count === 0 ? undefined : std ??= populationStd(values, this.mean!);
    },
    quantile: (p) => quantile(values, p),
    each(visit) {
      for (let i = 0; i < count; i++) visit(values[i]!, 1);
    },
    sorted: values,
  };
}

/** How many values are below a limit. */
export function countBelow(values: SortedValues, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many ascending values are at most a limit. */
export function countUpTo(values: Float64Array, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The value with so many below it or equal, in both together; the second ones from `from` on. */
export function atRankOfBoth(
  one: SortedValues,
  other: SortedValues,
  { rank, from }: { readonly rank: number; readonly from: number },
): number {
  const others = other.length - from;
  let low = Math.max(0, rank - others);
  let high = Math.min(rank, one.length);
  for (;;) {
    // So many of the first and of the second come before it.
    const i = (low + high) >>> 1;
    const j = rank - i;
    if (i > 0 && j < others && one[i - 1]! > other[from + j]!) high = i - 1;
    else if (j > 0 && i < one.length && other[from + j - 1]! > one[i]!) low = i + 1;
    else return Math.min(one[i] ?? Infinity, j < others ? other[from + j]! : Infinity);
  }
}

/**
 * Summary of values; a percentile with too few samples is absent.
 *
 * @throws {RangeError} when a percentile is not from 0 to below 100.
 */
export function describe(
  values: SortedValues | ValueSet,
  percentiles: readonly number[],
): Distribution {
  const set = asSet(values);
  const { count, min, max, mean, std } = set;
  return {
    count,
    min,
    max,
    mean,
    median: set.quantile(50),
    std,
    percentiles: percentiles.map((p) => ({
      p,
      value: count >= minimumSamples(p) ? set.quantile(p) : undefined,
    })),
  };
}

/** Sorted values as a set; a set is returned as it is. */
export function asSet(values: SortedValues | ValueSet): ValueSet {
  return values instanceof Float64Array ? exactValues(values) : values;
}

/** Mean, within [min, max] also where the sum rounds (0.1 + 0.1 + 0.1 is not 3 · 0.1). */
function meanOf(values: SortedValues): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Math.min(Math.max(sum / values.length, values[0]!), values[values.length - 1]!);
}

function populationStd(values: SortedValues, mean: number): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return Math.sqrt(squares / values.length);
}
