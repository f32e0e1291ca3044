/**
 * From the ends of all values to the ends of their mean and percentiles.
 *
 * Every true value lies between its low and its high end, so the k-th smallest true value lies between
 * the k-th smallest low and the k-th smallest high end, and so does every percentile: nothing has to be
 * assumed about how the errors are spread.
 *
 * @module
 */
import type { Bracket, DistributionBrackets } from "./load_bracket.ts";
import type { Distribution } from "./load_summary.ts";
import type { ValueSet } from "./stat_quantile.ts";

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
function lowQuantile({ low, hidden }: EndSets, p: number): number {
  const zeros = hidden.count;
  if (zeros === 0) return low.quantile(p)!;
  const position = (low.count + zeros - 1) * p / 100 - zeros;
  if (position <= -1) return 0;
  if (position < 0) return low.min! * (1 + position);
  return low.count === 1 ? low.min! : low.quantile(100 * position / (low.count - 1))!;
}

/** As if those hidden values were there that make it larger, and as large as they can be. */
function highQuantile({ high, hidden }: EndSets, p: number): number {
  const without = high.quantile(p)!;
  const larger: (readonly [value: number, count: number])[] = [];
  let count = high.count;
  hidden.each((value, n) => {
    if (!(value > without)) return;
    larger.push([value, n]);
    count += n;
  });
  if (larger.length === 0) return without;
  const position = (count - 1) * p / 100;
  const below = Math.floor(position);
  const [first, second] = atRanks(high, larger, [below, Math.min(below + 1, count - 1)]);
  return Math.max(without, first! + (second! - first!) * (position - below));
}

/** The values at two ascending ranks of both sets together; `more` ascends. */
function atRanks(
  set: ValueSet,
  more: readonly (readonly [value: number, count: number])[],
  ranks: readonly [number, number],
): number[] {
  const found: number[] = [];
  let passed = 0;
  let next = 0;
  const pass = (value: number, count: number) => {
    passed += count;
    while (found.length < ranks.length && passed > ranks[found.length]!) found.push(value);
  };
  set.each((value, count) => {
    while (next < more.length && more[next]![0] < value) pass(...more[next++]!);
    pass(value, count);
  });
  while (next < more.length) pass(...more[next++]!);
  return found;
}

function lowMean({ low, hidden }: EndSets): number {
  return low.mean! * low.count / (low.count + hidden.count);
}

function highMean({ high, hidden }: EndSets): number {
  let sum = high.mean! * high.count;
  let count = high.count;
  hidden.each((value, n) => {
    if (!(value > high.mean!)) return;
    sum += value * n;
    count += n;
  });
  return sum / count;
}
