/**
 * Stand-in for `@std/csv` where JSR cannot be reached: what we use, over `npm:csv-stringify` and
 * `npm:csv-parse`. `tests/links_test.ts` states what they must do.
 *
 * @module
 */
import { parse as parseRows } from "npm:csv-parse@7.0.3/sync";
import { stringify as stringifyRows } from "npm:csv-stringify@6.9.0/sync";

/** Rows of CSV text; values stay strings. @throws {SyntaxError} where a quote is out of place. */
export function parse(input: string): string[][] {
  try {
    return parseRows(input, {
      bom: true,
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch (error) {
    throw new SyntaxError((error as Error).message);
  }
}

/** CSV text, lines ended by CRLF; values are quoted where they hold `"`, LF or a comma. */
export function stringify(data: readonly (readonly unknown[])[]): string {
  return stringifyRows(data.map((row) => row.map(text)), {
    record_delimiter: "\r\n",
    quoted_match: /\n/,
  });
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
