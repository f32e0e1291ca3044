/**
 * One load of a table in detail.
 *
 * @module
 */
import { hasJoinedTicks, joinedTicksText } from "./summary_joined_ticks.ts";
import {
  approximationText,
  bracketsText,
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
import { warnings } from "./check.ts";
import {
  type Doubted,
  DOUBTS,
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  plural,
} from "./format.ts";
import type { MetricSummary } from "./load_figures.ts";
import type { LimitResult } from "./load_limits.ts";
import type { LoadSummary } from "./load_summary.ts";
import { fleetLines } from "./report_table_fleet.ts";
import { groupTableLines } from "./report_group_table.ts";
import { stallsText, steadyText } from "./summary_course_text.ts";
import { prefixText, sessionsText } from "./summary_session_text.ts";
import { repeatsText } from "./check_pool.ts";
import { itlPerToken } from "./metric_itl_per_token.ts";
import { DETAIL_METRICS, KEY_METRICS } from "./metrics.ts";
import { metricTableLines } from "./report_metric_table.ts";
import type { Summary } from "./summary.ts";
import { numberColumn as numbers, tableWidth, textTable, wrapText } from "./report_text_table.ts";
import { labelled, type Page, type Style } from "./report_table_page.ts";
import { clientText, gpuLines } from "./report_table_machine.ts";
import { serverLines } from "./report_table_server.ts";

/** All that a person may want to know about a load, besides its warnings. */
export function loadLines(
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
    ...ended(serverLines(load, page)),
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
    ...fleetLines(load, page),
    ...(load.client === undefined ? [] : labelled("Client", clientText(load.client), page)),
    ...(load.verdict === undefined ? [] : verdictLines(load.verdict, load, page)),
  ];
}

/** Lines, and an empty one behind them where there are any. */
function ended(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? lines : [...lines, ""];
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
    KEY_METRICS.includes(name) || (distribution.count > 0 && !DETAIL_METRICS.includes(name)) ||
    name === itlPerToken.name && hasJoinedTicks(load)
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
  return [
    `${rate(tokensPerTick, "token")} tick`,
    ...joinedTicksText(stream),
    `${rate(readsPerToken, "read")} token`,
    `${rate(eventsPerRead, "event")} read`,
  ].join(", ");
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

function verdictLines(
  verdict: Verdict,
  { checks }: Pick<LoadSummary, "checks">,
  page: Page,
): readonly string[] {
  // A warning says the same, and why.
  const warned = warnings(checks).some(({ message }) => message.startsWith(verdict.message));
  const text = warned ? verdict.kind : `${verdict.kind}: ${verdict.message}`;
  const lines = labelled("Verdict", text, page);
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
