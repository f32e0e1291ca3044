/**
 * What a report is: a summary in, text out. It chooses and formats, it computes nothing.
 *
 * @module
 */
import type { Summary } from "./summary.ts";

/** How to print a report in a terminal. */
export interface RenderOptions {
  /** ANSI colors. Default false. */
  readonly color?: boolean;
  /** Columns of the terminal; text is never wider than 100, tables of loads than 160. Default 100. */
  readonly width?: number;
  /** Whether the table has the details of all loads also where an answer stands for them. Default false. */
  readonly details?: boolean;
  /** Whether the table has the server's metrics whose meaning is not known; details, too. Default false. */
  readonly allServerMetrics?: boolean;
  /** Where a reader finds details that are left out. Default: with this option. */
  readonly detailsAt?: string | undefined;
}

/** A way to print a summary. */
export interface Report {
  /** Name on the command line, e.g. `table`. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** Extension of a file that holds it, without the dot. */
  readonly extension: string;
  /** Runs that have something in it; of others it is not written. Default all. */
  readonly appliesTo?: (summary: Summary) => boolean;
  /** Whether every run writes it into its folder of results. Default true. */
  readonly saved?: boolean;
  /** Pure: the same summary gives the same text. */
  readonly render: (summary: Summary, options?: RenderOptions) => string;
}
