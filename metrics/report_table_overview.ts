/**
 * What stands above the loads of a table: what was run, a line for each load, and its repeats.
 *
 * @module
 */
import { calledText } from "./summary_text.ts";
import {
  type Doubted,
  DOUBTS,
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatWider,
  plural,
} from "./format.ts";
import { percentileDoubt } from "./load_figures.ts";
import { findMetric, type LoadSummary } from "./load_summary.ts";
import { scenarioText } from "./check_scenario.ts";
import { replayText, saltText } from "./summary_session_text.ts";
import { mergedText } from "./merged_clients.ts";
import { doubtColumns, tailPercentile } from "./report_metric_table.ts";
import { repeatTableLines } from "./report_repeats_table.ts";
import { REPEATS_NOTE, sidesText } from "./summary_repeats_text.ts";
import type { Summary } from "./summary.ts";
import {
  numberColumn as numbers,
  type TextColumn,
  textTable,
  wrapText,
} from "./report_text_table.ts";
import type { Page } from "./report_table_page.ts";

/** What was run, where and how. */
export function headerLines(
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
export function overviewLines(
  { loads, percentiles }: Summary,
  { paint, width }: Page,
): readonly string[] {
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
export function repeatLines({ repeats }: Summary, { paint, width }: Page): readonly string[] {
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
