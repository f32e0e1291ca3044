/**
 * Where the time to the first token goes: a bar for each load, stacked of the parts.
 *
 * @module
 */
import { across, chart, percent, PLOT_WIDTH, type SpanTip } from "./chart_frame.ts";
import { linearScale, timeUnit } from "./chart_scale.ts";
import { formatMs, plural } from "./format.ts";
import type { TimePart, TimeSplit } from "./load_server.ts";
import { type Markup, markup } from "./markup.ts";
import { splitText } from "./summary_server_text.ts";

/** One bar. */
export interface SplitBar {
  /** What it is of. */
  readonly label: string;
  readonly split: TimeSplit;
}

interface SplitChart {
  readonly id: string;
  readonly bars: readonly SplitBar[];
}

/** Height of a row, of the label above its bar, and of the bar. */
const ROW = 38;
const LABEL = 16;
const BAR = 16;

/** Least width of a part that is not zero, in units of the chart: a sliver is still seen. */
const LEAST = 2;

/** The parts in the order of time, with what they look like in a legend. */
export const PIECES: readonly TimePart["name"][] = [
  "client",
  "connect",
  "network",
  "queue",
  "prefill",
  "rest",
];

/** Parts above zero to the right of it, one behind the other; parts below zero to the left. */
export function splitChart({ id, bars }: SplitChart): Markup {
  const sums = bars.map(({ split }) => ({
    below: split.parts.reduce((sum, { meanMs }) => sum + Math.min(0, meanMs), 0),
    above: split.parts.reduce((sum, { meanMs }) => sum + Math.max(0, meanMs), 0),
  }));
  const [low, high] = [
    Math.min(0, ...sums.map(({ below }) => below)),
    Math.max(0, ...sums.map(({ above }) => above)),
  ];
  const { name, ms } = timeUnit(high);
  const x = linearScale(low / ms, high / ms, { ticks: 7 });
  const at = (timeMs: number) => x.at(timeMs / ms);
  const height = Math.max(ROW, bars.length * ROW);
  const tips: SpanTip[] = [];
  const shapes = bars.map(({ label, split }, row) => {
    let [left, right] = [0, 0];
    return split.parts.map((part) => {
      const { meanMs } = part;
      const fromMs = meanMs < 0 ? left += meanMs : right;
      const toMs = meanMs < 0 ? fromMs - meanMs : right += meanMs;
      if (meanMs === 0) return markup``;
      const width = Math.max(LEAST, across(at(toMs) - at(fromMs)));
      tips.push({
        at: (row * ROW + LABEL + BAR / 2) / height,
        from: at(fromMs),
        to: Math.max(at(toMs), at(fromMs) + LEAST / PLOT_WIDTH),
        lines: tipOf(label, split, part),
      });
      return markup`<rect class="piece ${part.name}${meanMs < 0 && " below"}" x="${
        across(at(fromMs))
      }" y="${row * ROW + LABEL}" width="${width}" height="${BAR}"/>`;
    });
  });
  const labels = bars.map(({ label, split }, row) =>
    markup`<text class="label" x="${percent(at(0))}" dx="${low < 0 ? 4 : 0}" y="${
      row * ROW + LABEL - 5
    }">${label}: ${formatMs(split.ttftMs)}</text>`
  );
  return chart({
    id,
    title: "Where the time to the first token goes",
    description: bars.length === 0
      ? "No load has it"
      : `${plural(bars.length, "load")}, means: ${
        bars.map(({ label, split }) => `${label}: ${splitText(split)}`).join("; ")
      }`,
    panels: [{
      height,
      name: "Mean time to the first token",
      ticks: [],
      shapes: [
        ...shapes.flat(),
        low < 0 ? markup`<path class="base" d="M${across(at(0))} 0V${height}"/>` : markup``,
      ],
      labels,
      empty: bars.length === 0 ? "nothing is known" : undefined,
    }],
    ticks: bars.length === 0 ? [] : x.ticks,
    name: `Time (${name})`,
    tips: { axis: "xy", list: tips },
  });
}

function tipOf(label: string, { ttftMs, requests }: TimeSplit, part: TimePart): readonly string[] {
  const { name, meanMs, percentiles } = part;
  const share = ttftMs > 0 ? `, ${(100 * meanMs / ttftMs).toFixed(1)} % of TTFT` : "";
  return [
    `${label}, ${name}: ${formatMs(meanMs)}${share}`,
    ...percentiles.flatMap(({ p, valueMs }) =>
      valueMs === undefined ? [] : [`p${p} ${formatMs(valueMs)}`]
    ),
    `mean of ${plural(requests, "request")}`,
  ];
}
