/**
 * Columns of plain text.
 *
 * @module
 */

/** One column: its heading and a cell for each row. */
export interface TextColumn {
  /** First line. */
  readonly heading: string;
  /** One cell per row. */
  readonly cells: readonly string[];
  /** Names stand left, numbers right. */
  readonly align: "left" | "right";
  /** Columns are left out while the table is too wide, the highest first; absent = never. */
  readonly dropOrder?: number | undefined;
}

/** A column of numbers. */
export function numberColumn(
  heading: string,
  cells: readonly string[],
  dropOrder?: number,
): TextColumn {
  return { heading, cells, align: "right", dropOrder };
}

const GAP = "  ";

/** Letters that a cut name keeps, so that it can still be recognized. */
const LEAST_NAME = 12;

/**
 * Lines of the table, heading first, at most `width` wide: columns are dropped for it, then long
 * names in the left column are cut.
 */
export function textTable(columns: readonly TextColumn[], width: number): readonly string[] {
  const shown = columns.map((column) => ({ ...column, width: columnWidth(column) }));
  const excess = () =>
    shown.reduce((sum, one) => sum + one.width + GAP.length, -GAP.length) - width;
  while (excess() > 0) {
    const order = Math.max(...shown.map(({ dropOrder = -1 }) => dropOrder));
    if (order < 0) break;
    shown.splice(shown.findLastIndex(({ dropOrder }) => dropOrder === order), 1);
  }
  const names = shown[0];
  if (names?.align === "left" && excess() > 0) {
    names.width = Math.max(Math.min(LEAST_NAME, names.width), names.width - excess());
    const cut = (name: string) =>
      name.length > names.width ? `${name.slice(0, names.width - 1)}…` : name;
    names.heading = cut(names.heading);
    names.cells = names.cells.map(cut);
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

/** How wide the whole table is. */
export function tableWidth(columns: readonly TextColumn[]): number {
  return columns.reduce((sum, one) => sum + columnWidth(one) + GAP.length, -GAP.length);
}

function columnWidth({ heading, cells }: TextColumn): number {
  return Math.max(heading.length, ...cells.map((cell) => cell.length));
}

/** A space, but for that between a number and its unit. */
const BETWEEN_WORDS = / (?!(?<=\d )(?:µs|ms|s|min|%)(?!\w))/;

/** Breaks a text between words into lines of at most `width`; longer words stay whole. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(BETWEEN_WORDS)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
