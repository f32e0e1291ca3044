/**
 * Repeats of a load as dots: for each figure a row, in percent of its mean, with the interval of the mean
 * from run to run behind them.
 *
 * @module
 */
import { chart, percent, type Tip } from "./chart_frame.ts";
import { linearScale } from "./chart_scale.ts";
import { bracketedText, formatBracketed, formatMs, formatNumber, formatShare } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import type { RepeatedFigure, RepeatedLoad } from "./summary_repeats.ts";

const ROW_HEIGHT = 26;

/** Half of the narrowest axis, as a share of the mean. */
const LEAST_HALF = 0.01;

/** The chart of one load. @param id unique in the page. */
export function repeatsChart(
  { label }: RepeatedLoad,
  figures: readonly RepeatedFigure[],
  id: string,
): Markup {
  const rows = figures.filter(({ mean }) => mean !== undefined && mean !== 0);
  const height = ROW_HEIGHT * rows.length;
  const apart = (value: number, { mean }: RepeatedFigure) => (value - mean!) / Math.abs(mean!);
  const all = rows.flatMap((row) =>
    [
      ...row.values.flatMap((value) => value ?? []),
      ...(row.interval === undefined ? [] : [row.interval.low, row.interval.high]),
    ].map((value) => Math.abs(apart(value, row)))
  );
  const half = Math.max(LEAST_HALF, ...all) * 100;
  const x = linearScale(-half, half, { ticks: 6, round: true });
  const xOf = (value: number, row: RepeatedFigure) => percent(x.at(apart(value, row) * 100));
  const yOf = (i: number) => (i + 0.5) * ROW_HEIGHT;
  const drawn = rows.map((row, i): Markup => {
    const { interval, values } = row;
    const whisker = interval &&
      markup`<line class="whisker" x1="${xOf(interval.low, row)}" x2="${
        xOf(interval.high, row)
      }" y1="${yOf(i)}" y2="${yOf(i)}"/>`;
    const dots = values.map((value) =>
      value !== undefined &&
      markup`<circle class="dot rank1" cx="${xOf(value, row)}" cy="${yOf(i)}" r="3"/>`
    );
    return markup`${whisker}${dots}`;
  });
  const middle = percent(x.at(0));
  const described = rows.map(describe);
  return chart({
    id,
    title: `Repeats of ${label}`,
    description: described.map((lines) => lines.join(", ")).join("; "),
    panels: [{
      height,
      name: "Figure",
      ticks: rows.map(({ title }, i) => ({ at: 1 - yOf(i) / height, label: shortTitle(title) })),
      plain: true,
      shapes: [],
      labels:
        markup`<line class="mark" x1="${middle}" x2="${middle}" y1="0" y2="${height}"/>${drawn}`,
      empty: rows.length === 0 ? "no repeat that counts" : undefined,
    }],
    ticks: x.ticks,
    name: "Percent above or below the mean",
    tips: {
      axis: "y",
      list: described.map((lines, i): Tip => ({ at: yOf(i) / height, lines })),
    },
  });
}

/** Left of the chart there is room for so much. */
function shortTitle(title: string): string {
  return title.replace("Output tokens/s", "tokens/s").replace(/ mean$/, "");
}

function describe({ title, unit, mean, interval, values }: RepeatedFigure): readonly string[] {
  const format = (value: number | undefined) =>
    unit === "ms" ? formatMs(value) : unit === "share" ? formatShare(value) : formatNumber(value);
  const shown = unit === "share"
    ? format(mean)
    : bracketedText(formatBracketed(mean, interval, unit));
  return [`${title} ${shown}`, ...values.map((value, i) => `run ${i + 1}: ${format(value)}`)];
}
