/**
 * Charts and table of the live page: those of the report, drawn from what is known so far.
 *
 * @module
 */
import { curveChart, type CurvePoint } from "../metrics/chart_curve.ts";
import { seriesChart } from "../metrics/chart_series.ts";
import { slicesChart } from "../metrics/chart_slices.ts";
import { formatCount, formatMs, formatNumber } from "../metrics/format.ts";
import { htmlTable, left, right } from "../metrics/html_table.ts";
import { type Markup, markup, ownMarkup } from "../metrics/markup.ts";
import type { LiveCourse, LiveLoadEnd, LiveState } from "./live_state.ts";

/** The course of the load that is measured, or was last. */
export function liveCharts({ course }: LiveState): Markup {
  const { label, sliceMs, completedPerSec } = course;
  const slices = completedPerSec.length;
  if (slices === 0) return markup``;
  const startMs = Array.from({ length: slices }, (_, i) => i * sliceMs);
  const durationMs = slices * sliceMs;
  const none = startMs.map(() => 0);
  const series = seriesChart({
    ...{ id: "series", durationMs, steady: undefined, tips: false },
    series: {
      ...{ bucketMs: sliceMs, startMs, completedPerSec, failed: course.failed },
      outputTokensPerSec: filled(course.tokensPerSec),
      inFlight: filled(course.inFlight),
      arrivals: undefined,
    },
  });
  const latencies = slicesChart({
    ...{ id: "latencies", durationMs, steady: undefined, stalls: [], tips: false },
    slices: {
      ...{ sliceMs, askedMs: sliceMs, most: slices, startMs },
      ...{ sent: none, completed: none, failed: course.failed, completedPerSec },
      ...{ outputTokensPerSec: none, inFlight: none },
      ttft: latencyOf(course.ttftP50Ms, course.ttftP99Ms),
      itl: latencyOf(course.itlP50Ms, course.itlP99Ms),
    },
  });
  return markup`<section><h2>Over time: ${label}</h2>
<div class="charts two"><figure>${series}</figure>
<figure>${latencies}</figure></div></section>
`;
}

/** A value that is not known yet is as the one before it. */
function filled(values: LiveCourse["tokensPerSec"]): readonly number[] {
  let last = 0;
  return values.map((value) => last = value ?? last);
}

function latencyOf(p50: LiveCourse["ttftP50Ms"], p99: LiveCourse["ttftP99Ms"]) {
  const known = (values: LiveCourse["ttftP50Ms"]) => values.map((value) => value ?? undefined);
  return { count: p50.map(() => 0), p50: known(p50), p99: known(p99) };
}

/** Texts at the pointer are for a drawing that stays. */
function withoutTips(drawn: Markup): Markup {
  return ownMarkup(`${drawn}`.replace(/ data-(axis|from|to|at|tips)="[^"]*"/g, ""));
}

/** Loads that have ended: the curve, and their figures. */
export function endedParts({ ended }: LiveState): Markup {
  if (ended.length === 0) return markup``;
  const measured = ended.filter(({ skipped }) => !skipped);
  const curves = measured.length < 2
    ? markup``
    : markup`<div class="charts two">${CURVES.map((one) => curveOf(measured, one))}</div>
`;
  return markup`<section><h2>Loads that have ended</h2>
${curves}${
    htmlTable({
      caption: "Loads that have ended",
      hideCaption: true,
      columns: [
        left("load"),
        right("completed"),
        right("failed"),
        right("tok/s"),
        right("req/s"),
        ...(["TTFT", "ITL", "E2E"].flatMap((name) => [right("p50", name), right("p99", name)])),
        right("took"),
      ],
      rows: ended.map((load) => [
        load.label,
        ...(load.skipped ? ["not measured"] : [formatCount(load.completed)]),
        ...(load.skipped ? Array<string>(10).fill("") : [
          formatCount(load.failed),
          formatNumber(load.tokensPerSec),
          formatNumber(load.completedPerSec),
          ...[load.ttft, load.itl, load.e2e].flatMap(({ p50Ms, p99Ms }) => [
            formatMs(p50Ms),
            formatMs(p99Ms),
          ]),
          formatMs(load.durationMs),
        ]),
      ]),
    })
  }</section>
`;
}

const CURVES = [
  { key: "ttft", title: "Time to the first token" },
  { key: "itl", title: "Gap between tokens" },
] as const;

function curveOf(loads: readonly LiveLoadEnd[], { key, title }: (typeof CURVES)[number]): Markup {
  const points = loads.map((load): CurvePoint => ({
    short: /^\d[\d.]*/.exec(load.label)?.[0] ?? load.label,
    label: load.label,
    throughput: load.tokensPerSec,
    latencies: [load[key].p50Ms, load[key].p99Ms],
    doubts: [{}, {}],
    failed: load.failed > 0,
  }));
  const drawn = curveChart({
    ...{ id: `curve-${key}`, title, points, percentiles: [50, 99] },
    name: "Output tokens/s, whole load",
  });
  return markup`<figure><figcaption><strong>${title}</strong> <span>median (dashed: p99)</span></figcaption>
${withoutTips(drawn)}</figure>
`;
}
