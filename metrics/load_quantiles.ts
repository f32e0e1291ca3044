/**
 * How the values of a metric spread, in enough points to draw.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Metric } from "./metric.ts";

/** The curve of one metric: a position in both lists is a point. */
export interface Quantiles extends Pick<Metric, "name" | "title" | "unit"> {
  /** Values that it is of. */
  readonly count: Count;
  /** From 0 to below 100, ascending, as far as so many values have percentiles. */
  readonly percentiles: readonly number[];
  /** The values at them, never falling. */
  readonly values: readonly number[];
}
