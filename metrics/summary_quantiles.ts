/**
 * Points of a metric's curve, close where it is looked at: in the tail.
 *
 * @module
 */
import type { Quantiles } from "./load_quantiles.ts";
import type { Metric } from "./metric.ts";
import { minimumSamples, type ValueSet } from "./stat_quantile.ts";

/** In hundredths and thousandths, so that none is 99.10000000000001. */
const PERCENTILES: readonly number[] = [
  ...steps(0, 95, 1),
  ...steps(95.5, 99, 0.5),
  ...steps(99.1, 99.9, 0.1),
  ...steps(99.91, 99.99, 0.01),
  ...steps(99.991, 99.999, 0.001),
];

function steps(from: number, to: number, step: number): readonly number[] {
  return Array.from(
    { length: Math.round((to - from) / step) + 1 },
    (_, i) => Number((from + i * step).toFixed(3)),
  );
}

/** The curve of a metric; absent without values. */
export function quantilesOf(
  { name, title, unit }: Pick<Metric, "name" | "title" | "unit">,
  values: ValueSet,
): Quantiles | undefined {
  const { count } = values;
  if (count === 0) return undefined;
  const percentiles = PERCENTILES.filter((p) => count >= minimumSamples(p));
  // A millionth of a millisecond is nothing that anyone measured.
  const drawn = percentiles.map((p) => Number(values.quantile(p)!.toFixed(6)));
  return { name, title, unit, count, percentiles, values: drawn };
}
