/**
 * Latencies of a load over time: median and 99th percentile of TTFT and ITL in each slice, and stalls.
 *
 * @module
 */
import { across, chart, down, type Panel, path, type Tip } from "./chart_frame.ts";
import { linearScale, timeAxis } from "./chart_scale.ts";
import { formatCount, formatMs, plural } from "./format.ts";
import type { Window } from "./load_series.ts";
import type { SliceLatency, Slices } from "./load_slices.ts";
import type { Stall } from "./load_stalls.ts";
import { type Markup, markup } from "./markup.ts";

interface SlicesChart {
  readonly id: string;
  readonly slices: Slices;
  readonly durationMs: number;
  /** Window to shade: the steady state that was found. */
  readonly steady: Window | undefined;
  /** Stalls to mark. */
  readonly stalls: readonly Stall[];
  /** Texts at the pointer. Default true; a drawing that is soon replaced needs none. */
  readonly tips?: boolean;
}

const HEIGHT = 76;

/** Texts at the pointer; of more slices every n-th has one. */
const MOST_TIPS = 200;

/** Panels over one time axis, one step per slice; slices with too few values leave a gap. */
export function slicesChart(data: SlicesChart): Markup {
  const { id, slices, durationMs, steady, stalls, tips = true } = data;
  const { startMs, sliceMs, ttft, itl } = slices;
  const { at, ticks, name } = timeAxis(durationMs);
  const endMs = startMs.map((ms) => Math.min(ms + sliceMs, durationMs));
  const shade = steady === undefined
    ? markup``
    : markup`<rect class="steady found" x="${across(at(steady.fromMs))}" width="${
      across(at(steady.toMs) - at(steady.fromMs))
    }" height="${HEIGHT}"/>`;
  const panel = (name: string, { p50, p99 }: SliceLatency, more: Markup): Panel => {
    const known = [...p50, ...p99].filter((value) => value !== undefined);
    if (known.length === 0) {
      return { height: HEIGHT, name, ticks: [], shapes: [], empty: "too few values in each slice" };
    }
    const y = linearScale(0, Math.max(...known), { ticks: 4, round: true });
    const steps = (values: SliceLatency["p50"]) => {
      let before: number | undefined;
      return values.map((value, i) => {
        const from = across(at(startMs[i]!));
        const step = value === undefined
          ? ""
          : `${before === undefined ? `M${from} ` : "V"}${down(y.at(value), HEIGHT)}H${
            across(at(endMs[i]!))
          }`;
        before = value;
        return step;
      }).join("");
    };
    return {
      ...{ height: HEIGHT, name, ticks: y.ticks },
      shapes: [shade, more, path("line", steps(p50)), path("curve rank1", steps(p99))],
    };
  };
  const marks = unionOf(stalls).map(({ fromMs, toMs }) =>
    markup`<rect class="stall" x="${across(at(fromMs))}" width="${
      Math.max(2, Number(across(at(toMs) - at(fromMs))))
    }" height="${HEIGHT}"/>`
  );
  const shown = stalls.length === 0 ? "" : `, ${plural(stalls.length, "stall")} marked`;
  return chart({
    id,
    title: "Latencies over time",
    description:
      `${formatMs(durationMs)} in slices of ${formatMs(sliceMs)}: median and p99 of TTFT ` +
      `by the time of sending, and of ITL by arrival${shown}`,
    panels: [
      panel("TTFT, ms: median (dashed: p99)", ttft, markup``),
      panel(`ITL, ms: median (dashed: p99)${shown}`, itl, markup`${marks}`),
    ],
    ticks: startMs.length === 0 ? [] : ticks,
    name,
    ...(tips
      ? {
        tips: {
          axis: "x",
          // More texts than a pointer can tell apart would be most of the page.
          list: startMs.flatMap((fromMs, i): readonly Tip[] =>
            i % Math.ceil(startMs.length / MOST_TIPS) > 0 ? [] : [{
              at: (at(fromMs) + at(endMs[i]!)) / 2,
              lines: [
                `${formatMs(fromMs)} to ${formatMs(endMs[i]!)}`,
                tipOf("TTFT", ttft, i),
                tipOf("ITL", itl, i),
              ],
            }]
          ),
        },
      }
      : {}),
  });
}

/** Stretches in which at least one stream stalled: one over the other would hide the lines. */
function unionOf(stalls: readonly Stall[]): readonly Window[] {
  const union: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of stalls.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = union.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else union.push({ fromMs, toMs });
  }
  return union;
}

function tipOf(name: string, { count, p50, p99 }: SliceLatency, i: number): string {
  return `${name} p50 ${formatMs(p50[i])}, p99 ${formatMs(p99[i])} of ${formatCount(count[i])}`;
}
