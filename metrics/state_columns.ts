/**
 * Rows of a few numbers and names as short texts, a column each. Times are whole microseconds there, as
 * stamps have them.
 *
 * @module
 */
import { packNumbers, unpackNumbers } from "./state_numbers.ts";
import { readCount, reading, readList, readNumber, readText } from "./state_read.ts";

/** What a column holds; `?` = some rows have none. Lists are the names that there are. */
export type Column = "count" | "count?" | "ms" | "ms?" | "text" | "text?" | readonly string[];

/** Columns of all fields of a row, in their order: the compiler misses none, and knows which may be empty. */
export type ColumnsOf<Row> = {
  readonly [Name in keyof Row]-?: undefined extends Row[Name] ? "count?" | "ms?" | "text?"
    : Exclude<Column, "count?" | "ms?" | "text?">;
};

/** Some 115 days, as record files have it. */
const MOST_MS = 1e10;

type Cell = number | string | undefined;

/** A row as it comes back: its columns only, times in whole µs. */
export function roundRow<Row>(columns: ColumnsOf<Row>, row: Row): Row {
  const fields = row as Readonly<Record<string, Cell>>;
  return Object.fromEntries(
    Object.entries<Column>(columns).map(([name, column]) => {
      const cell = fields[name] ?? undefined;
      if (typeof cell !== "number") return [name, cell];
      if (!Number.isFinite(cell)) return [name, isOptional(column) ? undefined : 0];
      return [name, isMs(column) ? Math.round(cell * 1000) / 1000 : cell];
    }),
  ) as Row;
}

/** Rows as texts. */
export function packColumns<Row>(columns: ColumnsOf<Row>, rows: readonly Row[]): unknown {
  const fields = rows as readonly Readonly<Record<string, Cell>>[];
  const packed = Object.entries<Column>(columns).map(([name, column]) => {
    const cells = fields.map((row) => row[name]);
    if (!isNamed(column)) return packCells(cells as (number | undefined)[], isMs(column));
    const names = typeof column === "string" ? [...new Set(cells)] : column;
    const at = packNumbers(cells.map((cell) => names.indexOf(cell as string)));
    return typeof column === "string" ? [names.map((one) => one ?? null), at] : at;
  });
  return [rows.length, ...packed];
}

/** Rows of texts that {@linkcode packColumns} gave. @throws {TypeError} for anything else, and more rows. */
export function unpackColumns<Row>(
  columns: ColumnsOf<Row>,
  state: unknown,
  most: number,
): Row[] {
  const entries = Object.entries<Column>(columns);
  const [rows, ...packed] = readList(state, 1 + entries.length);
  const count = readNumber(rows, 0, most);
  const cells = entries.map(([name, column], i) =>
    reading(name, (): readonly Cell[] => {
      const found = isNamed(column)
        ? unpackNames(column, packed[i], count)
        : unpackCells(packed[i], { count, ms: isMs(column) });
      if (found.length !== count) throw new TypeError("it has too few rows");
      if (!isOptional(column) && found.includes(undefined)) throw new TypeError("a cell is empty");
      return found;
    })
  );
  return Array.from(
    { length: count },
    (_, row) => Object.fromEntries(entries.map(([name], i) => [name, cells[i]![row]])) as Row,
  );
}

function isNamed(column: Column): column is "text" | "text?" | readonly string[] {
  return typeof column !== "string" || column.startsWith("text");
}

function isOptional(column: Column): boolean {
  return typeof column === "string" && column.endsWith("?");
}

function isMs(column: Column): boolean {
  return typeof column === "string" && column.startsWith("ms");
}

/** Differences to the row before, 0 = none, and so those of 0 and more one larger. */
function packCells(cells: readonly (number | undefined)[], ms: boolean): string {
  let last = 0;
  return packNumbers(cells.map((cell) => {
    if (cell === undefined) return 0;
    const whole = ms ? Math.round(cell * 1000) : cell;
    const difference = whole - last;
    last = whole;
    return difference >= 0 ? difference + 1 : difference;
  }));
}

function unpackCells(
  packed: unknown,
  { count, ms }: { readonly count: number; readonly ms: boolean },
): readonly (number | undefined)[] {
  let last = 0;
  return Array.from(unpackNumbers(packed, count), (number) => {
    if (number === 0) return undefined;
    last += number > 0 ? number - 1 : number;
    if (!ms) return readCount(last);
    return readNumber(last / 1000, -MOST_MS, MOST_MS);
  });
}

function unpackNames(
  column: "text" | "text?" | readonly string[],
  packed: unknown,
  count: number,
): readonly (string | undefined)[] {
  const [list, at] = typeof column === "string" ? readList(packed, 2) : [column, packed];
  const names = readList(list, typeof column === "string" ? count : column.length)
    .map((one) => one === null ? undefined : readText(one));
  return Array.from(unpackNumbers(at, count), (position) => {
    if (!(position >= 0 && position < names.length)) throw new TypeError("a name of it is none");
    return names[position];
  });
}
