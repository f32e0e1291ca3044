/**
 * What a report is: a summary in, text out. It chooses and formats, it computes nothing.
 *
 * @module
 */
import type { Summary } from "./summary.ts";

/** A way to print a summary. */
export interface Report {
  /** Name on the command line, e.g. `table`. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** Of a file that holds it, without the dot. */
  readonly extension: string;
  /** Pure: the same summary gives the same text. */
  readonly render: (summary: Summary) => string;
}
