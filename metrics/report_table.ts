/**
 * What a person reads in the terminal: one line per load, then each load in detail with warnings.
 *
 * @module
 */
import { approximationText, clientErrorText, throughputRows } from "./summary_text.ts";
import type { ClientErrorEstimate, Verdict } from "./load_client.ts";
import { ERROR_METRICS, ERROR_SIGNS } from "./check_calibration.ts";
import { type Check, warnings } from "./check.ts";
import {
  formatCount,
  formatMib,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
  plural,
} from "./format.ts";
import type { GpuDeviceSummary } from "./load_series.ts";
import { findMetric, type LoadSummary, type MetricSummary } from "./load_summary.ts";
import { mergedText } from "./merged_clients.ts";
import { DETAIL_METRICS, KEY_METRICS } from "./metrics.ts";
import type { RenderOptions, Report } from "./report.ts";
import type { Summary } from "./summary.ts";
import { printable, type TextColumn, textTable, wrapText } from "./report_text_table.ts";

/** The table as a report. */
export const reportTable: Report = {
  name: "table",
  description: "Tables for people: one line per load, details, warnings with advice",
  extension: "txt",
  saved: false,
  render: renderTable,
};

const MAX_WIDTH = 100;
const LABEL_WIDTH = 13;

/**
 * Renders a summary as tables for a terminal, in its width and with color.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { measureBench, renderTable, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * assertStringIncludes(renderTable(summarize(run), { width: 80 }), "4 of 4 completed");
 * ```
 */
export function renderTable(summary: Summary, options: RenderOptions = {}): string {
  const { color = false, width = MAX_WIDTH } = options;
  const page: Page = {
    paint: color ? paint : (_, text) => text,
    width: Math.min(width, MAX_WIDTH),
  };
  const several = summary.loads.length > 1;
  const blocks = [
    headerLines(summary, page),
    ...(several ? [overviewLines(summary, page)] : []),
    ...summary.loads.map((load) => loadLines(load, page)),
    warningLines(summary.checks, page),
  ];
  return blocks.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

type Style = "bold" | "dim" | "red" | "yellow";

interface Page {
  readonly paint: (style: Style, text: string) => string;
  readonly width: number;
}

const SGR: Readonly<Record<Style, string>> = { bold: "1", dim: "2", red: "31", yellow: "33" };

function paint(style: Style, text: string): string {
  return `\x1b[${SGR[style]}m${text}\x1b[0m`;
}

function headerLines({ header }: Summary, { paint, width }: Page): readonly string[] {
  const { version, scenario, protocol, transport, workers, model, url, dataset, seed } = header;
  const what = [`Tokometer ${version}`, scenario, protocol, url, model].filter((part) =>
    part !== ""
  );
  const how = [
    workers === 0 ? transport : `${transport} in ${plural(workers, "worker")}`,
    `${dataset.kind}, ${plural(dataset.prompts, "prompt")}`,
    `${header.length} lengths`,
    `seed ${seed}`,
    header.startedAt,
  ];
  return [
    ...wrapText(printable(what.join(" · ")), width).map((line) => paint("bold", line)),
    ...wrapText(printable(how.join(" · ")), width).map((line) => paint("dim", line)),
    ...(header.merged === undefined ? [] : wrapText(printable(mergedText(header.merged)), width)),
  ];
}

/** One line per load, to see where throughput levels off and latency begins to grow. */
function overviewLines({ loads, percentiles }: Summary, { paint, width }: Page): readonly string[] {
  const column = (heading: string, cell: (load: LoadSummary) => string, dropOrder?: number) =>
    numbers(heading, loads.map(cell), dropOrder);
  const tail = tailPercentile(percentiles);
  const pair = (name: string, title: string, dropOrder: number): readonly TextColumn[] => [
    column(
      `${title} p50`,
      (load) => formatMs(findMetric(load, name).distribution.median),
      dropOrder,
    ),
    ...(tail === undefined ? [] : [
      column(
        formatPercentile(percentiles[tail]!),
        (load) => formatMs(findMetric(load, name).distribution.percentiles[tail]?.value),
        name === "ttft" ? undefined : dropOrder + 1,
      ),
    ]),
  ];
  const [heading, ...rows] = textTable([
    { heading: "Load", cells: loads.map(({ label }) => label), align: "left" },
    column("ok", ({ counts }) => formatCount(counts.completed)),
    column("failed", ({ counts }) => formatCount(counts.failed)),
    column("req/s", ({ throughput }) => formatNumber(throughput.run.qps)),
    column("out tok/s", ({ throughput }) => formatNumber(throughput.run.outputTokensPerSec)),
    ...pair("ttft", "TTFT", 0),
    ...(loads.every(({ client }) => client?.error === undefined) ? [] : [
      column(
        "± client",
        ({ client }) => client?.error === undefined ? "" : errorCell("ttft", client.error),
      ),
    ]),
    ...pair("itl", "ITL", 1),
    ...pair("e2e", "E2E", 4),
    ...(loads.every(({ verdict }) => verdict === undefined) ? [] : [
      column("verdict", ({ verdict }) => verdict?.kind ?? "", 3),
    ]),
  ], width);
  return [
    paint("bold", heading!),
    ...rows.map((row, i) => loads[i]!.counts.failed > 0 ? paint("red", row) : row),
  ];
}

function loadLines(load: LoadSummary, page: Page): readonly string[] {
  return [
    page.paint("bold", load.label),
    ...labelled("Requests", requestsText(load), page),
    ...load.failures.flatMap(({ kind, count, messages }) =>
      labelled(
        "Failed",
        `${kind} ${formatCount(count)}: ${
          messages.map(({ message, count }) =>
            printable(count === 1 ? message : `${message} (${formatCount(count)})`)
          ).join("; ")
        }`,
        page,
      ).map((line) => page.paint("red", line))
    ),
    "",
    ...throughputLines(load, page),
    "",
    ...metricLines(load, page),
    "",
    ...labelled("Accuracy", approximationText(load), page),
    ...labelled("Tokens", tokensText(load), page),
    ...labelled("Stream", streamText(load), page),
    ...(knowsConnections(load) ? labelled("Connections", connectionsText(load), page) : []),
    ...(load.slo === undefined ? [] : labelled("SLO", sloText(load.slo, load.metrics), page)),
    ...gpuLines(load, page),
    ...(load.client === undefined ? [] : labelled("Client", clientText(load.client), page)),
    ...(load.client?.error === undefined
      ? []
      : labelled("Client error", errorText(load.client.error), page)),
    ...(load.verdict === undefined ? [] : verdictLines(load.verdict, page)),
    ...(warnings(load.checks).length === 0 ? [] : ["", ...warningLines(load.checks, page)]),
  ];
}

function requestsText({ counts, durationMs, interrupted }: LoadSummary): string {
  const parts = [
    `${formatCount(counts.completed)} of ${formatCount(counts.offered)} completed`,
    `${formatCount(counts.failed)} failed`,
    ...(counts.cancelled > 0 ? [`${formatCount(counts.cancelled)} cancelled`] : []),
    ...(counts.dropped > 0 ? [`${formatCount(counts.dropped)} dropped`] : []),
  ];
  return `${parts.join(", ")}, success ${formatShare(counts.successRate)}, in ${
    formatMs(durationMs)
  }${interrupted ? " (interrupted)" : ""}`;
}

function throughputLines(load: LoadSummary, { paint, width }: Page): readonly string[] {
  const { steady } = load.throughput;
  const rows = throughputRows(load);
  const window = steady === undefined
    ? "steady n/a"
    : `steady ${formatMs(steady.fromMs)} to ${formatMs(steady.toMs)}`;
  const [heading, ...lines] = textTable([
    { heading: "Throughput", cells: rows.map(([name]) => name), align: "left" },
    { heading: "whole run", cells: rows.map(([, all]) => all), align: "right" },
    { heading: window, cells: rows.map(([, , part]) => part), align: "right" },
  ], width);
  return [paint("bold", heading!), ...lines];
}

function metricLines(load: LoadSummary, page: Page): readonly string[] {
  const shown = load.metrics.filter(({ name, distribution }) =>
    KEY_METRICS.includes(name) || (distribution.count > 0 && !DETAIL_METRICS.includes(name))
  );
  const others = shown.filter(({ unit }) => unit !== "ms");
  return [
    ...metricTable("Latency", shown.filter(({ unit }) => unit === "ms"), load, page),
    ...(others.length === 0 ? [] : ["", ...metricTable("Other metrics", others, load, page)]),
  ];
}

function metricTable(
  heading: string,
  metrics: readonly MetricSummary[],
  { client }: LoadSummary,
  { paint, width }: Page,
): readonly string[] {
  // A unit in the title keeps the cells narrow; times have one that fits their size.
  const titleOf = ({ title, unit }: MetricSummary) =>
    unit === "ms" || unit === "1" ? title : `${title}, ${unit}`;
  const column = (
    name: string,
    valueOf: (metric: MetricSummary) => number | undefined,
    dropOrder?: number,
  ): TextColumn =>
    numbers(
      name,
      metrics.map((one) => formatValue(valueOf(one), one.unit === "ms" ? "ms" : "1")),
      dropOrder,
    );
  const percentiles = metrics[0]?.distribution.percentiles ?? [];
  const tail = tailPercentile(percentiles.map(({ p }) => p));
  const error = heading === "Latency" ? client?.error : undefined;
  const [first, ...lines] = textTable([
    { heading, cells: metrics.map(titleOf), align: "left" },
    column("mean", ({ distribution }) => distribution.mean),
    column("min", ({ distribution }) => distribution.min, 2),
    ...percentiles.map(({ p }, i) =>
      column(
        formatPercentile(p),
        ({ distribution }) => distribution.percentiles[i]?.value,
        i === tail || p === 50 ? undefined : 1,
      )
    ),
    column("max", ({ distribution }) => distribution.max),
    numbers("samples", metrics.map(({ distribution }) => formatCount(distribution.count)), 0),
    ...(error === undefined
      ? []
      : [numbers("± client", metrics.map(({ name }) => errorCell(name, error)))]),
  ], width);
  return [paint("bold", first!), ...lines];
}

function numbers(heading: string, cells: readonly string[], dropOrder?: number): TextColumn {
  return { heading, cells, align: "right", dropOrder };
}

function tokensText({ tokens, lengths, cache }: LoadSummary): string {
  const side = (name: "prompt" | "output") => {
    const { total, mean, max, sources } = tokens[name];
    return `${name} ${formatCount(total)} (mean ${formatNumber(mean)}, max ${formatCount(max)}; ${
      Object.keys(sources).join(" + ") || "not counted"
    })`;
  };
  const answers = lengths.exact + lengths.shorter + lengths.longer;
  return [
    side("prompt"),
    side("output"),
    `${formatCount(lengths.exact)} of ${plural(answers, "answer")} as long as requested`,
    ...(cache.reported === 0 ? [] : [`${formatShare(cache.share)} of prompts cached`]),
  ].join(", ");
}

function streamText({ stream }: LoadSummary): string {
  const { tokensPerTick, readsPerToken, eventsPerRead } = stream;
  const rate = (value: number | undefined, one: string) =>
    `${formatNumber(value)} ${value === 1 ? one : `${one}s`} per`;
  return `${rate(tokensPerTick, "token")} tick, ${rate(readsPerToken, "read")} token, ${
    rate(eventsPerRead, "event")
  } read`;
}

/** `fetch` cannot tell new connections from reused ones; a line that says so would help nobody. */
function knowsConnections({ connections }: LoadSummary): boolean {
  return connections.new + connections.reused > 0;
}

function connectionsText({ connections }: LoadSummary): string {
  return (["new", "reused", "unknown"] as const).filter((kind) => connections[kind] > 0)
    .map((kind) => `${formatCount(connections[kind])} ${kind}`).join(", ") || "none";
}

function sloText(slo: NonNullable<LoadSummary["slo"]>, metrics: readonly MetricSummary[]): string {
  const limits = slo.limits.map(({ metric, limit, attainment }) => {
    const unit = metrics.find(({ name }) => name === metric)?.unit ?? "ms";
    return `${metric} ≤ ${formatValue(limit, unit)} met by ${formatShare(attainment)}`;
  });
  return `${formatShare(slo.attainment)} of offered requests are good: ${limits.join(", ")}`;
}

function clientText(client: NonNullable<LoadSummary["client"]>): string {
  const { loopLagMaxMs, replacedConnections = 0 } = client;
  const most = loopLagMaxMs === undefined ? "" : ` (max ${formatMs(loopLagMaxMs)})`;
  return known([
    [client.cpuCores, (cores) => `${formatNumber(cores)} cores busy`],
    [client.threadCpu, (share) => `reading thread ${formatShare(share)} busy`],
    [client.threadWait, (share) => `${formatShare(share)} waiting for a core`],
    [client.loopLagP99Ms, (ms) => `timers late by ${formatMs(ms)} at p99${most}`],
    [client.kernelStampedReads, (share) => `${formatShare(share)} of reads stamped by the kernel`],
    [client.peakRssMiB, (mib) => `${formatCount(mib)} MiB memory`],
    [
      client.descriptors,
      (n) => `${formatCount(n)} of ${formatCount(client.descriptorLimit)} files open`,
    ],
    [replacedConnections || undefined, (count) => `${plural(count, "connection")} replaced`],
  ]) || "not measured";
}

/** Texts of the values that are known, in one line. */
function known(
  parts: readonly (readonly [number | undefined, (value: number) => string])[],
): string {
  return parts.flatMap(([value, text]) => value === undefined ? [] : text(value)).join(", ");
}

function gpuLines({ gpu }: LoadSummary, page: Page): readonly string[] {
  if (gpu === undefined) return [];
  const { total } = gpu;
  const lines = gpu.devices.flatMap((device) =>
    labelled(`GPU ${device.index}`, gpuText(device), page)
  );
  if (total.energyJ === undefined) return lines;
  const energy = `${formatNumber(total.energyJ)} J, ${
    formatNumber(total.joulesPerOutputToken)
  } J per output token`;
  const part = total.devices.length < gpu.devices.length
    ? ` on GPU ${total.devices.join(", ")}`
    : "";
  return [...lines, ...labelled("GPU energy", energy + part, page)];
}

function gpuText(device: GpuDeviceSummary): string {
  const all = device.memoryTotalMiB === undefined ? "" : ` of ${formatMib(device.memoryTotalMiB)}`;
  const rest = known([
    [device.memoryRiseMiB, (mib) => `${formatMib(mib)} more than before`],
    [device.ownMaxMiB, (mib) => `${formatMib(mib)} by this program`],
    [device.otherMaxMiB, (mib) => `${formatMib(mib)} by others`],
    [device.utilizationMean, (share) => `${formatShare(share)} busy`],
    [device.powerMeanW, (watts) => `${formatNumber(watts)} W`],
  ]);
  const memory = `${printable(device.name)}: at most ${formatMib(device.memoryMaxMiB)}${all}`;
  return rest === "" ? memory : `${memory}, ${rest}`;
}

/** Error at p99: `2.10 ms` where calibrated, `≤ 2.10 ms` for a bound, `~ 2.10 ms` for an estimate. */
function errorCell(metric: string, error: ClientErrorEstimate): string {
  const known = ERROR_METRICS.find((name) => name === metric);
  const ms = known && error[known].p99Ms;
  if (ms === undefined) return "";
  return ERROR_SIGNS[error.basis] + formatMs(ms);
}

function errorText(error: ClientErrorEstimate): string {
  const { text, like } = clientErrorText(error);
  return like === undefined ? text : `${text}; to measure it: tokometer calibrate ${like}`;
}

function verdictLines(verdict: Verdict, page: Page): readonly string[] {
  const lines = labelled("Verdict", `${verdict.kind}: ${verdict.message}`, page);
  const style = STYLES[verdict.kind];
  return style === undefined ? lines : lines.map((line) => page.paint(style, line));
}

const STYLES: Readonly<Record<Verdict["kind"], Style | undefined>> = {
  "ok": undefined,
  "suspect": "yellow",
  "client-bound": "red",
};

function warningLines(checks: readonly Check[], { paint, width }: Page): readonly string[] {
  return warnings(checks).flatMap(({ message, advice = "" }) => [
    ...hanging("Warning:", printable(message), width).map((line) => paint("yellow", line)),
    ...hanging("  Advice:", printable(advice), width),
  ]);
}

function labelled(label: string, text: string | undefined, { width }: Page): readonly string[] {
  return text === undefined ? [] : hanging(label.padEnd(LABEL_WIDTH - 1), text, width);
}

/** A label and its text; further lines are indented below the text. */
function hanging(label: string, text: string, width: number): readonly string[] {
  const indent = " ".repeat(label.length + 1);
  return wrapText(text, Math.max(20, width - indent.length))
    .map((line, i) => (i === 0 ? `${label} ` : indent) + line);
}

/** Position of the tail percentile: 99, else the highest below it, else the highest. */
function tailPercentile(percentiles: readonly number[]): number | undefined {
  const ordinary = percentiles.filter((p) => p <= 99);
  const tail = Math.max(...(ordinary.length > 0 ? ordinary : percentiles));
  const position = percentiles.indexOf(tail);
  return position < 0 ? undefined : position;
}
