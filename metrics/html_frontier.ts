/**
 * The frontier on a page: chart, legend, table of its points, and what they mean.
 *
 * @module
 */
import {
  doubtOf,
  frontierChart,
  frontierLegend,
  type FrontierLimit,
  ROLE_NAMES,
} from "./chart_frontier.ts";
import { formatCount, formatDoubted, formatNumber, plural } from "./format.ts";
import {
  type Frontier,
  FRONTIER_PERCENTILE,
  frontierOf,
  type FrontierPoint,
  frontierSide,
  frontierWindow,
} from "./frontier.ts";
import type { FigureValue } from "./figure.ts";
import { doubtedCell } from "./html_bracket.ts";
import { frontierLimits } from "./html_limits.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { type HtmlColumn, htmlTable, left, right } from "./html_table.ts";
import type { Summary } from "./summary.ts";

/** Fewer loads make no curve. */
const LEAST_LOADS = 3;

/** What a reader has to know of the chart. */
export const FRONTIER_NOTES: readonly string[] = [
  "Interactivity is 1 ÷ the percentile of E2E ÷ output tokens: the speed that the slowest requests fall short of, the wait for the first token in it.",
  "Nothing was measured between two points: the steps give a speed between them the throughput of the faster one.",
  "Dominated points have less of both than another of the same server. Hollow points are not certain: the load was too short, requests failed, or the client had a part; a client-bound one shows the client's limit, and the server may do better.",
];

/** The chart on the page of a run; nothing for few loads, or where loads are repeats of each other. */
export function frontierSection(summary: Summary): Markup {
  const { loads, header } = summary;
  const several = (header.repeats ?? 1) > 1 || header.sides !== undefined;
  if (loads.length < LEAST_LOADS || several) return markup``;
  const how = { window: frontierWindow(loads), percentile: FRONTIER_PERCENTILE };
  const frontier = frontierOf([frontierSide(summary, { name: header.model, ...how })], how);
  if (frontier.points.length < LEAST_LOADS) return markup``;
  return markup`<section>
<h2>Throughput against the speed of one user</h2>
${frontierFigure(frontier, frontierLimits(loads, frontier))}${notesOf(FRONTIER_NOTES)}</section>
`;
}

/** Legend and chart. */
export function frontierFigure(
  frontier: Frontier,
  limits: readonly FrontierLimit[] = [],
): Markup {
  return markup`${frontierLegend(frontier)}<figure>${frontierChart(frontier, limits)}</figure>
`;
}

/** Every point with its figures. */
export function frontierTable(frontier: Frontier): Markup {
  const { points, sides, perGpu } = frontier;
  const several = sides.length > 1;
  const costs = points.some(({ costPerMillionOutputTokens: cost }) => cost !== undefined);
  const columns: readonly HtmlColumn[] = [
    ...(several ? [left("Server")] : []),
    left("Load"),
    right(perGpu ? "output tokens/s per GPU" : "output tokens/s"),
    right(`interactivity p${frontier.percentile}, tokens/s`),
    ...(costs ? [right("cost of 1M output tokens")] : []),
    left(""),
  ];
  const figure = (one: FigureValue) => doubtedCell(formatDoubted(one.value, doubtOf(one), "1"));
  const rows = points.map((point): readonly HtmlValue[] => [
    ...(several ? [markup`<bdi>${sides[point.side]!.name}</bdi>`] : []),
    `${point.label}${point.repeats > 1 ? `, ${plural(point.repeats, "repeat")}` : ""}`,
    figure(point.throughput),
    figure(point.interactivity),
    ...(costs ? [formatNumber(point.costPerMillionOutputTokens)] : []),
    roleText(point, frontier),
  ]);
  return htmlTable({ caption: "Points of the frontier", columns, rows, hideCaption: true });
}

/** What a point is, in words. */
export function roleText(
  { role, best, failed, doubts }: FrontierPoint,
  { sides }: Pick<Frontier, "sides">,
): string {
  const where = role === "frontier" && sides.length > 1
    ? best ? "on the frontier of all" : "on its own frontier"
    : ROLE_NAMES[role];
  const open = doubts.length === 0 || role === "client-bound" ? "" : `; ${doubts.join("; ")}`;
  return `${where}${failed ? ", with failed requests" : ""}${open}`;
}

/** Loads without a point, in sentences. */
export function leftOutNotes({ sides }: Pick<Frontier, "sides">): readonly string[] {
  return sides.flatMap(({ name, leftOut }) =>
    leftOut.map(({ label, why }) =>
      `${sides.length > 1 ? `${name}, ` : ""}${label}: no point, ${why}.`
    )
  );
}

/** Paragraphs of small text. */
export function notesOf(notes: readonly string[]): readonly Markup[] {
  return notes.map((note) =>
    markup`<p class="note">${note}</p>
`
  );
}

/** `8 GPUs, 98.3 an hour`; absent where nothing is known. */
export function scaleText({ scale }: Frontier["sides"][number]): string | undefined {
  if (scale === undefined) return undefined;
  const { gpus, costPerHour } = scale;
  return [
    ...(gpus === undefined ? [] : [plural(gpus, "GPU")]),
    ...(costPerHour === undefined ? [] : [`${formatNumber(costPerHour)} an hour`]),
  ].join(", ");
}

/** How many points there are of which kind. */
export function countText({ points }: Pick<Frontier, "points">): string {
  const on = points.filter(({ role }) => role === "frontier").length;
  return `${formatCount(on)} of ${plural(points.length, "point")} on a frontier`;
}
