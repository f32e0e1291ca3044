/**
 * A recording as tables for a terminal.
 *
 * @module
 */
import { formatCount, formatMs, formatPercentile, NOT_AVAILABLE } from "./format.ts";
import type { RenderOptions } from "./report.ts";
import { numberColumn, textTable, wrapText } from "./report_text_table.ts";
import {
  formatSpan,
  replayLines,
  requestsText,
  sessionsText,
  sharingText,
  skippedText,
  type TraceSummary,
  type TraceValues,
} from "./summary_trace.ts";
import { visibleLines } from "./visible_text.ts";

const MAX_WIDTH = 100;
const LABEL_WIDTH = 11;
const BARS = "▁▂▃▄▅▆▇█";

/** Tables, and the rate over time as a line of bars. */
export function traceTable(given: TraceSummary, options: RenderOptions = {}): string {
  // Names of others must not control the terminal.
  const summary = visibleLines(given);
  const width = Math.min(options.width ?? MAX_WIDTH, MAX_WIDTH);
  const bold = (text: string) => options.color ? `\x1b[1m${text}\x1b[0m` : text;
  const facts = (label: string, texts: readonly string[]) =>
    texts.flatMap((text) => wrapText(text, Math.max(20, width - LABEL_WIDTH)))
      .map((line, i) => `${(i === 0 ? label : "").padEnd(LABEL_WIDTH)}${line}`);
  const { source, format, sha256, remarks } = summary;
  const blocks = [
    [
      ...wrapText(`${source} · ${format}`, width).map(bold),
      ...wrapText(`sha256 ${sha256}`, width),
    ],
    [
      ...facts("Requests", [requestsText(summary)]),
      ...facts("Sessions", [sessionsText(summary)]),
      ...facts("Sharing", [sharingText(summary)]),
      ...facts("Replay", replayLines(summary)),
      ...facts("Left out", [skippedText(summary) ?? "nothing"]),
      ...facts("Note", remarks),
    ],
    valueLines(summary, width),
    modelLines(summary, width),
    largestLines(summary, width),
    rateLines(summary, width),
  ];
  return blocks.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function valueLines(summary: TraceSummary, width: number): readonly string[] {
  const rows = ([
    ["input tokens", summary.inputTokens, formatCount, formatCount(summary.inputTokens.total)],
    ["output tokens", summary.outputTokens, formatCount, formatCount(summary.outputTokens.total)],
    ["turns a session", summary.turnsPerSession, formatCount, ""],
    ["pauses", summary.pausesMs, formatPause, ""],
  ] as const).filter(([name, { count }]) =>
    count > 0 && (summary.hasSessions || !/turns|pauses/.test(name))
  );
  const column = (
    heading: string,
    cellOf: (values: TraceValues, format: (value: number) => string) => string,
    dropOrder?: number,
  ) => numberColumn(heading, rows.map(([, values, format]) => cellOf(values, format)), dropOrder);
  const known = (value: number | undefined, format: (value: number) => string) =>
    value === undefined ? NOT_AVAILABLE : format(value);
  return textTable([
    { heading: "", cells: rows.map(([name]) => name), align: "left" },
    column("n", ({ count }) => formatCount(count), 3),
    column("mean", ({ mean }, format) => known(mean, format)),
    column("min", ({ min }, format) => known(min, format), 2),
    ...(rows[0]?.[1].percentiles ?? []).map(({ p }, i) =>
      column(
        formatPercentile(p),
        ({ percentiles }, format) => known(percentiles[i]?.value, format),
      )
    ),
    column("max", ({ max }, format) => known(max, format)),
    numberColumn("total", rows.map(([, , , total]) => total), 1),
  ], width);
}

function formatPause(ms: number): string {
  return ms < 60_000 ? formatMs(ms) : formatSpan(ms);
}

function modelLines({ models }: TraceSummary, width: number): readonly string[] {
  if (!models.some(({ name }) => name !== "")) return [];
  return textTable([
    { heading: "model", cells: models.map(({ name }) => name || "not named"), align: "left" },
    numberColumn("requests", models.map(({ requests }) => formatCount(requests))),
    numberColumn("input tokens", models.map(({ inputTokens }) => formatCount(inputTokens))),
    numberColumn("output tokens", models.map(({ outputTokens }) => formatCount(outputTokens))),
  ], width);
}

function largestLines({ largest, hasSessions }: TraceSummary, width: number): readonly string[] {
  return textTable([
    {
      heading: "largest prompts",
      cells: largest.map(({ session, chain, turn }) =>
        hasSessions ? `${session}, ${chain}, turn ${formatCount(turn)}` : `request ${session}`
      ),
      align: "left",
    },
    numberColumn("input tokens", largest.map(({ inputTokens }) => formatCount(inputTokens))),
    numberColumn("output tokens", largest.map(({ outputTokens }) => formatCount(outputTokens))),
    numberColumn("at", largest.map(({ atMs }) => formatSpan(atMs))),
  ], width).slice(0, largest.length === 0 ? 0 : undefined);
}

/** Requests in each stretch, as bars of one line. */
function rateLines(summary: TraceSummary, width: number): readonly string[] {
  const { rate: { requests, stretchMs }, spanMs, hasInstants, ownClocks } = summary;
  if (!hasInstants || requests.length < 2) return [];
  const per = Math.ceil(requests.length / Math.max(10, width));
  const sums = Array.from(
    { length: Math.ceil(requests.length / per) },
    (_, i) => requests.slice(per * i, per * (i + 1)).reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(...sums);
  const line = sums.map((sum) =>
    sum === 0 ? " " : BARS[Math.min(BARS.length - 1, Math.floor(BARS.length * sum / most))]
  ).join("");
  const end = formatSpan(spanMs);
  return [
    `requests in each ${formatSpan(per * stretchMs)} since the ${
      ownClocks ? "start of their session" : "first one"
    }, at most ${formatCount(most)}`,
    line.trimEnd(),
    `0${end.padStart(Math.max(sums.length - 1, end.length + 1))}`,
  ];
}
