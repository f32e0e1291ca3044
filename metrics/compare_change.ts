/**
 * How much a figure changed from one side to the other, and what chance leaves open about it.
 *
 * Single runs: their intervals combined by MOVER (Zou and Donner, Construction of confidence limits
 * about effect measures, Statistics in Medicine 2008). Repeats: the run is the unit, Welch's t (1947).
 * Repeats by turns of the sides: the t of the pairs' changes, from which the effect of the turn, and
 * with it a drift, is taken out where pairs of both orders are enough (least squares with an order
 * term, as for a cross-over; Jones and Kenward, Design and Analysis of Cross-Over Trials, 2014).
 * Ratios are on a log scale, where a change of +5 % is as far from none as its inverse.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import { type Pair, pairsOf, type Sample } from "./compare_measured.ts";
import {
  LINEAR,
  meanOf,
  pairedChange,
  type Scale,
  scaleOf,
  TAIL,
  varianceOf,
  withinSpread,
} from "./compare_spread.ts";
import type { CompareUnit, SideValue } from "./compare_result.ts";
import type { Interval } from "./load_interval.ts";
import { studentQuantile, studentTail } from "./stat_student.ts";

/** What binary fractions add to values that are the same. */
const ROUNDING = 1e-12;

/** How a change was found. */
export interface Change {
  /** The b side − the a side, and its interval. */
  readonly difference: { readonly value: number; readonly interval: Interval | undefined };
  /** b ÷ a; absent where a is not above 0. */
  readonly ratio: { readonly value: number; readonly interval: Interval | undefined } | undefined;
  /** Whether turns were compared with each other. */
  readonly paired: boolean;
  /** What chance was measured against. */
  readonly chance: CompareUnit;
  /** Of "no change". */
  readonly pValue: number | undefined;
  /** Why there is no interval, in a clause; absent = there is. */
  readonly absent: string | undefined;
}

/** An estimate on the scale of a comparison, with a margin of error on each side. */
interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly pValue: number;
}

/** The change between two sides; both have at least one value. */
export function changeOf(a: readonly Sample[], b: readonly Sample[]): Change {
  const scale = scaleOf([...a, ...b]);
  const pairs = pairsOf(a, b);
  if (pairs.length >= 2) {
    const sides = [pairs.map((pair) => pair.a), pairs.map((pair) => pair.b)] as const;
    return asChange(pairedEstimate(pairs, scale), { scale, sides, paired: true });
  }
  if (a.length >= 2 || b.length >= 2) {
    return asChange(repeatedEstimate(a, b, scale), { scale, sides: [a, b], paired: false });
  }
  const single = intervalScale([a[0]!, b[0]!], scale);
  const estimate = moverEstimate(a[0]!, b[0]!, single);
  return asChange(estimate, { scale: single, sides: [a, b], paired: false });
}

/** A side's own value with its interval, its bracket and its spread. */
export function sideValue(samples: readonly Sample[]): SideValue {
  const values = samples.map(({ value }) => value);
  const scale = scaleOf(samples);
  const [first] = samples;
  const spreadWithin = withinSpread(samples)?.std;
  if (first === undefined || samples.length === 1) {
    return {
      value: first?.value,
      interval: first?.interval,
      bracket: first?.bracket,
      ...{ values, spread: undefined, spreadWithin },
    };
  }
  const scaled = values.map(scale.to);
  const mean = meanOf(scaled);
  const std = Math.sqrt(varianceOf(scaled));
  const reach = studentQuantile(TAIL, values.length - 1) * std / Math.sqrt(values.length);
  const value = scale.from(mean);
  return {
    value,
    interval: { low: scale.from(mean - reach), high: scale.from(mean + reach) },
    bracket: meanBracket(samples, scale),
    values,
    spread: scale.log ? std : value === 0 ? undefined : std / Math.abs(value),
    spreadWithin,
  };
}

/**
 * Values of two sides that took turns, without the drift between them: as far apart as their change,
 * around the mean of both.
 */
export function alongChange(
  { a, b }: { readonly a: SideValue; readonly b: SideValue },
  { paired, ratio, difference }: Change,
): { readonly a: SideValue; readonly b: SideValue } {
  if (!paired || a.value === undefined || b.value === undefined) return { a, b };
  if (ratio !== undefined && a.value > 0 && b.value > 0) {
    const middle = Math.sqrt(a.value * b.value);
    const half = Math.sqrt(ratio.value);
    return { a: { ...a, value: middle / half }, b: { ...b, value: middle * half } };
  }
  const middle = (a.value + b.value) / 2;
  const half = difference.value / 2;
  return { a: { ...a, value: middle - half }, b: { ...b, value: middle + half } };
}

/** Mean of the ends: the true mean lies between them as each true value lies in its own. */
function meanBracket(samples: readonly Sample[], scale: Scale): Bracket | undefined {
  const ends = (of: (bracket: Bracket) => number) =>
    samples.map(({ bracket }) => bracket === undefined ? NaN : scale.to(of(bracket)));
  const low = scale.from(meanOf(ends((bracket) => bracket.low)));
  const high = scale.from(meanOf(ends((bracket) => bracket.high)));
  return Number.isNaN(low) || Number.isNaN(high) ? undefined : { low, high };
}

function intervalScale(samples: readonly Sample[], scale: Scale): Scale {
  return samples.every(({ interval }) => interval === undefined || interval.low > 0)
    ? scale
    : LINEAR;
}

/** Two intervals that were found apart, combined to that of the difference. */
function moverEstimate(a: Sample, b: Sample, { to }: Scale): Estimate | string {
  if (a.interval === undefined || b.interval === undefined) {
    return "a run was too short to tell what chance leaves open";
  }
  const value = to(b.value) - to(a.value);
  const reach = (one: number, other: number) => Math.hypot(Math.max(0, one), Math.max(0, other));
  const below = reach(
    to(b.value) - to(b.interval.low),
    to(a.interval.high) - to(a.value),
  );
  const above = reach(
    to(b.interval.high) - to(b.value),
    to(a.value) - to(a.interval.low),
  );
  // The end that faces "no change" says how far it is.
  const facing = value > 0 ? below : above;
  const freedom = Math.min(a.freedom, b.freedom);
  return {
    ...{ value, low: value - below, high: value + above },
    pValue: pValueOf(value, facing / studentQuantile(TAIL, freedom), freedom),
  };
}

/** Welch's t; a side with one value takes its spread from the other. */
function repeatedEstimate(
  a: readonly Sample[],
  b: readonly Sample[],
  { to }: Scale,
): Estimate | string {
  const [one, other] = [a, b].map((side) => side.map(({ value }) => to(value))) as [
    number[],
    number[],
  ];
  const value = meanOf(other) - meanOf(one);
  const own = [one, other].map((values) => values.length > 1 ? varianceOf(values) : undefined);
  const variances = own.map((variance, i) =>
    (variance ?? own[1 - i]!) / [one, other][i]!.length
  ) as [number, number];
  const error = Math.sqrt(variances[0] + variances[1]);
  const freedom = one.length < 2 || other.length < 2
    ? Math.max(one.length, other.length) - 1
    : welchFreedom(variances, [one.length - 1, other.length - 1]);
  return studentEstimate(value, error, freedom);
}

/** Satterthwaite's approximation (1946). */
function welchFreedom(
  [a, b]: readonly [number, number],
  [freedomA, freedomB]: readonly [number, number],
): number {
  if (a + b === 0) return freedomA + freedomB;
  return (a + b) ** 2 / (a ** 2 / freedomA + b ** 2 / freedomB);
}

function pairedEstimate(pairs: readonly Pair<Sample>[], scale: Scale): Estimate | string {
  const { value, error, freedom } = pairedChange(pairs, scale);
  return studentEstimate(value, error, freedom);
}

function studentEstimate(found: number, error: number, freedom: number): Estimate | string {
  // Means of equal values differ in their last digit.
  const value = error === 0 && Math.abs(found) < ROUNDING ? 0 : found;
  if (error === 0 && value !== 0) {
    return "all repeats of a side have the same value, so nothing is known of chance";
  }
  const reach = error === 0 ? 0 : studentQuantile(TAIL, freedom) * error;
  return {
    ...{ value, low: value - reach, high: value + reach },
    pValue: pValueOf(value, error, freedom),
  };
}

function pValueOf(value: number, error: number, freedom: number): number {
  if (value === 0) return 1;
  return error === 0 ? 0 : Math.min(1, 2 * studentTail(Math.abs(value) / error, freedom));
}

function asChange(
  estimate: Estimate | string,
  { scale, sides, paired }: {
    readonly scale: Scale;
    readonly sides: readonly [readonly Sample[], readonly Sample[]];
    readonly paired: boolean;
  },
): Change {
  const [a, b] = sides.map((side) =>
    scale.from(meanOf(side.map(({ value }) => scale.to(value))))
  ) as [
    number,
    number,
  ];
  const known = typeof estimate === "string" ? undefined : estimate;
  const shift = known?.value ?? scale.to(b) - scale.to(a);
  const interval = known && { low: known.low, high: known.high };
  const mapped = (map: (one: number) => number) => ({
    value: map(shift),
    interval: interval && { low: map(interval.low), high: map(interval.high) },
  });
  return {
    difference: mapped(scale.log ? (one) => a * Math.expm1(one) : (one) => one),
    ratio: scale.log ? mapped(Math.exp) : a > 0 ? mapped((one) => 1 + one / a) : undefined,
    paired,
    chance: Math.max(...sides.map(({ length }) => length)) > 1 ? "repeats" : "within",
    pValue: known?.pValue,
    absent: typeof estimate === "string" ? estimate : undefined,
  };
}
