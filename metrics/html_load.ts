/**
 * One load in detail: distributions, timeline, charts over time, tables.
 *
 * @module
 */
import { limitValueText } from "./limit.ts";
import {
  approximationText,
  generatedText,
  sloLimitText,
  throughputRows,
  warmupText,
} from "./summary_text.ts";
import { gpuChart } from "./chart_gpu.ts";
import { histogramChart } from "./chart_histogram.ts";
import { seriesChart } from "./chart_series.ts";
import { TIMELINE_MARKS, timelineChart } from "./chart_timeline.ts";
import { warnings } from "./check.ts";
import {
  formatCount,
  formatDoubted,
  formatMib,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import type { GpuSummary } from "./load_series.ts";
import { doubtedCell, doubtOf, percentileCell } from "./html_bracket.ts";
import { groupSections } from "./html_groups.ts";
import { lanesSection, sessionTable } from "./html_sessions.ts";
import type { RunHeader } from "./run.ts";
import { clientSection } from "./html_client.ts";
import { slicesFigure, stallSection, steadyTable } from "./html_course.ts";
import { type Markup, markup } from "./markup.ts";
import { speedTable } from "./html_speed.ts";
import { badge, checkTitle, keyPercentiles, loadId, percentileOf } from "./html_overview.ts";
import { factTable, htmlTable, left, right } from "./html_table.ts";
import { metricOf, percentileDoubt } from "./load_figures.ts";
import type { LoadSummary, TokenTotals } from "./load_summary.ts";
import { KEY_METRICS } from "./metrics.ts";
import type { Summary } from "./summary.ts";

/** More loads than this are folded, and many have coarser timelines: the page stays small. */
const LOADS_OPEN = 4;
const COARSE_FROM = 16;
const COARSE_ROWS = 40;

/** What one value of a metric belongs to, in the plural. */
const COUNTED = { request: "requests", gap: "gaps", tick: "ticks" } as const;

/** Sections of all loads. */
export function loadSections(summary: Summary): Markup {
  return markup`${summary.loads.map((load, i) => loadSection(load, { summary, position: i }))}`;
}

interface Place {
  readonly summary: Summary;
  readonly position: number;
}

function loadSection(load: LoadSummary, place: Place): Markup {
  const { loads } = place.summary;
  const found = warnings(load.checks).length;
  const badges = [
    load.interrupted && badge("interrupted"),
    load.serverLost !== undefined && badge("server lost"),
    !load.complete && badge("incomplete record"),
    found > 0 && badge(plural(found, "warning")),
  ];
  const open = loads.length <= LOADS_OPEN && markup` open`;
  const parts = [
    distributions(load, place),
    load.lanes === undefined
      ? timeline(load, place)
      : lanesSection(load, { id: loadId(place.position), loads: loads.length }),
    overTime(load, place),
    stallSection(load),
    metricTable(load),
    groupSections(load, {
      id: loadId(place.position),
      percentiles: keyPercentiles(place.summary),
    }),
    clientSection(load),
    failureTable(load),
    facts(load, place.summary.header),
    checkList(load),
  ];
  return markup`<details class="load" id="${loadId(place.position)}"${open}>
<summary><h2>${load.label}</h2>${badges} <span class="sum">${outcomeText(load)}</span></summary>
${parts}</details>
`;
}

function outcomeText({ counts, durationMs }: LoadSummary): string {
  return [
    `${formatCount(counts.completed)} of ${plural(counts.offered, "request")} completed`,
    ...(counts.failed > 0 ? [`${formatCount(counts.failed)} failed`] : []),
    ...(counts.empty > 0 ? [`of these ${plural(counts.empty, "empty answer")}`] : []),
    ...(counts.cancelled > 0 ? [`${formatCount(counts.cancelled)} cancelled`] : []),
    ...(counts.cancelledAsPlanned > 0
      ? [`${formatCount(counts.cancelledAsPlanned)} cancelled as planned`]
      : []),
    ...(counts.dropped > 0 ? [`${formatCount(counts.dropped)} dropped`] : []),
    `in ${formatMs(durationMs)}`,
  ].join(", ");
}

function distributions(load: LoadSummary, { summary, position }: Place): Markup {
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

function timeline(load: LoadSummary, { summary, position }: Place): Markup {
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

function overTime(load: LoadSummary, place: Place): Markup {
  const { series, durationMs, gpu, throughput: { steady }, steadyState } = load;
  if (series.startMs.length === 0) return markup``;
  const id = `${loadId(place.position)}-series`;
  return markup`<h3>Over time</h3>
<figure>${seriesChart({ id, series, durationMs, steady, found: steadyState.window })}</figure>
${slicesFigure(load, `${loadId(place.position)}-slices`)}${
    gpu && gpuFigure(gpu, { id: `${loadId(place.position)}-gpu`, durationMs })
  }`;
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

function noteUnder(title: string, note: string): Markup {
  return markup`<h3>${title}</h3>
<p class="note">${note}</p>
`;
}

function metricTable(load: LoadSummary): Markup {
  const { metrics } = load;
  const percentiles = metrics[0]?.distribution.percentiles ?? [];
  const table = htmlTable({
    caption: "Every metric over the completed requests",
    hideCaption: true,
    columns: [
      left("Metric"),
      ...["mean", "std", "min"].map((name) => right(name)),
      ...percentiles.map(({ p }) => right(formatPercentile(p))),
      right("max"),
      right("values"),
    ],
    rows: metrics.map(({ title, unit, distribution, brackets, intervals }) => [
      title,
      doubtedCell(
        formatDoubted(
          distribution.mean,
          { client: brackets?.mean, sampling: intervals?.mean },
          unit,
        ),
      ),
      ...[distribution.std, distribution.min].map((value) => formatValue(value, unit)),
      ...distribution.percentiles.map(({ value }, i) =>
        doubtedCell(formatDoubted(value, percentileDoubt({ brackets, intervals }, i), unit))
      ),
      formatValue(distribution.max, unit),
      formatCount(distribution.count),
    ]),
  });
  const near = approximationText(load);
  return markup`<h3>All metrics</h3>
${table}${
    near && markup`<p class="note">Accuracy: ${near}</p>
`
  }`;
}

function failureTable({ failures, counts }: LoadSummary): Markup {
  if (failures.length === 0) return noteUnder("Failures", "No request failed");
  const table = htmlTable({
    caption: `${plural(counts.failed, "request")} failed`,
    hideCaption: true,
    columns: [
      left("Cause"),
      right("requests"),
      left("most frequent messages"),
    ],
    rows: failures.map(({ kind, count, messages }) => [
      markup`<b class="bad">${kind}</b>`,
      formatCount(count),
      messages.map(({ message, count }) =>
        markup`<p class="message"><bdi>${message}</bdi> <span>(${formatCount(count)})</span></p>`
      ),
    ]),
  });
  return markup`<h3>Failures</h3>
${table}`;
}

function facts(load: LoadSummary, header: RunHeader): Markup {
  const tables = [
    throughputTable,
    speedTable,
    steadyTable,
    sessionTable,
    tokenTable,
    streamTable,
    sloTable,
    limitTable,
  ];
  return markup`<div class="facts">${tables.map((table) => table(load, header))}</div>
`;
}

function throughputTable(load: LoadSummary): Markup {
  const { steady } = load.throughput;
  return htmlTable({
    caption: "Throughput",
    columns: [
      left(""),
      right("whole run"),
      right(steady ? `steady, ${formatMs(steady.fromMs)} to ${formatMs(steady.toMs)}` : "steady"),
    ],
    rows: throughputRows(load).map(({ name, run, steady }) => [
      name,
      doubtedCell(run),
      steady === undefined ? "" : doubtedCell(steady),
    ]),
  });
}

function tokenTable({ tokens, lengths, cache }: LoadSummary): Markup {
  const answers = lengths.exact + lengths.shorter + lengths.longer;
  const side = (name: string, { total, mean, max, sources, uncounted }: TokenTotals) => [
    [`${name} tokens`, formatCount(total)],
    [`${name} tokens per request`, `mean ${formatNumber(mean)}, max ${formatCount(max)}`],
    [
      `${name} tokens counted by`,
      [
        ...Object.entries(sources).map(([source, count]) => `${source} (${formatCount(count)})`),
        ...(uncounted > 0 ? [`not counted (${formatCount(uncounted)})`] : []),
      ].join(", ") || "n/a",
    ],
  ];
  return factTable("Tokens", [
    ...side("Prompt", tokens.prompt),
    ...side("Output", tokens.output),
    ...(tokens.cancelledAsPlanned === undefined
      ? []
      : [["Tokens until users left as planned", formatCount(tokens.cancelledAsPlanned)]]),
    ["Requested tokens", formatCount(lengths.requestedTokens)],
    ["Delivered tokens", formatCount(lengths.deliveredTokens)],
    [
      "As long as requested",
      answers === 0
        ? "n/a"
        : `${formatCount(lengths.exact)} of ${plural(answers, "answer")}; ${
          formatCount(lengths.shorter)
        } shorter, ${formatCount(lengths.longer)} longer`,
    ],
    ["Lengths forced", plural(lengths.forced, "request")],
    ["Cached prompt tokens", formatCount(cache.cachedTokens)],
    [
      "Share of prompts cached",
      cache.reported === 0 ? "not reported by the engine" : formatShare(cache.share),
    ],
  ]);
}

function streamTable(load: LoadSummary): Markup {
  const { stream, connections, generated: { answers } } = load;
  const generated = generatedText(load);
  return factTable("Stream and connections", [
    ["Answers streamed", formatCount(answers.streamed)],
    ["Answers at once, in one read", formatCount(answers.once)],
    ["Answers as one JSON body", formatCount(answers.whole)],
    ["Answers held back by a buffer", formatCount(answers.held)],
    ...(generated === undefined ? [] : [["Generated", generated]]),
    ["Ticks", formatCount(stream.ticks)],
    ["Tokens per tick", formatNumber(stream.tokensPerTick)],
    ["Reads per token", formatNumber(stream.readsPerToken)],
    ["Events per read", formatNumber(stream.eventsPerRead)],
    ["Bytes of bodies", formatCount(stream.bytes)],
    ["New connections", formatCount(connections.new)],
    ["Reused connections", formatCount(connections.reused)],
    ...(connections.unknown > 0 ? [["Unknown connections", formatCount(connections.unknown)]] : []),
    ["Warm-up", warmupText(load) ?? "none"],
  ]);
}

function sloTable(load: LoadSummary): Markup {
  const { slo } = load;
  if (slo === undefined) return markup``;
  return htmlTable({
    caption: "Service-level objectives",
    columns: [
      left("Limit"),
      right("met by"),
      right("of offered"),
      right("without the value"),
    ],
    rows: [
      ...slo.limits.map((limit) => [
        sloLimitText(limit, load.metrics),
        formatCount(limit.met),
        formatShare(limit.attainment),
        formatCount(limit.unmeasured),
      ]),
      ["All limits", formatCount(slo.good), formatShare(slo.attainment), ""],
    ],
  });
}

/** Limits on figures of the load. */
function limitTable({ limits }: LoadSummary): Markup {
  if (limits.length === 0) return markup``;
  const verdicts = { true: "kept", false: "missed", undefined: "not measured, so not kept" };
  return htmlTable({
    caption: "Limits of the load",
    columns: [left("Limit"), left(""), right("measured"), left("outcome")],
    rows: limits.map(({ text, required, value, unit, kept, reason }) => [
      text,
      required ? "required" : "reported",
      limitValueText(value, unit),
      kept === true
        ? verdicts.true
        : markup`<b class="bad">${verdicts[`${kept}`]}</b>${reason !== undefined && `: ${reason}`}`,
    ]),
  });
}

function checkList({ checks }: LoadSummary): Markup {
  const items = checks.map(({ name, ok, message }) =>
    markup`<li class="${ok ? "passed" : "found"}"><b>${ok ? "✓" : "!"} ${
      checkTitle(name)
    }</b> ${message}</li>
`
  );
  return markup`<details class="checks">
<summary>${plural(checks.length, "check")} of this load</summary>
<ul>${items}</ul>
</details>
`;
}
