/**
 * A terminal that interprets what is written to it: letters, line ends, the cursor's moves and what is
 * erased. Lines that it becomes too narrow for wrap, as terminals do that reflow.
 *
 * @module
 */
import { unicodeWidth } from "@std/cli/unicode-width";

/** One that shows text. */
export interface FakeTerminal {
  /** Takes what a program writes. */
  write(text: string): void;
  /** Its width from now on. */
  resize(columns: number): void;
  /** Its lines without blanks at their ends and without empty ones at the end, colors removed. */
  readonly screen: readonly string[];
}

/** A letter in its cell; a wide one is followed by an empty cell. */
type Row = { cells: string[]; continues: boolean };

/** An empty terminal of a width; it is as high as what was written. */
export function createFakeTerminal(columns: number): FakeTerminal {
  let width = columns;
  let rows: Row[] = [{ cells: [], continues: false }];
  let [row, column] = [0, 0];

  const put = (letter: string) => {
    const cells = unicodeWidth(letter);
    if (column + cells > width) {
      rows[row]!.continues = true;
      [row, column] = [row + 1, 0];
      rows[row] ??= { cells: [], continues: false };
    }
    const line = rows[row]!.cells;
    while (line.length < column) line.push(" ");
    line[column] = letter;
    if (cells === 2) line[column + 1] = "";
    column += cells;
  };
  const erase = (mode: string) => {
    // Behind the last column the cursor still stands on it.
    rows[row]!.cells.length = Math.min(rows[row]!.cells.length, Math.min(column, width - 1));
    rows[row]!.continues = false;
    if (mode === "J") rows.length = row + 1;
  };
  return {
    write(text) {
      // deno-lint-ignore no-control-regex
      for (const part of text.match(/\x1b\[[\d;?]*[A-Za-z]|[^]/gu) ?? []) {
        // deno-lint-ignore no-control-regex
        const [, count = "", code] = /^\x1b\[([\d;?]*)([A-Za-z])$/.exec(part) ?? [];
        if (code === "K" || code === "J") {
          if (count !== "") throw new Error(`Not known: ${JSON.stringify(part)}`);
          erase(code);
        } else if (code === "A") row = Math.max(0, row - Number(count || 1));
        else if (code === "m") continue;
        else if (code !== undefined) throw new Error(`Not known: ${JSON.stringify(part)}`);
        else if (part === "\r") column = 0;
        else if (part === "\n") {
          // As the system's line discipline has it.
          [row, column] = [row + 1, 0];
          rows[row] ??= { cells: [], continues: false };
        } else put(part);
      }
    },
    resize(columns) {
      const lines: { cells: string[]; cursor: number | undefined }[] = [];
      for (const [i, { cells }] of rows.entries()) {
        const joins = i > 0 && rows[i - 1]!.continues;
        if (!joins) lines.push({ cells: [], cursor: undefined });
        const line = lines.at(-1)!;
        if (i === row) line.cursor = line.cells.length + column;
        line.cells.push(...cells);
      }
      width = columns;
      rows = [];
      for (const { cells, cursor } of lines) {
        const first = rows.length;
        const count = Math.max(1, Math.ceil(cells.length / width));
        for (let i = 0; i < count; i++) {
          rows.push({
            cells: cells.slice(i * width, (i + 1) * width),
            continues: i < count - 1,
          });
        }
        if (cursor === undefined) continue;
        const inRow = Math.min(count - 1, Math.floor(cursor / width));
        [row, column] = [first + inRow, cursor - inRow * width];
      }
    },
    get screen() {
      const lines = rows.map(({ cells }) => cells.join("").trimEnd());
      while (lines.at(-1) === "") lines.pop();
      return lines;
    },
  };
}
