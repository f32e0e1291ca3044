/**
 * CSV text from rows, over `npm:csv-stringify`.
 *
 * @module
 */
import { stringify as stringifyRows } from "npm:csv-stringify@6.9.0/sync";

/** A column: a key, a path of keys, or either with a header of its own. */
export type Column =
  | string
  | number
  | readonly (string | number)[]
  | { header?: string; prop: string | number | readonly (string | number)[] };

/** Rows are objects (with `columns`) or arrays. */
export type DataItem = Readonly<Record<string, unknown>> | readonly unknown[];

/** The part of the real options that we use. */
export interface StringifyOptions {
  /** Which values, in which order; required for objects. */
  columns?: readonly Column[];
  /** Write the names of the columns first (default: yes, where there are columns). */
  headers?: boolean;
  /** Between values. */
  separator?: string;
}

/** One text, lines ended by CRLF; values are quoted where they hold `"`, LF or the separator. */
export function stringify(
  data: readonly DataItem[],
  options: StringifyOptions = {},
): string {
  const { columns = [], headers = true, separator = "," } = options;
  const paths = columns.map((column) =>
    [typeof column === "object" && "prop" in column ? column.prop : column]
      .flat() as readonly (string | number)[]
  );
  const rows = data.map((item) => {
    if (Array.isArray(item) && columns.length === 0) return item.map(text);
    if (columns.length === 0) {
      throw new TypeError("Cannot write objects as CSV without columns: name them in `columns`");
    }
    return paths.map((path) =>
      text(path.reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], item))
    );
  });
  if (headers && columns.length > 0) {
    rows.unshift(
      columns.map((column, index) =>
        typeof column === "object" && "prop" in column && column.header !== undefined
          ? column.header
          : String(paths[index]!.at(-1))
      ),
    );
  }
  return stringifyRows(rows, {
    delimiter: separator,
    record_delimiter: "\r\n",
    quoted_match: /\n/,
  });
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
