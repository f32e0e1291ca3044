/**
 * What a person reads in the terminal: one line per load, then each load in detail with warnings.
 *
 * @module
 */
import { visibleLines } from "./visible_text.ts";
import {
  approximationText,
  bracketsText,
  calledText,
  generatedText,
  limitResultText,
  samplingText,
  shareEnds,
  sloLimitText,
  speedText,
  throughputRows,
  warmupText,
  witnessText,
} from "./summary_text.ts";
import type { Verdict } from "./load_client.ts";
import { type Check, warnings } from "./check.ts";
import {
  type Doubted,
  DOUBTS,
  formatCount,
  formatMib,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatWider,
  plural,
} from "./format.ts";
import type { GpuDeviceSummary } from "./load_series.ts";
import { type MetricSummary, percentileDoubt } from "./load_figures.ts";
import { findMetric, type LimitResult, type LoadSummary } from "./load_summary.ts";
import { loadsInDetail, searchLines } from "./report_capacity_table.ts";
import { groupTableLines } from "./report_group_table.ts";
import { scenarioText } from "./check_scenario.ts";
import { stallsText, steadyText } from "./summary_course_text.ts";
import { prefixText, replayText, saltText, sessionsText } from "./summary_session_text.ts";
import { mergedText } from "./merged_clients.ts";
import { repeatsText } from "./check_pool.ts";
import { DETAIL_METRICS, KEY_METRICS } from "./metrics.ts";
import type { RenderOptions, Report } from "./report.ts";
import { doubtColumns, metricTableLines, tailPercentile } from "./report_metric_table.ts";
import { repeatTableLines } from "./report_repeats_table.ts";
import { REPEATS_NOTE, sidesText } from "./summary_repeats_text.ts";
import type { Summary } from "./summary.ts";
import {
  numberColumn as numbers,
  tableWidth,
  type TextColumn,
  textTable,
  wrapText,
} from "./report_text_table.ts";

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
export function renderTable(given: Summary, options: RenderOptions = {}): string {
  // Names and messages of others must not control the terminal.
  const summary = visibleLines(given);
  const { color = false, width = MAX_WIDTH } = options;
  const page: Page = {
    paint: color ? paint : (_, text) => text,
    width: Math.min(width, MAX_WIDTH),
  };
  const several = summary.loads.length > 1;
  const detailed = loadsInDetail(summary);
  const blocks = [
    headerLines(summary, page),
    ...(several ? [overviewLines(summary, page)] : []),
    repeatLines(summary, page),
    ...detailed.map((load) => loadLines(load, summary, page)),
    warningLines(summary.checks, page),
    ...searchLines(summary, page.width),
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

function headerLines(
  { header, scenario: ruled }: Summary,
  { paint, width }: Page,
): readonly string[] {
  const { version, scenario, protocol, transport, workers, model, url, dataset, seed } = header;
  const { transportChoice } = header;
  const called = calledText(header);
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
    ...wrapText(what.join(" · "), width).map((line) => paint("bold", line)),
    ...(called === undefined ? [] : wrapText(called, width)),
    ...wrapText(how.join(" · "), width).map((line) => paint("dim", line)),
    ...(transportChoice === undefined
      ? []
      : wrapText(`auto took ${transport}: ${transportChoice.why}`, width).map((line) =>
        paint("dim", line)
      )),
    ...(header.replay === undefined
      ? []
      : wrapText(`${replayText(header.replay)}, ${saltText(header)}`, width).map((line) =>
        paint("dim", line)
      )),
    ...(ruled === undefined
      ? []
      : wrapText(`scenario ${scenarioText(ruled)}`, width).map((line) =>
        paint(ruled.valid ? "dim" : "red", line)
      )),
    ...wrapText(sidesText(header) ?? "", width).filter((line) => line !== ""),
    ...(header.proxied === undefined ? [] : wrapText(
      `through the proxy ${header.proxy ?? ""} of the environment`.replace("  ", " "),
      width,
    )),
    ...(header.merged === undefined ? [] : wrapText(mergedText(header.merged), width)),
  ];
}

const STEADY_NOTE = "req/s and out tok/s: whole run; steady: out tok/s without ramp-up and drain";

/** One line per load, to see where throughput levels off and latency begins to grow. */
function overviewLines({ loads, percentiles }: Summary, { paint, width }: Page): readonly string[] {
  const column = (heading: string, cell: (load: LoadSummary) => string, dropOrder?: number) =>
    numbers(heading, loads.map(cell), dropOrder);
  const tail = tailPercentile(percentiles);
  const tails = tail === undefined ? [] : loads.map((load) => percentileCell(load, "ttft", tail));
  const pair = (name: string, title: string, dropOrder: number): readonly TextColumn[] => [
    column(
      `${title} p50`,
      (load) => formatMs(findMetric(load, name).distribution.median),
      dropOrder,
    ),
    ...(tail === undefined ? [] : [
      column(
        formatPercentile(percentiles[tail]!),
        (load) => percentileCell(load, name, tail).value,
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
    column("steady", ({ throughput }) => formatNumber(throughput.steady?.outputTokensPerSec)),
    ...(loads.every(({ sessions }) => sessions === undefined) ? [] : [
      column("sessions/h", ({ sessions }) => formatNumber(sessions?.perHour), 3),
    ]),
    ...(loads.every(({ prefix }) => prefix?.measured.share === undefined) ? [] : [
      column("cached", ({ prefix }) => formatShare(prefix?.measured.share), 3),
    ]),
    ...pair("ttft", "TTFT", 0),
    // The tail of TTFT is the figure that a client spoils first, and chance most.
    ...doubtColumns(tails, 1),
    ...pair("itl", "ITL", 2),
    ...pair("e2e", "E2E", 5),
    ...(loads.every(({ verdict }) => verdict === undefined) ? [] : [
      column("verdict", ({ verdict }) => verdict?.kind ?? "", 4),
    ]),
  ], width);
  return [
    paint("bold", heading!),
    ...rows.map((row, i) => loads[i]!.counts.failed > 0 ? paint("red", row) : row),
    ...[STEADY_NOTE, ...DOUBTS.filter((name) => heading!.includes(name)).map((name) => NOTES[name])]
      .flatMap((note) => wrapText(note, width)).map((line) => paint("dim", line)),
  ];
}

/** What differs from run to run, where loads were repeated. */
function repeatLines({ repeats }: Summary, { paint, width }: Page): readonly string[] {
  if (repeats === undefined) return [];
  const [heading, ...rows] = repeatTableLines(repeats, width);
  return [
    paint("bold", heading!),
    ...rows,
    ...wrapText(REPEATS_NOTE, width).map((line) => paint("dim", line)),
  ];
}

/** What a heading means that names what is open about the tail. */
const NOTES: Readonly<Record<(typeof DOUBTS)[number], string>> = {
  client: "client: TTFT's tail at this host lies between, as far as the client can tell",
  sampling: "sampling: what chance leaves open about TTFT's tail, more than the client does",
};

/** One percentile with the wider of what is open about it. */
function percentileCell(load: LoadSummary, name: string, position: number): Doubted {
  const metric = findMetric(load, name);
  const { value } = metric.distribution.percentiles[position] ?? {};
  return formatWider(value, name === "ttft" ? percentileDoubt(metric, position) : {}, "ms");
}

function loadLines(
  load: LoadSummary,
  { header, percentiles }: Summary,
  page: Page,
): readonly string[] {
  return [
    page.paint("bold", load.label),
    ...labelled("Requests", requestsText(load), page),
    ...load.failures.flatMap(({ kind, count, messages }) =>
      labelled(
        "Failed",
        `${kind} ${formatCount(count)}: ${
          messages.map(({ message, count }) =>
            count === 1 ? message : `${message} (${formatCount(count)})`
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
    ...load.groups.flatMap((grouping) => {
      const [heading, ...lines] = groupTableLines(grouping, percentiles, page.width);
      return [page.paint("bold", heading!), ...lines, ""];
    }),
    ...labelled("Sessions", sessionsText(load), page),
    ...labelled("Prefix", prefixText(load, header), page),
    ...(load.counts.completed === 0 ? [] : labelled("Brackets", bracketsText(load), page)),
    ...(load.counts.completed === 0 ? [] : labelled("Sampling", samplingText(load), page)),
    ...labelled("Witness", witnessText(load), page),
    ...labelled("Accuracy", approximationText(load), page),
    ...labelled("Speed", speedText(load), page),
    ...(load.counts.completed === 0 ? [] : labelled("Found steady", steadyText(load), page)),
    ...labelled("Stalls", stallsText(load.stalls), page),
    ...labelled("Tokens", tokensText(load), page),
    ...labelled("Warm-up", warmupText(load), page),
    ...labelled("Prompts", repeatsText(load, header), page),
    ...labelled("Stream", streamText(load), page),
    ...labelled("Generated", generatedText(load), page),
    ...(knowsConnections(load) ? labelled("Connections", connectionsText(load), page) : []),
    ...(load.slo === undefined ? [] : labelled("SLO", sloText(load.slo, load.metrics), page)),
    ...load.limits.flatMap((limit) => limitLines(limit, page)),
    ...gpuLines(load, page),
    ...(load.client === undefined ? [] : labelled("Client", clientText(load.client), page)),
    ...(load.verdict === undefined ? [] : verdictLines(load.verdict, page)),
    ...(warnings(load.checks).length === 0 ? [] : ["", ...warningLines(load.checks, page)]),
  ];
}

function requestsText({ counts, durationMs, interrupted, serverLost }: LoadSummary): string {
  const parts = [
    `${formatCount(counts.completed)} of ${formatCount(counts.offered)} completed`,
    `${formatCount(counts.failed)} failed${
      counts.empty > 0 ? ` (${plural(counts.empty, "empty answer")})` : ""
    }`,
    ...(counts.cancelled > 0 ? [`${formatCount(counts.cancelled)} cancelled`] : []),
    ...(counts.cancelledAsPlanned > 0
      ? [`${formatCount(counts.cancelledAsPlanned)} cancelled as planned`]
      : []),
    ...(counts.dropped > 0 ? [`${formatCount(counts.dropped)} dropped`] : []),
  ];
  return `${parts.join(", ")}, success ${formatShare(counts.successRate)}, in ${
    formatMs(durationMs)
  }${interrupted ? " (interrupted)" : ""}${serverLost === undefined ? "" : " (server lost)"}`;
}

/** Rates, and beside them what is open about them; where that leaves no room, the window has a line. */
function throughputLines(load: LoadSummary, page: Page): readonly string[] {
  const { steady } = load.throughput;
  const rows = throughputRows(load).filter(({ detail }) => !detail);
  const column = (heading: string, cells: readonly (Doubted | undefined)[], dropOrder?: number) => [
    numbers(heading, cells.map((cell) => cell?.value ?? "")),
    ...DOUBTS.filter((name) => cells.some((cell) => cell?.[name] !== undefined)).map((name) =>
      numbers(
        name,
        cells.map((cell) => cell?.[name] ?? ""),
        // Those of the whole run stay longest, and what chance leaves open.
        dropOrder === undefined ? 0 : name === "client" ? dropOrder + 1 : dropOrder,
      )
    ),
  ];
  const table = (window: string) => [
    { heading: "Throughput", cells: rows.map(({ name }) => name), align: "left" } as const,
    ...column("whole run", rows.map(({ run }) => run)),
    ...column(window, rows.map(({ steady }) => steady), 1),
  ];
  const times = steady === undefined
    ? ""
    : `${formatMs(steady.fromMs)} to ${formatMs(steady.toMs)}`;
  const wide = table(steady === undefined ? "steady n/a" : `steady ${times}`);
  const fits = tableWidth(wide) <= page.width;
  const [heading, ...lines] = textTable(fits ? wide : table("steady"), page.width);
  const window = `the steady window is from ${times}`;
  return [
    page.paint("bold", heading!),
    ...lines,
    ...(fits || steady === undefined
      ? []
      : wrapText(window, page.width).map((line) => page.paint("dim", line))),
  ];
}

function metricLines(load: LoadSummary, page: Page): readonly string[] {
  const shown = load.metrics.filter(({ name, distribution }) =>
    KEY_METRICS.includes(name) || (distribution.count > 0 && !DETAIL_METRICS.includes(name))
  );
  const others = shown.filter(({ unit }) => unit !== "ms");
  return [
    ...metricTable("Latency", shown.filter(({ unit }) => unit === "ms"), page),
    ...(others.length === 0 ? [] : ["", ...metricTable("Other metrics", others, page)]),
  ];
}

function metricTable(
  heading: string,
  metrics: readonly MetricSummary[],
  { paint, width }: Page,
): readonly string[] {
  const [first, ...lines] = metricTableLines(heading, metrics, width);
  return [
    paint("bold", first!.text),
    ...lines.map(({ text, below }) => below ? paint("dim", text) : text),
  ];
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
    ...(tokens.cancelledAsPlanned === undefined ? [] : [
      `${
        plural(tokens.cancelledAsPlanned, "output token")
      } until users left as planned, in the throughput only`,
    ]),
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
  const limits = slo.limits.map((limit) => {
    const unmeasured = limit.unmeasured === 0
      ? ""
      : ` (${plural(limit.unmeasured, "answer")} without it)`;
    return `${sloLimitText(limit, metrics)} met by ${formatShare(limit.attainment)}${unmeasured}`;
  });
  const interval = slo.intervals?.attainment;
  const sampling = interval === undefined ? "" : `, sampling ${shareEnds(interval)},`;
  return `${formatShare(slo.attainment)}${sampling} of offered requests are good: ${
    limits.join(", ")
  }`;
}

function limitLines(limit: LimitResult, page: Page): readonly string[] {
  const lines = labelled(limit.required ? "Required" : "Limit", limitResultText(limit), page);
  return limit.kept === true
    ? lines
    : lines.map((line) => page.paint(limit.required ? "red" : "yellow", line));
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
  const memory = `${device.name}: at most ${formatMib(device.memoryMaxMiB)}${all}`;
  return rest === "" ? memory : `${memory}, ${rest}`;
}

function verdictLines(verdict: Verdict, page: Page): readonly string[] {
  const lines = labelled("Verdict", `${verdict.kind}: ${verdict.message}`, page);
  const style = STYLES[verdict.kind];
  return style === undefined ? lines : lines.map((line) => page.paint(style, line));
}

const STYLES: Readonly<Record<Verdict["kind"], Style | undefined>> = {
  "ok": undefined,
  "unknown": undefined,
  "suspect": "yellow",
  "client-bound": "red",
  "no-measurement": "red",
};

function warningLines(checks: readonly Check[], { paint, width }: Page): readonly string[] {
  return warnings(checks).flatMap(({ message, advice = "" }) => [
    ...hanging("Warning:", message, width).map((line) => paint("yellow", line)),
    ...hanging("  Advice:", advice, width),
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
