/**
 * The charts of one load: distributions, timeline, what happened over time.
 *
 * @module
 */
import { gpuChart } from "./chart_gpu.ts";
import { histogramChart } from "./chart_histogram.ts";
import { seriesChart } from "./chart_series.ts";
import { TIMELINE_MARKS, timelineChart } from "./chart_timeline.ts";
import { formatMib, formatNumber, formatPercentile, formatShare, NOT_AVAILABLE } from "./format.ts";
import type { GpuSummary } from "./load_series.ts";
import { doubtOf, percentileCell } from "./html_bracket.ts";
import { slicesFigure } from "./html_course.ts";
import { heatFigures } from "./html_heat.ts";
import { type Markup, markup } from "./markup.ts";
import { keyPercentiles, loadId, percentileOf } from "./html_overview.ts";
import { htmlTable, left, right } from "./html_table.ts";
import { metricOf } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import { KEY_METRICS } from "./metrics.ts";
import type { Summary } from "./summary.ts";

/** More loads than this have coarser timelines and no heat maps: the page stays small. */
const COARSE_FROM = 16;
const COARSE_ROWS = 40;

/** What one value of a metric belongs to, in the plural. */
const COUNTED = { request: "requests", gap: "gaps", tick: "ticks" } as const;

/** Which load of which run. */
export interface Place {
  readonly summary: Summary;
  readonly position: number;
}

/** How the values of the key metrics spread. */
export function distributions(load: LoadSummary, { summary, position }: Place): Markup {
  if (load.counts.completed === 0) {
    return noteUnder("Distributions", "No request completed, so there is no distribution");
  }
  const percentiles = keyPercentiles(summary);
  const charts = KEY_METRICS.flatMap((name) => {
    const bars = load.histograms.find((one) => one.name === name);
    const metric = metricOf(load, name);
    if (bars === undefined || metric === undefined) return [];
    const marks = percentiles.map((p) => ({
      p,
      value: percentileOf(metric, p),
      doubt: doubtOf(metric, p),
    }));
    const values = percentiles.map((p) =>
      markup` <span>${formatPercentile(p)} <b>${percentileCell(metric, p)}</b></span>`
    );
    const drawn = histogramChart({
      ...bars,
      id: `${loadId(position)}-${name}`,
      counted: COUNTED[metric.per],
      marks,
    });
    return markup`<figure><figcaption><strong>${metric.title}</strong>${values}</figcaption>
${drawn}</figure>
`;
  });
  return markup`<h3>Distributions</h3>
<div class="charts two">${charts}</div>
`;
}

/** Each request from arrival to last token. */
export function timeline(load: LoadSummary, { summary, position }: Place): Markup {
  const { timeline: entries, counts, durationMs } = load;
  if (counts.offered === 0) return noteUnder("Timeline of requests", "Nothing was sent");
  const swatch = (kind: string, width: number) =>
    markup`<svg width="22" height="10" aria-hidden="true"><path class="${kind}" stroke-width="${width}" d="M0 5H22"/></svg>`;
  const names = {
    failed: "failed",
    cancelled: "cancelled",
    cancelledAsPlanned: "cancelled as planned",
    dropped: "never sent",
  } as const;
  const marks = TIMELINE_MARKS.filter(({ kind }) => counts[kind] > 0).map(({ kind, mark }) =>
    markup`<span>${
      (kind === "failed" || kind === "cancelled") && swatch(kind, 3)
    } <b class="${kind}">${mark}</b> ${names[kind]}</span>`
  );
  const drawn = timelineChart({
    id: `${loadId(position)}-timeline`,
    entries,
    offered: counts.offered,
    durationMs,
    ...(summary.loads.length > COARSE_FROM ? { rows: COARSE_ROWS } : {}),
  });
  return markup`<h3>Timeline of requests</h3>
<p class="legend"><span>${swatch("waiting", 1)} waiting to be sent</span>
<span>${swatch("prefill", 3)} sent, no token yet</span>
<span>${swatch("decode", 7)} first to last token</span>${marks}</p>
<figure>${drawn}</figure>
`;
}

/** Rates, latencies and GPUs over the load. */
export function overTime(load: LoadSummary, place: Place): Markup {
  const { series, durationMs, gpu, throughput: { steady }, steadyState } = load;
  if (series.startMs.length === 0) return markup``;
  const id = `${loadId(place.position)}-series`;
  return markup`<h3>Over time</h3>
<figure>${seriesChart({ id, series, durationMs, steady, found: steadyState.window })}</figure>
${slicesFigure(load, `${loadId(place.position)}-slices`)}${
    place.summary.loads.length <= COARSE_FROM && heatFigures(load, loadId(place.position))
  }${gpu && gpuFigure(gpu, { id: `${loadId(place.position)}-gpu`, durationMs })}`;
}

function gpuFigure(
  gpu: GpuSummary,
  { id, durationMs }: { readonly id: string; readonly durationMs: number },
): Markup {
  const { total } = gpu;
  const table = htmlTable({
    caption: `GPUs of the client's machine, from ${gpu.source}`,
    columns: [
      left("GPU"),
      right("memory, max"),
      right("rise"),
      right("this program, max"),
      right("others, max"),
      right("busy"),
      right("power"),
      right("energy, J"),
    ],
    rows: gpu.devices.map((device) => [
      `${device.index}: ${device.name}`,
      `${formatMib(device.memoryMaxMiB)} of ${formatMib(device.memoryTotalMiB)}`,
      formatMib(device.memoryRiseMiB),
      formatMib(device.ownMaxMiB),
      formatMib(device.otherMaxMiB),
      formatShare(device.utilizationMean),
      device.powerMeanW === undefined ? NOT_AVAILABLE : `${formatNumber(device.powerMeanW)} W`,
      formatNumber(device.energyJ),
    ]),
  });
  const energy = total.joulesPerOutputToken === undefined
    ? undefined
    : markup`<p class="note">${formatNumber(total.energyJ)} J, ${
      formatNumber(total.joulesPerOutputToken)
    } J per output token on GPU ${total.devices.join(", ")}</p>
`;
  return markup`<figure>${gpuChart({ id, gpu, durationMs })}</figure>
${table}${energy}`;
}

/** A heading with a remark in place of its content. */
export function noteUnder(title: string, note: string): Markup {
  return markup`<h3>${title}</h3>
<p class="note">${note}</p>
`;
}
