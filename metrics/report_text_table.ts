/**
 * Columns of plain text.
 *
 * @module
 */

/** One column: its heading and a cell for each row. */
export interface TextColumn {
  /** First line. */
  readonly heading: string;
  /** One a row. */
  readonly cells: readonly string[];
  /** Names stand left, numbers right. */
  readonly align: "left" | "right";
  /** Left out, highest first, while the table is too wide; absent = never. */
  readonly dropOrder?: number;
}

const GAP = "  ";

/** Lines of the table, heading first, at most `width` wide if dropping columns can do it. */
export function textTable(columns: readonly TextColumn[], width: number): readonly string[] {
  const shown = columns.map((column) => ({
    ...column,
    width: Math.max(column.heading.length, ...column.cells.map((cell) => cell.length)),
  }));
  const tooWide = () =>
    shown.reduce((sum, one) => sum + one.width + GAP.length, -GAP.length) > width;
  while (tooWide()) {
    const order = Math.max(...shown.map(({ dropOrder = -1 }) => dropOrder));
    if (order < 0) break;
    shown.splice(shown.findLastIndex(({ dropOrder }) => dropOrder === order), 1);
  }
  const line = (cellOf: (column: TextColumn) => string) =>
    shown.map((column) =>
      column.align === "left"
        ? cellOf(column).padEnd(column.width)
        : cellOf(column).padStart(column.width)
    ).join(GAP).trimEnd();
  const rows = Math.max(0, ...shown.map(({ cells }) => cells.length));
  return [
    line(({ heading }) => heading),
    ...Array.from({ length: rows }, (_, i) => line(({ cells }) => cells[i] ?? "")),
  ];
}

/** Breaks a text between words into lines of at most `width`; longer words stay whole. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Control characters shown as `?`: a server's error text must not steer the terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, "?");
}
