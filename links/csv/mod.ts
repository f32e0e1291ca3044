/**
 * Stand-in for `@std/csv` where JSR cannot be reached: what we use of it. `tests/links_test.ts` states
 * what it must do. Without a package: every run writes CSV, and loading two packages for it, with
 * Node's streams below them, took longer than all else of the reports.
 *
 * @module
 */

/** Rows of CSV text; values stay strings. @throws {SyntaxError} where a quote is out of place. */
export function parse(input: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = input.startsWith("\ufeff") ? 1 : 0;
  while (at < input.length) {
    const quoted = input[at] === '"';
    const end = quoted ? closingQuote(input, at) + 1 : endOfField(input, at);
    const field = input.slice(at, end);
    if (!quoted && field.includes('"')) throw outOfPlace(at + field.indexOf('"'));
    row.push(quoted ? field.slice(1, -1).replaceAll('""', '"') : field);
    const after = input.startsWith("\r\n", end) ? "\n" : input[end];
    if (after !== undefined && after !== "," && after !== "\n") throw outOfPlace(end);
    at = end + (input[end] === "\r" ? 2 : 1);
    if (after === ",") {
      if (at < input.length) continue;
      row.push("");
    }
    // A line without anything is no row.
    if (row.length > 1 || row[0] !== "" || quoted) rows.push(row);
    row = [];
  }
  return rows;
}

/** Index of the comma or line end after an unquoted field. */
function endOfField(input: string, start: number): number {
  FIELD_END.lastIndex = start;
  return FIELD_END.exec(input)?.index ?? input.length;
}

const FIELD_END = /,|\r?\n/g;

/** Index of the quote that ends a field; a doubled one is a letter of it. */
function closingQuote(input: string, start: number): number {
  for (let at = start + 1;; at += 2) {
    at = input.indexOf('"', at);
    if (at < 0) throw outOfPlace(start);
    if (input[at + 1] !== '"') return at;
  }
}

function outOfPlace(index: number): SyntaxError {
  return new SyntaxError(`The quote near character ${index + 1} of the CSV text is out of place`);
}

/** CSV text, lines ended by CRLF; values are quoted where they hold `"`, LF or a comma. */
export function stringify(data: readonly (readonly unknown[])[]): string {
  return data.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
