/**
 * Figures of groups side by side, e.g. the TTFT of each turn: a point for each group, joined by lines.
 *
 * @module
 */
import { across, chart, down, path, percent, type Tip } from "./chart_frame.ts";
import { linearScale, timeUnit } from "./chart_scale.ts";
import { bracketedText, formatBracketed } from "./format.ts";
import type { Bracket } from "./load_bracket.ts";
import { type Markup, markup } from "./markup.ts";

/** One figure of all groups. */
export interface GroupSeries {
  /** Its name in the text at the pointer. */
  readonly name: string;
  /** One a group, in ms or per second. */
  readonly values: readonly (number | undefined)[];
  /** What the client leaves open about them. */
  readonly brackets?: readonly (Bracket | undefined)[];
}

interface GroupChart {
  readonly id: string;
  readonly title: string;
  /** Name of the horizontal axis. */
  readonly name: string;
  /** Name of the vertical axis, with its unit where it is no time. */
  readonly figure: string;
  readonly unit: "ms" | "1";
  readonly groups: readonly string[];
  /** At most three: lines and dots tell them apart. */
  readonly series: readonly GroupSeries[];
}

const HEIGHT = 180;

/** Names below the chart: more of them, or longer ones, do not fit on a phone. */
const MOST_NAMES = 8;

/** The chart. */
export function groupChart(data: GroupChart): Markup {
  const { id, title, name, figure, unit, groups, series } = data;
  const highs = series.flatMap(({ values, brackets = [] }) => [
    ...values.flatMap((value) => value ?? []),
    ...brackets.flatMap((bracket) => bracket?.high ?? []),
  ]);
  const highest = Math.max(0, ...highs);
  const time = unit === "ms" ? timeUnit(highest) : { name: "", ms: 1 };
  const y = linearScale(0, highest / time.ms, { ticks: 6, round: true });
  const yOf = (value: number) => down(y.at(value / time.ms), HEIGHT);
  const xOf = (i: number) => (i + 0.5) / groups.length;
  const lines = series.map(({ values }, rank) => {
    const d = values.map((value, i) => {
      if (value === undefined) return "";
      // A gap stays a gap: no line over groups without the figure.
      const joined = i > 0 && values[i - 1] !== undefined;
      return `${joined ? "L" : "M"}${across(xOf(i))} ${yOf(value)}`;
    });
    return path(`curve rank${rank}`, d.join(""));
  });
  const whiskers = series.flatMap(({ brackets = [] }, rank) =>
    brackets.map((bracket, i) =>
      bracket &&
      markup`<line class="whisker rank${rank}" x1="${percent(xOf(i))}" x2="${
        percent(xOf(i))
      }" y1="${yOf(bracket.high)}" y2="${yOf(Math.max(0, bracket.low))}"/>`
    )
  );
  const dots = series.flatMap(({ values }, rank) =>
    values.map((value, i) =>
      value !== undefined &&
      markup`<circle class="dot rank${rank}" cx="${percent(xOf(i))}" cy="${yOf(value)}" r="3"/>`
    )
  );
  const step = Math.ceil(groups.length / MOST_NAMES);
  const described = groups.map((group, i) => describe(group, i, data));
  return chart({
    id,
    title,
    description: described.map((lines) => lines.join(", ")).join("; "),
    panels: [{
      height: HEIGHT,
      name: unit === "ms" ? `${figure} (${time.name})` : figure,
      ticks: highs.length === 0 ? [] : y.ticks,
      shapes: lines,
      labels: markup`${whiskers}${dots}`,
      empty: highs.length === 0 ? "too few completed requests" : undefined,
    }],
    ticks: groups.map((label, i) => ({ at: xOf(i), label: i % step === 0 ? label : "" })),
    name,
    tips: { axis: "x", list: described.map((lines, i): Tip => ({ at: xOf(i), lines })) },
  });
}

function describe(group: string, i: number, { name, unit, series }: GroupChart): readonly string[] {
  return [
    `${name} ${group}`,
    ...series.map(({ name, values, brackets }) =>
      `${name} ${bracketedText(formatBracketed(values[i], brackets?.[i], unit))}`
    ),
  ];
}
