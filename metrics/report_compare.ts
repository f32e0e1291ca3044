/**
 * What a report of a comparison is: a comparison in, text out. It chooses and formats, it computes
 * nothing.
 *
 * @module
 */
import type { CompareSide, Comparison } from "./compare_result.ts";
import type { RenderOptions } from "./report.ts";

/** How to print a comparison. */
export interface CompareRenderOptions extends RenderOptions {
  /** An undecided gate passes. Default false. */
  readonly undecidedPasses?: boolean;
}

/** A way to print a comparison. */
export interface ComparisonReport {
  /** Name on the command line, e.g. `table`. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** Extension of a file that holds it, without the dot. */
  readonly extension: string;
  /** Whether it is written into a folder of results. */
  readonly saved: boolean;
  /** Pure: the same comparison of the same sides gives the same text. */
  readonly render: (
    comparison: Comparison,
    sides: readonly CompareSide[],
    options?: CompareRenderOptions,
  ) => string;
}
