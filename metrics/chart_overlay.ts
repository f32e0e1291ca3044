/**
 * Distributions of several sides over each other, as outlines.
 *
 * @module
 */
import { across, chart, down, path, type Tip } from "./chart_frame.ts";
import { linearScale, logScale, timeUnit } from "./chart_scale.ts";
import type { SharedHistogram } from "./compare_distribution.ts";
import { formatShare, formatValue, plural } from "./format.ts";
import type { Markup } from "./markup.ts";

interface OverlayChart extends SharedHistogram {
  readonly id: string;
  /** Short names of the sides. */
  readonly sides: readonly string[];
}

const HEIGHT = 130;

/** Outlines of one color each; what they share is the axis, so that a shift can be seen. */
export function overlayChart(data: OverlayChart): Markup {
  const { id, title, unit, edges, shares, counts, scale, sides } = data;
  const time = unit === "ms" ? timeUnit(edges.at(-1) ?? 0) : { name: unit, ms: 1 };
  const [first = 0, last = 1] = [edges[0], edges.at(-1)].map((edge) => (edge ?? 0) / time.ms);
  const x = edges.length < 2
    ? linearScale(0, 1)
    : scale === "log"
    ? logScale(first, last, { ticks: 8 })
    : linearScale(first, last, { ticks: 8 });
  const most = Math.max(0, ...shares.flat());
  const y = linearScale(0, most * 100, { ticks: 4, round: true });
  const xOf = (edge: number) => across(x.at(edge / time.ms));
  const yOf = (share: number) => down(y.at(share * 100), HEIGHT);
  const shapes = shares.flatMap((bars, side) => {
    if (bars.length === 0) return [];
    const steps = bars.map((share, i) => `V${yOf(share)}H${xOf(edges[i + 1]!)}`).join("");
    const outline = `M${xOf(edges[0]!)} ${HEIGHT}${steps}V${HEIGHT}`;
    return [path(`area side${side}`, outline), path(`outline side${side}`, outline)];
  });
  const tips = edges.slice(0, -1).map((edge, i): Tip => ({
    at: (x.at(edge / time.ms) + x.at(edges[i + 1]! / time.ms)) / 2,
    lines: [
      `${formatValue(edge, unit)} to ${formatValue(edges[i + 1], unit)}`,
      ...shares.flatMap((bars, side) =>
        bars.length === 0 ? [] : [`${sides[side]}: ${formatShare(roundedShare(bars[i]!))}`]
      ),
    ],
  }));
  const empty = shapes.length === 0;
  return chart({
    id,
    title: `Distributions of ${title}`,
    description: empty
      ? "No values"
      : `${
        counts.map((count, side) => `${sides[side]}: ${plural(count, "value")}`).join(", ")
      }, from ${formatValue(edges[0], unit)} to ${formatValue(edges.at(-1), unit)}`,
    panels: [{
      height: HEIGHT,
      name: "Share (%)",
      ticks: empty ? [] : y.ticks,
      shapes,
      empty: empty ? "no values" : undefined,
    }],
    ticks: empty ? [] : x.ticks,
    name: `${title}${
      time.name === "1" ? "" : ` (${time.name}${scale === "log" ? ", log scale" : ""})`
    }`,
    tips: { axis: "x", list: tips },
  });
}

/** What spreading over bars leaves behind is no value. */
function roundedShare(share: number): number {
  return share < 1e-9 ? 0 : share;
}
