/**
 * A load over time: output, requests in flight, failures.
 *
 * @module
 */
import { across, chart, down, type Panel, path, percent, type Tip } from "./chart_frame.ts";
import { linearScale, timeAxis } from "./chart_scale.ts";
import { formatCount, formatMs, formatNumber } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import type { Series, Window } from "./load_series.ts";

interface SeriesChart {
  readonly id: string;
  readonly series: Series;
  readonly durationMs: number;
  /** Window to shade. */
  readonly steady: Window | undefined;
  /** The steady state that a test found, to tint; absent = none. */
  readonly found?: Window | undefined;
  /** Texts at the pointer. Default true; a drawing that is soon replaced needs none. */
  readonly tips?: boolean;
}

const HEIGHT = 76;
const LABEL_HEIGHT = 14;

/** Panels over one time axis with one step per stretch; failures only where there are any. */
export function seriesChart(data: SeriesChart): Markup {
  const { id, series, durationMs, steady, found, tips = true } = data;
  const { bucketMs, startMs, completedPerSec, outputTokensPerSec, inFlight, failed, arrivals } =
    series;
  const { at, ticks, name } = timeAxis(durationMs);
  const endMs = startMs.map((ms) => Math.min(ms + bucketMs, durationMs));
  const shades = ([[steady, "steady"], [found, "steady found"]] as const).map(([window, kind]) =>
    window === undefined ? markup`` : shadeWindow(at(window.fromMs), at(window.toMs), kind)
  );
  const panel = (
    name: string,
    values: readonly number[],
    kind: "line" | "failed",
    above: readonly number[] = [],
  ): Panel => {
    const y = linearScale(0, Math.max(0, ...values, ...above), {
      ticks: 4,
      round: true,
      whole: kind === "failed",
    });
    const stepsOf = (values: readonly number[]) =>
      values.map((value, i) =>
        `${i === 0 ? `M${across(at(startMs[0]!))} ` : "V"}${down(y.at(value), HEIGHT)}H${
          across(at(endMs[i]!))
        }`
      ).join("");
    const steps = stepsOf(values);
    return {
      height: HEIGHT,
      name,
      ticks: values.length === 0 ? [] : y.ticks,
      shapes: values.length === 0 ? [] : [
        ...shades,
        path(`${kind} area`, `${steps}V${HEIGHT}H0Z`),
        path(kind, steps),
        path("curve rank1", stepsOf(above)),
      ],
      empty: values.length === 0 ? "nothing was sent" : undefined,
    };
  };
  // One request in a last stretch of 10 ms would be a rate of 100/s that never happened.
  const lastMs = durationMs - (startMs.at(-1) ?? 0);
  const rates = (perSec: readonly number[]) =>
    perSec.length > 1 && lastMs < bucketMs / 2 ? perSec.slice(0, -1) : perSec;
  const failures = failed.reduce((sum, count) => sum + count, 0);
  const peak = (values: readonly number[]) => formatNumber(Math.max(0, ...values));
  const first = panel("Output tokens/s", rates(outputTokensPerSec), "line");
  return chart({
    id,
    title: "The load over time",
    description: `${formatMs(durationMs)} in stretches of ${formatMs(bucketMs)}: at most ${
      peak(rates(outputTokensPerSec))
    } output tokens/s, ${peak(rates(completedPerSec))} completed requests/s and ${
      peak(inFlight)
    } requests in flight in a stretch; ${formatCount(failures)} failed${
      steady === undefined
        ? ""
        : `; steady window from ${formatMs(steady.fromMs)} to ${formatMs(steady.toMs)}`
    }${
      found === undefined
        ? ""
        : `; found steady from ${formatMs(found.fromMs)} to ${formatMs(found.toMs)}`
    }`,
    panels: [
      steady === undefined || startMs.length === 0 ? first : {
        ...first,
        above: LABEL_HEIGHT,
        labels: labelWindow(at(steady.fromMs), at(steady.toMs), found !== undefined),
      },
      ...(arrivals === undefined ? [] : [
        panel(
          "Requests sent/s (dashed: due)",
          rates(arrivals.sentPerSec),
          "line",
          rates(arrivals.duePerSec),
        ),
      ]),
      panel("Completed requests/s", rates(completedPerSec), "line"),
      panel("Requests in flight", inFlight, "line"),
      ...(failures === 0
        ? []
        : [panel(`Failed requests (in each ${formatMs(bucketMs)})`, failed, "failed")]),
    ],
    ticks: startMs.length === 0 ? [] : ticks,
    name,
    ...(tips
      ? {
        tips: {
          axis: "x",
          list: startMs.map((fromMs, i): Tip => ({
            at: (at(fromMs) + at(endMs[i]!)) / 2,
            lines: [
              `${formatMs(fromMs)} to ${formatMs(endMs[i]!)}`,
              `${formatNumber(rates(outputTokensPerSec)[i])} output tokens/s`,
              ...(arrivals === undefined ? [] : [
                `${formatNumber(rates(arrivals.duePerSec)[i])} requests/s due`,
                `${formatNumber(rates(arrivals.sentPerSec)[i])} requests/s sent`,
              ]),
              `${formatNumber(rates(completedPerSec)[i])} completed requests/s`,
              `${formatNumber(inFlight[i])} in flight`,
              ...(failed[i]! > 0 ? [`${formatCount(failed[i])} failed`] : []),
            ],
          })),
        },
      }
      : {}),
  });
}

function shadeWindow(from: number, to: number, kind: string): Markup {
  const width = across(to - from);
  return markup`<rect class="${kind}" x="${across(from)}" width="${width}" height="${HEIGHT}"/>`;
}

/** Label of the window, towards the side with more room. */
function labelWindow(from: number, to: number, found: boolean): Markup {
  const atStart = from < 0.7;
  return markup`<text class="label" x="${percent(atStart ? from : to)}" y="-4" text-anchor="${
    atStart ? "start" : "end"
  }">steady window${found && "; green: found steady"}</text>`;
}
