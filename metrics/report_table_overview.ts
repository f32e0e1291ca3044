/**
 * What stands above the loads of a table: what was run, a line for each load, and its repeats.
 *
 * @module
 */
import { calledText, type RateName } from "./summary_text.ts";
import { type Saturated, saturatedLoads } from "./summary_saturated.ts";
import type { Throughput } from "./load_series.ts";
import {
  type Doubted,
  DOUBTS,
  formatByError,
  formatCount,
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
import { fleetRunText } from "./summary_fleet_text.ts";
import { mergedText } from "./merged_clients.ts";
import { doubtColumns, tailPercentile } from "./report_metric_table.ts";
import { repeatTableLines } from "./report_repeats_table.ts";
import { REPEATS_NOTE, sidesText } from "./summary_repeats_text.ts";
import type { Summary } from "./summary.ts";
import { numberColumn as numbers, textTable, wrapText } from "./report_text_table.ts";
import type { Page } from "./report_table_page.ts";

/** What was run, where and how. */
export function headerLines(
  { header, scenario: ruled }: Summary,
  { paint, width }: Page,
): readonly string[] {
  const { version, scenario, protocol, transport, workers, model, url, dataset, seed } = header;
  const { transportChoice } = header;
  const called = calledText(header);
  const fleet = fleetRunText(header);
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
    ...(fleet === undefined ? [] : wrapText(fleet, width)),
  ];
}

const STEADY_NOTE = "steady: without ramp-up and drain";
const GOODPUT_NOTE = "goodput: requests per second that met the service level";

/**
 * One line per load, to see where throughput levels off and latency begins to grow. Where there is little
 * room, the verdict is the last column to go.
 */
export function overviewLines(
  { loads, percentiles }: Summary,
  { paint, width, tableWidth = width }: Page,
): readonly string[] {
  const column = (heading: string, cell: (load: LoadSummary) => string, dropOrder?: number) =>
    numbers(heading, loads.map(cell), dropOrder);
  const tail = tailPercentile(percentiles);
  const tails = tail === undefined ? [] : loads.map((load) => percentileCell(load, "ttft", tail));
  const pair = (name: string, title: string, drops: readonly [number, number]) => [
    column(`${title} p50`, (load) => medianCell(load, name, percentiles), drops[0]),
    ...(tail === undefined ? [] : [
      column(
        formatPercentile(percentiles[tail]!),
        (load) => percentileCell(load, name, tail).value,
        drops[1],
      ),
    ]),
  ];
  const saturated = saturatedLoads(loads);
  const states = loads.map(({ verdict, fleet }, i) =>
    [
      fleet?.asAsked === false ? "not as asked" : "",
      verdict?.kind ?? "",
      saturated[i] === undefined ? "" : "saturated",
    ].filter((one) => one !== "").join(", ")
  );
  const someFailed = loads.some(({ counts }) => counts.failed > 0);
  const [heading, ...rows] = textTable([
    { heading: "Load", cells: loads.map(({ label }) => label), align: "left" },
    column("ok", ({ counts }) => formatCount(counts.completed), 5),
    column("failed", ({ counts }) => formatCount(counts.failed), someFailed ? 0 : 14),
    column("req/s", ({ throughput }) => rateCell(throughput.run, "qps"), 6),
    column("out tok/s", ({ throughput }) => rateCell(throughput.run, "outputTokensPerSec"), 1),
    column("steady", ({ throughput }) => rateCell(throughput.steady, "outputTokensPerSec"), 7),
    ...(loads.every(({ sessions }) => sessions === undefined) ? [] : [
      column("sessions/h", ({ sessions }) => formatNumber(sessions?.perHour), 4),
    ]),
    ...(loads.every(({ prefix }) => prefix?.measured.share === undefined) ? [] : [
      column("cached", ({ prefix }) => formatShare(prefix?.measured.share), 4),
    ]),
    ...pair("ttft", "TTFT", [3, 2]),
    ...(loads.every(({ slo }) => slo === undefined) ? [] : [
      column("goodput", ({ slo }) => goodputCell(slo), 3),
    ]),
    // The tail of TTFT is the figure that a client spoils first, and chance most.
    ...doubtColumns(tails, 9),
    ...pair("itl", "ITL", [10, 11]),
    ...pair("e2e", "E2E", [12, 13]),
    ...(loads.every(({ limits }) => limits.length === 0) ? [] : [
      { heading: "limits", cells: loads.map(limitsCell), align: "left" as const, dropOrder: 0 },
    ]),
    ...(states.every((one) => one === "")
      ? []
      : [{ heading: "verdict", cells: states, align: "left" as const }]),
  ], tableWidth);
  const notes = [
    ...(heading!.includes("steady") ? [STEADY_NOTE] : []),
    ...(heading!.includes("goodput") ? [GOODPUT_NOTE] : []),
    ...DOUBTS.filter((name) => heading!.includes(name)).map((name) => NOTES[name]),
    ...saturationNotes(saturated),
  ];
  return [
    paint("bold", heading!),
    ...rows.map((row, i) =>
      loads[i]!.counts.failed > 0 || loads[i]!.fleet?.asAsked === false
        ? paint("red", row)
        : saturated[i] !== undefined
        ? paint("yellow", row)
        : row
    ),
    ...notes.flatMap((note) => wrapText(note, width)).map((line) => paint("dim", line)),
  ];
}

/** What `saturated` means here, by the first load of each kind. */
function saturationNotes(saturated: readonly (Saturated | undefined)[]): readonly string[] {
  return (["users", "arrivals"] as const).flatMap((by) => {
    const first = saturated.find((one) => one?.by === by);
    return first === undefined ? [] : [`saturated: ${first.why}`];
  });
}

/** A rate in the digits that its error leaves. */
function rateCell(window: Throughput | undefined, key: RateName): string {
  const doubt = { client: window?.brackets?.[key], sampling: window?.intervals?.[key] };
  return formatByError(window?.[key], doubt, "1");
}

function goodputCell(slo: LoadSummary["slo"]): string {
  return formatByError(slo?.goodput, { sampling: slo?.intervals?.goodput }, "1");
}

/** Whether the load kept its limits. */
function limitsCell({ limits }: LoadSummary): string {
  const missed = limits.filter(({ kept }) => kept !== true).length;
  if (limits.length === 0) return "";
  if (missed === 0) return "kept";
  return limits.length === 1 ? "missed" : `${missed} of ${limits.length} missed`;
}

/** A median in the digits that its error leaves. */
function medianCell(load: LoadSummary, name: string, percentiles: readonly number[]): string {
  const metric = findMetric(load, name);
  const position = percentiles.indexOf(50);
  const doubt = position < 0 ? {} : percentileDoubt(metric, position);
  return formatByError(metric.distribution.median, doubt, "ms");
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

/** One percentile with the wider of what is open about it, which only TTFT's tail has beside it. */
function percentileCell(load: LoadSummary, name: string, position: number): Doubted {
  const metric = findMetric(load, name);
  const { value } = metric.distribution.percentiles[position] ?? {};
  const doubt = percentileDoubt(metric, position);
  return name === "ttft"
    ? formatWider(value, doubt, "ms")
    : { value: formatByError(value, doubt, "ms") };
}
