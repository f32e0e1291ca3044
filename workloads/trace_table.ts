/**
 * Rows of CSV by the names of its header.
 *
 * @module
 */
import { parse } from "@std/csv";
import type { DatasetFile } from "./dataset_file.ts";
import { misfit, MOST_TOKENS, traceLines } from "./trace_file.ts";
import type { ReadOptions } from "./trace_format.ts";

/** One row. */
export interface TableRow {
  readonly line: number;
  /** The cell under that name, trimmed; `""` where the table has no such column. */
  text(name: string): string;
  /** A number from 0 on. @throws {UserError} naming line and column. */
  number(name: string): number;
  /** A number of tokens. @throws {UserError} naming line and column. */
  tokens(name: string): number;
}

/** The cells of a line. */
export function cellsOf(line: string): string[] {
  // Few files quote, and a split is many times faster.
  const cells = line.includes('"') ? parse(line)[0] ?? [] : line.split(",");
  return cells.map((cell) => cell.trim());
}

/**
 * The rows of a table, one by one.
 *
 * @throws {UserError} for one with another number of cells than the header.
 */
export async function* tableRows(
  file: DatasetFile,
  needed: readonly string[],
  options: ReadOptions,
): AsyncGenerator<TableRow> {
  let columns: ReadonlyMap<string, number> | undefined;
  for await (const { text: content, number: line } of traceLines(file, options)) {
    const cells = cellsOf(content);
    if (columns === undefined) {
      columns = new Map(cells.map((name, i) => [name, i]));
      const missing = needed.filter((name) => !columns!.has(name));
      if (missing.length > 0) {
        throw misfit(file.path, line, `the header has no column ${missing.join(", ")}`);
      }
      continue;
    }
    if (cells.length !== columns.size) {
      throw misfit(file.path, line, `it has ${cells.length} cells, the header ${columns.size}`);
    }
    const at = columns;
    const text = (name: string) => cells[at.get(name) ?? -1] ?? "";
    const number = (name: string, most = Infinity) => {
      const cell = text(name);
      const value = cell === "" ? NaN : Number(cell);
      if (value >= 0 && value <= most && value < Infinity) return value;
      throw misfit(file.path, line, `${name} is ${JSON.stringify(cell)}, not a number from 0 on`);
    };
    const tokens = (name: string) => {
      const value = number(name, MOST_TOKENS);
      if (Number.isInteger(value)) return value;
      throw misfit(file.path, line, `${name} is ${value}, not a whole number of tokens`);
    };
    yield { line, text, number, tokens };
  }
}
