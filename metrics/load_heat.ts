/**
 * A latency over time, counted in cells: what percentiles over time cannot show, such as two groups of
 * requests or a few slow ones among many.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Metric } from "./metric.ts";

/** Values by when they came and how large they are. */
export interface HeatMap extends Pick<Metric, "name" | "title" | "unit" | "per"> {
  /** Length of a column, in ms. */
  readonly columnMs: number;
  /** Edges of the rows in the metric's unit, ascending, one more than there are rows. */
  readonly edges: readonly number[];
  /** A list for each column, from the start of the load; in it the values of each row, the lowest first. */
  readonly counts: readonly (readonly Count[])[];
}
