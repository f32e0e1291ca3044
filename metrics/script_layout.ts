/**
 * What the layouts of LMDeploy's scripts share. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { formatFixed } from "./script_python_format.ts";

/** Name and cell of a column; header and row come from one list, so that they cannot differ (T35). */
export type LayoutColumn<Facts> = readonly [name: string, cell: (facts: Facts) => string];

/** Header and row of a CSV. */
export interface LayoutRow {
  /** Names of the columns. */
  readonly header: readonly string[];
  /** One cell per column. */
  readonly row: readonly string[];
}

/** The row of these facts. */
export function layOutRow<Facts>(
  columns: readonly LayoutColumn<Facts>[],
  facts: Facts,
): LayoutRow {
  return { header: columns.map(([name]) => name), row: columns.map(([, cell]) => cell(facts)) };
}

/** How latencies are written. */
export interface LatencyFormat {
  /** Decimals of seconds. Default 6: the scripts have 3, which is too few for a fast engine. */
  readonly digits?: number;
}

/** Default of {@linkcode LatencyFormat}. */
export const DIGITS = 6;

/** A cell with this many decimals. */
export function fixedCell(value: number | undefined, digits = 3): string {
  return value === undefined ? NOT_AVAILABLE : formatFixed(value, digits);
}

/** Line above and below what a script prints. */
export const RULE: string = "-".repeat(50);
