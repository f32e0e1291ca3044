/**
 * The probes of a search: each load, and how much of its nearest limit it used.
 *
 * @module
 */
import type { CapacitySummary } from "./capacity_result.ts";
import { axisText } from "./capacity_summary.ts";
import { across, chart, down, path, percent, type Tip } from "./chart_frame.ts";
import { logScale } from "./chart_scale.ts";
import { formatNumber } from "./format.ts";
import { type Markup, markup } from "./markup.ts";

const HEIGHT = 210;
const RADIUS = 4;

/** A dot for each probe by its verdict, the limit as a line, the interval as a band. */
export function capacityChart(
  { axis, unit, probes, interval }: CapacitySummary,
  { id }: { readonly id: string },
): Markup {
  const placed = probes.flatMap((probe) =>
    probe.ratio === undefined || !(probe.ratio > 0) ? [] : { ...probe, ratio: probe.ratio }
  );
  const values = placed.map(({ value }) => value);
  const ratios = placed.map(({ ratio }) => ratio);
  const empty = placed.length === 0;
  const x = logScale(...around(values), { ticks: 7 });
  const y = logScale(...around([...ratios, 1]), { ticks: 7 });
  const yOf = (ratio: number) => down(y.at(ratio), HEIGHT);
  const limit = path("line limit", `M0 ${yOf(1)}L${across(1)} ${yOf(1)}`);
  const band = interval !== undefined && interval.high > interval.low &&
    markup`<rect class="band" x="${percent(x.at(interval.low))}" y="0" width="${
      percent(x.at(interval.high) - x.at(interval.low))
    }" height="${HEIGHT}"/>`;
  const dots = placed.map(({ value, ratio, verdict }) =>
    markup`<circle class="dot probe ${verdict}" cx="${percent(x.at(value))}" cy="${
      yOf(ratio)
    }" r="${RADIUS}"/>`
  );
  const described = placed.map(({ value, ratio, verdict, repeat }) =>
    `${axisText(value, axis)}${repeat > 1 ? `, repeat ${repeat}` : ""}: ${verdict}, ${
      formatNumber(Number((ratio * 100).toPrecision(3)))
    } % of its limit`
  );
  return chart({
    id,
    title: "Probes: how much of the limit each load used",
    description: empty ? "No probe has a value to compare" : described.join("; "),
    panels: [{
      height: HEIGHT,
      name: "Part of the nearest limit (1 = at it, log scale)",
      ticks: empty ? [] : y.ticks,
      shapes: empty ? [] : [limit],
      labels: markup`${band}${dots}`,
      empty: empty ? "no probe has a value to compare" : undefined,
    }],
    ticks: empty ? [] : x.ticks,
    name: `Load (${unit}, log scale)`,
    tips: {
      axis: "x",
      list: placed.map(({ value, reason }, i): Tip => ({
        at: x.at(value),
        lines: [described[i]!, reason],
      })).sort((a, b) => a.at - b.at),
    },
  });
}

/** Ends that leave room, and are two. */
function around(values: readonly number[]): [low: number, high: number] {
  if (values.length === 0) return [0.5, 2];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return [low / 1.2, high * 1.2];
}
