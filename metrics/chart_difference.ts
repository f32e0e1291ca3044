/**
 * Relative changes, one row for each figure: its interval against the margin and against no change.
 *
 * @module
 */
import { across, chart, percent, type Tip } from "./chart_frame.ts";
import { linearScale } from "./chart_scale.ts";
import type { CompareVerdict } from "./compare_result.ts";
import { signedPercent, spanText } from "./compare_words.ts";
import type { Interval } from "./load_interval.ts";
import { type Markup, markup } from "./markup.ts";

/** One figure. */
export interface DifferenceRow {
  /** e.g. `TTFT p99`. */
  readonly title: string;
  /** b ÷ a; absent = it cannot be told. */
  readonly ratio: { readonly value: number; readonly interval: Interval | undefined } | undefined;
  /** What the change is. */
  readonly verdict: CompareVerdict;
  /** Why it is undecided. */
  readonly reason: string | undefined;
}

interface DifferenceChart {
  readonly id: string;
  readonly title: string;
  /** Share of a figure that does not matter. */
  readonly margin: number;
  readonly rows: readonly DifferenceRow[];
}

const ROW = 34;
const BAR_AT = 22;

/** An interval that is so many times as long as half of the others is cut, or they would be dots. */
const CUT_AT = 4;

/** Rows from top to bottom, the margin as a band, no change as a line. */
export function differenceChart({ id, title, margin, rows }: DifferenceChart): Markup {
  const half = extent(rows, margin);
  const x = linearScale(-half * 100, half * 100, { ticks: 9 });
  const at = (change: number) => x.at(change * 100);
  const height = Math.max(1, rows.length) * ROW;
  const band = margin > 0 &&
    markup`<rect class="margin" x="${across(at(-margin))}" y="0" width="${
      across(at(margin) - at(-margin))
    }" height="${height}"/>`;
  const labels = rows.map((row, i) => rowMarks(row, { top: i * ROW, at }));
  const tips = rows.map((row, i): Tip => ({
    at: (i + 0.5) / rows.length,
    lines: [row.title, changeLine(row), ...(row.reason === undefined ? [] : [row.reason])],
  }));
  return chart({
    id,
    title,
    description: rows.map((row) => `${row.title}: ${changeLine(row)}`).join("; ") || "No figures",
    panels: [{
      height,
      name: "",
      plain: true,
      ticks: [],
      shapes: markup`${band}<path class="none" d="M${across(at(0))} 0V${height}"/>`,
      labels,
      empty: rows.length === 0 ? "no figures" : undefined,
    }],
    ticks: x.ticks,
    name: "Change (%)",
    tips: { axis: "y", list: tips },
  });
}

function changeLine({ ratio, verdict }: DifferenceRow): string {
  if (ratio === undefined) return verdict;
  const span = ratio.interval === undefined ? "" : ` (sampling ${spanText(ratio.interval)})`;
  return `${signedPercent(ratio.value - 1)}${span}, ${verdict}`;
}

function rowMarks(
  { title, ratio, verdict }: DifferenceRow,
  { top, at }: { readonly top: number; readonly at: (change: number) => number },
): Markup {
  const y = top + BAR_AT;
  const change = ratio === undefined ? "n/a" : signedPercent(ratio.value - 1);
  const bar = ratio?.interval !== undefined && barMarks(ratio.interval, { y, at, verdict });
  const dot = ratio !== undefined &&
    markup`<circle class="${verdict}" cx="${percent(at(ratio.value - 1))}" cy="${y}" r="3.5"/>`;
  return markup`<text class="label" x="0" y="${top + 12}">${title}</text>
<text class="label verdict-${verdict}" x="100%" y="${
    top + 12
  }" text-anchor="end">${change} · ${verdict}</text>
<line class="row" x2="100%" y1="${top + ROW - 1}" y2="${top + ROW - 1}"/>${bar}${dot}
`;
}

function barMarks(
  { low, high }: Interval,
  { y, at, verdict }: {
    readonly y: number;
    readonly at: (change: number) => number;
    readonly verdict: CompareVerdict;
  },
): Markup {
  const [from, to] = [at(low - 1), at(high - 1)];
  // It goes on beyond the chart.
  const cut = [
    from === 0 && markup`<text class="cut" x="0" y="${y + 4}" text-anchor="end">‹</text>`,
    to === 1 && markup`<text class="cut" x="100%" y="${y + 4}">›</text>`,
  ];
  return markup`<line class="span ${verdict}" x1="${percent(from)}" x2="${
    percent(to)
  }" y1="${y}" y2="${y}"/>${cut}`;
}

/** Half of the axis, as a share. */
function extent(rows: readonly DifferenceRow[], margin: number): number {
  const ends = rows.flatMap(({ ratio }) => {
    if (ratio === undefined) return [];
    const { low, high } = ratio.interval ?? { low: ratio.value, high: ratio.value };
    return [Math.max(Math.abs(low - 1), Math.abs(high - 1), Math.abs(ratio.value - 1))];
  }).sort((a, b) => a - b);
  const middle = ends[Math.floor((ends.length - 1) / 2)] ?? 0;
  const longest = Math.min(ends.at(-1) ?? 0, Math.max(CUT_AT * middle, 2 * margin));
  return Math.max(longest * 1.05, margin * 1.5, 0.001);
}
