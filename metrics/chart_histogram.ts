/**
 * A distribution as bars, with its percentiles marked.
 *
 * @module
 */
import { across, chart, down, path, percent, type Tip } from "./chart_frame.ts";
import { linearScale, logScale, type Scale, timeUnit } from "./chart_scale.ts";
import { levelWhiskers } from "./chart_whisker.ts";
import {
  capitalize,
  type Doubt,
  doubtedText,
  DOUBTS,
  formatCount,
  formatDoubted,
  formatPercentile,
  formatValue,
  plural,
} from "./format.ts";
import type { Percentile } from "./load_figures.ts";
import type { Histogram } from "./load_summary.ts";
import { type Markup, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";

interface HistogramChart extends Histogram {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** What is counted, in the plural: `requests`, `gaps`. */
  readonly counted: string;
  /** Percentiles to mark; those without a value are not drawn. */
  readonly marks: readonly Mark[];
}

/** A percentile, and what is open about it. */
interface Mark extends Percentile {
  readonly doubt?: Doubt;
}

const HEIGHT = 120;
const MARK_ROW = 13;

/** With fewer bars, the axis is widened to the room of this many. */
const LEAST_BARS = 8;

/** Labels closer than this share of the width go to different rows. */
const LABEL_WIDTH = 0.15;

/** Marks closer than this share of the width are drawn as one. */
const SAME_PLACE = 0.01;

/** Bars between the edges, percentile lines across them, and below their names what is open about them. */
export function histogramChart(data: HistogramChart): Markup {
  const { id, title, unit, counted, edges, counts } = data;
  const time = unit === "ms" ? timeUnit(edges.at(-1) ?? 0) : { name: unit, ms: 1 };
  const x = horizontal(data, time.ms);
  const y = linearScale(0, Math.max(0, ...counts), { ticks: 4, round: true, whole: true });
  const at = (value: number) => x.at(value / time.ms);
  const marks = data.marks.flatMap(({ p, value, doubt = {} }) =>
    value === undefined ? [] : [{ p, value, doubt }]
  ).sort((a, b) => a.p - b.p);
  const lines = mergeMarks(marks.map(({ p, value, doubt }) => ({
    p,
    at: at(value),
    // The axis may end before these do, and then they end with it.
    doubt: Object.fromEntries(
      DOUBTS.flatMap((name) => {
        const ends = doubt[name];
        return ends === undefined ? [] : [[name, { low: at(ends.low), high: at(ends.high) }]];
      }),
    ) as Doubt,
  })));
  const rows = labelRows(lines.map(({ at, doubt: { client, sampling } }) => ({
    at,
    from: Math.min(at, client?.low ?? at, sampling?.low ?? at),
    to: Math.max(at, client?.high ?? at, sampling?.high ?? at),
  })));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const bars = counts.map((count, i): string => {
    if (count === 0) return "";
    const [from, to] = [across(at(edges[i]!)), across(at(edges[i + 1]!))];
    // A single value among thousands stays visible.
    const top = Math.min(down(y.at(count), HEIGHT), HEIGHT - 1);
    return `M${from} ${HEIGHT}V${top}H${to}V${HEIGHT}`;
  }).join("");
  const tips = counts.map((count, i): Tip => ({
    at: (at(edges[i]!) + at(edges[i + 1]!)) / 2,
    lines: [
      `${formatValue(edges[i], unit)} to ${formatValue(edges[i + 1], unit)}`,
      `${formatCount(count)} of ${plural(total, counted.slice(0, -1), counted)}`,
    ],
  }));
  const found = marks.map(({ p, value, doubt }) =>
    `${formatPercentile(p)} ${doubtedText(formatDoubted(value, doubt, unit))}`
  );
  return chart({
    id,
    title: `Distribution of ${title}`,
    description: total === 0
      ? "No values"
      : `${plural(total, "value")} from ${formatValue(edges[0], unit)} to ${
        formatValue(edges.at(-1), unit)
      }${found.length > 0 ? `: ${found.join("; ")}` : ""}`,
    panels: [{
      height: HEIGHT,
      // At least two rows, so that charts side by side have the same height.
      above: Math.max(2, ...rows.map((row) => row + 1)) * MARK_ROW,
      name: capitalize(counted),
      ticks: total === 0 ? [] : y.ticks,
      shapes: path("bar", bars),
      labels: lines.map((line, i) => drawMark(line, rows[i]!)),
      empty: total === 0 ? "no values" : undefined,
    }],
    ticks: total === 0 ? [] : x.ticks,
    name: `${title}${
      time.name === "1" ? "" : ` (${time.name}${x.kind === "log" ? ", log scale" : ""})`
    }`,
    tips: { axis: "x", list: tips },
  });
}

function horizontal({ scale, edges }: Histogram, per: number): Scale {
  const bars = edges.length - 1;
  if (bars < 1) return linearScale(0, 1);
  const [first, last] = [edges[0]! / per, edges[bars]! / per];
  if (scale === "log") return logScale(first, last, { ticks: 8 });
  const width = (last - first) / bars;
  const spare = Math.max(0, LEAST_BARS - bars) / 2 * width;
  return linearScale(first >= 0 ? Math.max(0, first - spare) : first - spare, last + spare, {
    ticks: 8,
  });
}

/** A percentile's line; all places from 0 to 1. */
interface MarkLine {
  readonly label: string;
  readonly at: number;
  /** What is open about it, as places. */
  readonly doubt: Doubt;
}

function drawMark({ label, at, doubt }: MarkLine, row: number): Markup {
  const x = percent(at);
  const y = -4 - row * MARK_ROW;
  // At the ends the label is aligned inwards.
  const anchor = at < 0.06 ? "start" : at > 0.94 ? "end" : "middle";
  const whiskers = levelWhiskers(y + 4, doubt, { kind: "mark", xOf: (place) => place });
  return markup`${whiskers}
<line class="mark" x1="${x}" x2="${x}" y1="${y + 2}" y2="${HEIGHT}"/>
<text class="label" x="${x}" y="${y}" text-anchor="${anchor}">${label}</text>`;
}

/** Equal values share one line and one label, such as all percentiles of equal latencies. */
function mergeMarks(
  marks: readonly (Omit<MarkLine, "label"> & { readonly p: number })[],
): readonly MarkLine[] {
  const merged: { -readonly [Key in keyof MarkLine]: MarkLine[Key] }[] = [];
  for (const { p, ...mark } of marks) {
    const last = merged.at(-1);
    if (last !== undefined && mark.at - last.at < SAME_PLACE) {
      last.label += ` ${formatPercentile(p)}`;
      // Ends of neighbors lie in the same order as their values.
      last.doubt = joined(last.doubt, mark.doubt);
    } else {
      merged.push({ ...mark, label: formatPercentile(p) });
    }
  }
  return merged;
}

function joined(first: Doubt, second: Doubt): Doubt {
  const one = (name: keyof Doubt) => {
    const [a, b] = [first[name], second[name]];
    return a === undefined || b === undefined ? a ?? b : { low: a.low, high: b.high };
  };
  return { client: one("client"), sampling: one("sampling") };
}

/** The lowest row with room for each label and what is open about it, given from left to right. */
export function labelRows(
  lines: readonly { readonly at: number; readonly from?: number; readonly to?: number }[],
): readonly number[] {
  const ends: { readonly label: number; readonly band: number }[] = [];
  return lines.map(({ at, from = at, to = at }) => {
    let row = 0;
    while (row < ends.length) {
      const { label, band } = ends[row]!;
      if (at - label >= LABEL_WIDTH && from > band) break;
      row++;
    }
    ends[row] = { label: at, band: to };
    return row;
  });
}
