/**
 * How much repeats differ: from run to run, from pair to pair, and by chance inside a run.
 *
 * @module
 */
import { orderOf, type Pair, type Sample } from "./compare_measured.ts";
import type { Count } from "./count.ts";
import { studentQuantile } from "./stat_student.ts";

/** Share on each side of a 95 % interval. */
export const TAIL = 0.025;

/** Pairs of either order that an order term needs, and pairs altogether: it costs one of them. */
const EACH_ORDER = 2;
const ORDERED_PAIRS = 5;

/** Logs where all is above 0, else the values themselves. */
export interface Scale {
  /** Differences on it are ratios. */
  readonly log: boolean;
  /** To the scale. */
  readonly to: (value: number) => number;
  /** Back from it. */
  readonly from: (value: number) => number;
}

/** Ratios as differences. */
export const LOG: Scale = { log: true, to: Math.log, from: Math.exp };

/** Values as they are. */
export const LINEAR: Scale = { log: false, to: (value) => value, from: (value) => value };

/** The scale on which values are compared. */
export function scaleOf(samples: readonly Pick<Sample, "value">[]): Scale {
  return samples.every(({ value }) => value > 0) ? LOG : LINEAR;
}

/** A standard deviation on the log scale, and on how many degrees of freedom it rests. */
export interface Spread {
  /** About a share of the value. */
  readonly std: number;
  /** Degrees of freedom. */
  readonly freedom: number;
}

/** A mean change of pairs with its standard error; `std` is that of a single pair. */
export interface PairedChange extends Spread {
  /** On the scale. */
  readonly value: number;
  /** Its standard error. */
  readonly error: number;
}

/** The change that pairs show; with enough pairs of both orders, without what the turn does. */
export function pairedChange(pairs: readonly Pair<Sample>[], { to }: Scale): PairedChange {
  const changes = pairs.map(({ a, b }) => to(b.value) - to(a.value));
  const orders = pairs.map(orderOf);
  const forward = orders.filter((order) => order > 0).length;
  if (pairs.length < ORDERED_PAIRS || Math.min(forward, pairs.length - forward) < EACH_ORDER) {
    const std = Math.sqrt(varianceOf(changes));
    const error = std / Math.sqrt(pairs.length);
    return { value: meanOf(changes), error, std, freedom: pairs.length - 1 };
  }
  // Each order has its own mean: half their difference is what the turn does, half their sum the change.
  const groups = [1, -1].map((sign) => changes.filter((_, i) => orders[i] === sign));
  const means = groups.map(meanOf);
  const freedom = pairs.length - 2;
  const squares = groups.map((group, i) =>
    group.reduce((sum, one) => sum + (one - means[i]!) ** 2, 0)
  );
  const rest = (squares[0]! + squares[1]!) / freedom;
  const error = Math.sqrt(rest / groups[0]!.length + rest / groups[1]!.length) / 2;
  return { value: (means[0]! + means[1]!) / 2, error, std: Math.sqrt(rest), freedom };
}

/** Degrees of freedom that so many pairs leave. */
export function pairFreedom(pairs: Count): number {
  return pairs < ORDERED_PAIRS ? pairs - 1 : pairs - 2;
}

/** How much the changes of pairs differ; absent where logs do not exist. */
export function pairSpread(pairs: readonly Pair<Sample>[]): Spread | undefined {
  if (pairs.length < 2 || !scaleOf(pairs.flatMap(({ a, b }) => [a, b])).log) return undefined;
  return pairedChange(pairs, LOG);
}

/** How much the runs of each side differ, all sides together; absent where logs do not exist. */
export function runSpread(sides: readonly (readonly Sample[])[]): Spread | undefined {
  const repeated = sides.filter(({ length }) => length > 1);
  if (repeated.length === 0 || !scaleOf(repeated.flat()).log) return undefined;
  const freedom = repeated.reduce((sum, { length }) => sum + length - 1, 0);
  const squares = repeated.map((side) =>
    varianceOf(side.map(({ value }) => Math.log(value))) * (side.length - 1)
  );
  return { std: Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / freedom), freedom };
}

/** How much single runs of this length would differ by chance inside them; absent = unknown. */
export function withinSpread(samples: readonly Sample[]): Spread | undefined {
  const errors = samples.map(relativeError).filter((one) => one !== undefined);
  if (errors.length < samples.length || samples.length === 0) return undefined;
  return {
    std: Math.sqrt(meanOf(errors.map((one) => one ** 2))),
    freedom: samples.reduce((sum, { freedom }) => sum + freedom, 0),
  };
}

/** Standard error inside a run, as a share of the value; absent = its interval is. */
function relativeError({ value, interval, freedom }: Sample): number | undefined {
  if (interval === undefined || !(value > 0)) return undefined;
  const { low, high } = interval;
  const below = low > 0 ? Math.log(value / low) : (value - low) / value;
  const above = low > 0 ? Math.log(high / value) : (high - value) / value;
  // As MOVER combines the two: those of percentiles differ.
  return Math.hypot(below, above) / Math.SQRT2 / studentQuantile(TAIL, freedom);
}

/** Arithmetic mean. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** With n − 1: the values are a sample of runs. */
export function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
