/**
 * Tables of a page, with headers tied to their cells and a box that scrolls sideways.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";

/** One column. */
export interface HtmlColumn {
  /** Header of the column. */
  readonly heading: string;
  /** Names stand left, numbers right. */
  readonly align: "left" | "right";
  /** Printed once over neighbors of the same group. */
  readonly group?: string | undefined;
}

/** A column of names. */
export function left(heading: string): HtmlColumn {
  return { heading, align: "left" };
}

/** A column of numbers. */
export function right(heading: string, group?: string): HtmlColumn {
  return { heading, align: "right", group };
}

/** A table of names and values without headings. */
export function factTable(caption: string, rows: readonly (readonly HtmlValue[])[]): Markup {
  return htmlTable({ caption, columns: [left(""), right("")], rows });
}

/** What to lay out. */
export interface HtmlTable {
  /** Name of the table, also for screen readers. */
  readonly caption: string;
  /** From left to right; the first one names the rows. */
  readonly columns: readonly HtmlColumn[];
  /** A cell for each column. */
  readonly rows: readonly (readonly HtmlValue[])[];
  /** Shows the caption to screen readers only, where a heading says the same. */
  readonly hideCaption?: boolean;
  /** Smaller letters and gaps, for many columns. */
  readonly dense?: boolean;
}

/** With more rows than this a table scrolls in its box, its headings in sight. */
const TALL = 30;

/** With more columns than this, paper is too narrow for what is open beside each number. */
const MANY = 14;

/** Names of rows longer than this, in characters, are broken into lines. */
const LONG = 26;

/** The table in a box that scrolls sideways where the page is too narrow for it. */
export function htmlTable(table: HtmlTable): Markup {
  const { caption, columns, rows, hideCaption = false, dense = false } = table;
  const groups = groupsOf(columns);
  const headed = columns.some(({ heading }) => heading !== "");
  const classOf = (i: number) => {
    const { align, group } = columns[i]!;
    return i > 0 && group !== undefined && group !== columns[i - 1]!.group
      ? `${align} first`
      : align;
  };
  const groupCells = groups.map(({ name, span }) =>
    name === ""
      ? markup`<td colspan="${span}"></td>`
      : markup`<th scope="colgroup" colspan="${span}" class="group">${name}</th>`
  );
  // A header without words is none.
  const headings = columns.map(({ heading }, i) =>
    heading === ""
      ? markup`<td></td>`
      : markup`<th scope="col" class="${classOf(i)}">${heading}</th>`
  );
  const head = headed &&
    markup`<thead>${
      groups.some(({ name }) => name !== "") && markup`<tr>${groupCells}</tr>
`
    }<tr>${headings}</tr></thead>
`;
  const cellOf = (cell: HtmlValue, i: number) =>
    i === 0 && cell !== ""
      ? markup`<th scope="row"${textLength(cell) > LONG && markup` class="long"`}>${cell}</th>`
      : markup`<td class="${classOf(i)}${cell === NOT_AVAILABLE && " na"}">${cell}</td>`;
  const body = rows.map((row) =>
    markup`<tr>${row.map(cellOf)}</tr>
`
  );
  return markup`<div class="${
    rows.length > TALL ? "scroll tall" : "scroll"
  }" role="group" aria-label="${caption}" tabindex="0">
<table class="${dense ? columns.length > MANY ? "dense many" : "dense" : "roomy"}">
<caption class="${hideCaption ? "hidden" : "shown"}">${caption}</caption>
${head}<tbody>
${body}</tbody></table></div>
`;
}

/** Characters that a reader sees. */
function textLength(value: HtmlValue): number {
  return markup`${value}`.toString().replace(/<[^>]*>/g, "").replace(/&#\d+;/g, "x").length;
}

function groupsOf(
  columns: readonly HtmlColumn[],
): readonly { readonly name: string; readonly span: number }[] {
  const groups: { name: string; span: number }[] = [];
  for (const { group = "" } of columns) {
    const last = groups.at(-1);
    if (last?.name === group) last.span++;
    else groups.push({ name: group, span: 1 });
  }
  return groups;
}
