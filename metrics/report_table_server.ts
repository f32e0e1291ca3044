/**
 * The server's own side of a load in a table: where the time goes, its metrics, its counts.
 *
 * @module
 */
import { formatCount, formatMs, formatNumber, plural } from "./format.ts";
import type { ServerFigure, ServerSummary, TimeSplit } from "./load_server.ts";
import type { LoadSummary } from "./load_summary.ts";
import { labelled, type Page } from "./report_table_page.ts";
import {
  numberColumn as numbers,
  type TextColumn,
  textTable,
  wrapText,
} from "./report_text_table.ts";
import {
  countsText,
  endpointText,
  formatServerValue,
  isBelowZero,
  percentileHeadings,
  percentileTexts,
  serverPercentiles,
  serverShortText,
  shownFigures,
  speculationText,
  splitBasisText,
  splitPercentiles,
  splitRows,
  splitText,
} from "./summary_server_text.ts";

/** What a load is asked of its server. */
type Side = Pick<LoadSummary, "server" | "timeSplit" | "serverCounts" | "speculation">;

/** Letters of a bar as long as the time to the first token. */
const BAR = 30;

/** Two lines for where the details are not asked for; nothing where the server says nothing. */
function shortLines({ timeSplit, server, serverCounts }: Side, page: Page): readonly string[] {
  return [
    ...(timeSplit === undefined ? [] : labelled("TTFT", splitText(timeSplit), page)),
    ...(server === undefined
      ? []
      : labelled("Server", serverShortText(server, serverCounts), page)),
  ];
}

/** All that the server said where details are asked for, else the gist of it; metrics whose meaning is not known on request. */
export function serverLines(load: Side, page: Page): readonly string[] {
  if (page.details !== true) return shortLines(load, page);
  const all = page.allServerMetrics === true;
  const { server, timeSplit, serverCounts, speculation } = load;
  const blocks = [
    timeSplit === undefined ? [] : splitLines(timeSplit, page),
    server === undefined ? [] : figureLines(server, page),
    server === undefined ? [] : counterLines(server, page),
    [
      ...(server?.endpoints ?? []).flatMap((endpoint) =>
        labelled("Scraped", endpointText(endpoint), page).map((line) =>
          endpoint.failed + endpoint.resets > 0 ? page.paint("yellow", line) : line
        )
      ),
      ...labelled("At zero", server && shownFigures(server).none, page),
      ...labelled("Counts", countsText(serverCounts), page),
      ...(speculation === undefined
        ? []
        : labelled("Speculation", speculationText(speculation), page)),
      ...(server === undefined || all ? [] : othersHint(server, page)),
    ],
    server === undefined || !all ? [] : otherLines(server, page),
  ];
  return blocks.filter((lines) => lines.length > 0).flatMap((lines, i) =>
    i === 0 ? lines : ["", ...lines]
  );
}

/** A row for each part with its bar, each bar beginning where the one before it ended. */
function splitLines(split: TimeSplit, page: Page): readonly string[] {
  const rows = splitRows(split);
  const percentiles = splitPercentiles(split);
  const span = Math.max(split.ttftMs, ...rows.map(({ fromMs, toMs }) => Math.max(fromMs, toMs)));
  const bars = rows.map(({ fromMs, toMs }) => barText(fromMs / span, toMs / span));
  const columns: readonly TextColumn[] = [
    { heading: "Where TTFT goes", cells: rows.map(({ name }) => name), align: "left" },
    numbers("mean", rows.map(({ mean }) => mean)),
    ...(rows.some(({ client }) => client !== "")
      ? [numbers("client", rows.map(({ client }) => client), 2)]
      : []),
    numbers("share", rows.map(({ share }) => share), 1),
    ...percentileHeadings(percentiles).map((heading, i) =>
      numbers(heading, rows.map((row) => row.percentiles[i] ?? ""), 3)
    ),
    { heading: "", cells: bars, align: "left", dropOrder: 0 },
  ];
  const [heading, ...lines] = textTable(columns, page.width);
  return [
    page.paint("bold", heading!),
    ...lines,
    ...labelled("TTFT", `${splitText(split)}, ${splitBasisText(split)}`, page),
    ...split.remarks.flatMap((remark) =>
      labelled("", remark, page).map((line) =>
        isBelowZero(split) ? page.paint("yellow", line) : line
      )
    ),
  ];
}

/** A bar between two shares of the whole; a part below zero goes back, and is drawn lighter. */
function barText(from: number, to: number): string {
  const at = (share: number) => Math.max(0, Math.min(BAR, Math.round(share * BAR)));
  const [start, end] = [at(Math.min(from, to)), at(Math.max(from, to))];
  if (from === to) return "";
  const length = Math.max(1, end - start);
  const thin = end === start;
  return " ".repeat(Math.min(start, BAR - 1)) + (to < from ? "░" : thin ? "▏" : "█").repeat(length);
}

/** Gauges and histograms; below the percentiles of a histogram the edges of their buckets. */
function figureLines(server: ServerSummary, page: Page): readonly string[] {
  const { measured: shown } = shownFigures(server);
  if (shown.length === 0) return [];
  const percentiles = serverPercentiles(server);
  const rows = shown.flatMap((figure) => [
    { figure, below: false },
    ...(percentiles.some((p) => percentileTexts(figure, p).bucket !== "")
      ? [{ figure, below: true }]
      : []),
  ]);
  const cell = (text: (figure: ServerFigure) => string) =>
    rows.map(({ figure, below }) => below ? "" : text(figure));
  const value = (number: number | undefined, { unit }: ServerFigure) =>
    number === undefined ? "" : formatServerValue(number, unit);
  const [heading, ...lines] = textTable([
    {
      heading: "Server",
      cells: rows.map(({ figure, below }) => below ? "  bucket" : figure.title),
      align: "left",
    },
    numbers("mean", cell((figure) => value(figure.mean, figure))),
    numbers("max", cell((figure) => value(figure.max, figure))),
    ...percentiles.map((p, i) =>
      numbers(
        percentileHeadings([p])[0]!,
        rows.map(({ figure, below }) => percentileTexts(figure, p)[below ? "bucket" : "value"]),
        p === 50 || i === percentiles.length - 1 ? undefined : 1,
      )
    ),
    numbers("values", cell(({ count }) => count === undefined ? "" : formatCount(count)), 0),
  ], page.width);
  return [
    page.paint("bold", heading!),
    ...lines.map((line, i) => rows[i]!.below ? page.paint("dim", line) : line),
  ];
}

function counterLines(server: ServerSummary, page: Page): readonly string[] {
  const { counted: counters } = shownFigures(server);
  if (counters.length === 0) return [];
  const [heading, ...lines] = textTable([
    { heading: "Server counted", cells: counters.map(({ title }) => title), align: "left" },
    numbers("total", counters.map(({ difference, unit }) => formatServerValue(difference, unit))),
    numbers("per second", counters.map(({ perSec }) => formatNumber(perSec))),
  ], page.width);
  return [page.paint("bold", heading!), ...lines];
}

function othersHint({ others }: ServerSummary, page: Page): readonly string[] {
  if (others.length === 0) return [];
  const text = `${plural(others.length, "other metric")} of the server: --all-server-metrics`;
  return labelled("", text, page).map((line) => page.paint("dim", line));
}

/** Metrics whose meaning is not known, as they were exposed; labels may be long. */
function otherLines({ others }: ServerSummary, page: Page): readonly string[] {
  if (others.length === 0) return [];
  const lines = others.flatMap(({ name, type, first, last, difference }) => {
    const values = ([["before", first], ["after", last], ["added", difference]] as const)
      .flatMap(([when, value]) => value === undefined ? [] : [`${formatNumber(value)} ${when}`]);
    const text = `${name.replaceAll('",', '", ')}: ${[type, ...values].join(", ")}`;
    return wrapText(text, Math.max(20, page.width - 2))
      .map((line, i) => i === 0 ? line : `  ${line}`);
  });
  return [page.paint("bold", "Other metrics of the server"), ...lines];
}

/** A row for each load, of several: where the time goes as load grows. */
export function splitTableLines(loads: readonly LoadSummary[], page: Page): readonly string[] {
  const known = loads.filter(({ timeSplit }) => timeSplit !== undefined);
  if (known.length === 0) return [];
  const names = [...new Set(known.flatMap(({ timeSplit }) => timeSplit!.parts.map((p) => p.name)))];
  const order = ["client", "connect", "network", "queue", "prefill", "rest"] as const;
  const cells = new Map(known.map((load) => [load, splitRows(load.timeSplit!)]));
  const [heading, ...lines] = textTable([
    { heading: "Where TTFT goes", cells: known.map(({ label }) => label), align: "left" },
    numbers("TTFT mean", known.map(({ timeSplit }) => formatMs(timeSplit!.ttftMs))),
    ...order.filter((name) => names.includes(name)).map((name) =>
      numbers(
        name,
        known.map((load) => cells.get(load)!.find((row) => row.name === name)?.mean ?? ""),
      )
    ),
  ], page.width);
  return [page.paint("bold", heading!), ...lines];
}
