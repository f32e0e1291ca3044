/**
 * Rows from CSV text, over `npm:csv-parse`.
 *
 * @module
 */
import { parse as parseRows } from "npm:csv-parse@7.0.3/sync";

/** The part of the real options that we use. */
export interface ParseOptions {
  /** The first line holds names: rows become objects. */
  skipFirstRow?: boolean;
  /** Between values. */
  separator?: string;
}

/** Objects with `skipFirstRow`, else arrays. */
export type ParseResult<T> = T extends { skipFirstRow: true } ? Record<string, string>[]
  : string[][];

/** Reads CSV text; values stay strings. @throws {SyntaxError} where a quote is out of place. */
export function parse<const T extends ParseOptions>(
  input: string,
  options?: T,
): ParseResult<T> {
  let rows: string[][];
  try {
    rows = parseRows(input, {
      bom: true,
      delimiter: options?.separator ?? ",",
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch (error) {
    throw new SyntaxError((error as Error).message);
  }
  if (!options?.skipFirstRow) return rows as ParseResult<T>;
  const [head, ...body] = rows;
  if (head === undefined) throw new TypeError("Cannot read CSV without a first row of names");
  return body.map((row, index) => {
    if (row.length !== head.length) {
      throw new Error(
        `Cannot read CSV row ${index + 2}: ${row.length} values, ${head.length} names`,
      );
    }
    return Object.fromEntries(head.map((name, column) => [name, row[column]!]));
  }) as ParseResult<T>;
}
