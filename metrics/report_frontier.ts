/**
 * What a report of a frontier is, and the terminal's: a frontier in, text out.
 *
 * @module
 */
import { doubtOf, ROLE_NAMES, speedName, throughputName } from "./chart_frontier.ts";
import { type Doubted, formatNumber, formatWider } from "./format.ts";
import type { FigureValue } from "./figure.ts";
import type { Frontier, FrontierPoint } from "./frontier.ts";
import { FRONTIER_NOTES, leftOutNotes, roleText, scaleText } from "./html_frontier.ts";
import type { RenderOptions } from "./report.ts";
import { doubtColumns } from "./report_metric_table.ts";
import { numberColumn, type TextColumn, textTable, wrapText } from "./report_text_table.ts";
import { visibleLines } from "./visible_text.ts";

/** A way to print a frontier. */
export interface FrontierReport {
  /** Name on the command line, e.g. `table`. */
  readonly name: string;
  /** Extension of a file that holds it, without the dot. */
  readonly extension: string;
  /** Whether it is written into a folder of results. */
  readonly saved: boolean;
  /** Pure: the same frontier gives the same text. `version` is that of the program. */
  readonly render: (
    frontier: Frontier,
    options: RenderOptions & { readonly version: string },
  ) => string;
}

const MAX_WIDTH = 100;

/** The table of a terminal. */
export const frontierTableReport: FrontierReport = {
  name: "table",
  extension: "txt",
  saved: false,
  render: (given, { color = false, width = MAX_WIDTH }) => {
    const frontier = visibleLines(given);
    const columns = Math.min(width, MAX_WIDTH);
    const bold = (text: string) => color ? `\x1b[1m${text}\x1b[0m` : text;
    const dim = (text: string) => color ? `\x1b[2m${text}\x1b[0m` : text;
    const sides = frontier.sides.flatMap((side) => {
      const scale = scaleText(side);
      return scale === undefined ? [] : wrapText(`${side.name}: ${scale}`, columns);
    });
    const [heading, ...rows] = pointLines(frontier, columns);
    const notes = [
      `${throughputName(frontier)}; ${speedName(frontier)}: p${frontier.percentile} is what the ` +
      "slowest fall short of, the wait for the first token in it",
      ...FRONTIER_NOTES.slice(1),
      ...leftOutNotes(frontier),
    ];
    return [
      ...sides,
      ...(sides.length > 0 ? [""] : []),
      bold(heading!),
      ...rows.map((row, i) => frontier.points[i]?.role === "frontier" ? row : dim(row)),
      "",
      ...notes.flatMap((note) => wrapText(note, columns)).map(dim),
    ].join("\n") + "\n";
  },
};

function pointLines(frontier: Frontier, width: number): readonly string[] {
  const { points, sides, perGpu } = frontier;
  const column = (
    heading: string,
    cell: (point: FrontierPoint) => string,
    dropOrder?: number,
  ): TextColumn => numberColumn(heading, points.map(cell), dropOrder);
  const figure = (
    heading: string,
    of: (point: FrontierPoint) => FigureValue,
    dropOrder: number,
  ): readonly TextColumn[] => {
    const told = points.map((point): Doubted =>
      formatWider(of(point).value, doubtOf(of(point)), "1")
    );
    return [
      numberColumn(heading, told.map(({ value }) => value)),
      ...doubtColumns(told, dropOrder),
    ];
  };
  const several = sides.length > 1;
  const costs = points.some(({ costPerMillionOutputTokens: cost }) => cost !== undefined);
  const repeats = points.some(({ repeats }) => repeats > 1);
  return textTable([
    ...(several
      ? [{ heading: "Server", cells: points.map(({ side }) => sides[side]!.name), align: "left" }]
      : []) as readonly TextColumn[],
    { heading: "Load", cells: points.map(({ label }) => label), align: "left" },
    ...(repeats ? [column("repeats", ({ repeats }) => `${repeats}`, 3)] : []),
    ...figure(perGpu ? "tok/s/GPU" : "out tok/s", ({ throughput }) => throughput, 1),
    ...figure(`one user p${frontier.percentile}`, ({ interactivity }) => interactivity, 2),
    ...(costs
      ? [column("cost/1M", (point) => formatNumber(point.costPerMillionOutputTokens))]
      : []),
    {
      heading: "",
      cells: points.map((point) =>
        several ? roleText(point, frontier) : `${ROLE_NAMES[point.role]}${point.failed ? " ×" : ""}`
      ),
      align: "left",
    },
  ], width);
}
