/**
 * One row per load, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { visibleCell } from "./visible_text.ts";
import type { Bracket } from "./load_bracket.ts";
import type { Interval } from "./load_interval.ts";
import type { Throughput } from "./load_series.ts";
import type { Economy } from "./load_speed.ts";
import { metricOf } from "./load_figures.ts";
import type { LimitResult } from "./load_limits.ts";
import type { LoadSummary } from "./load_summary.ts";
import { formatPercentile } from "./format.ts";
import { METRICS } from "./metrics.ts";
import type { Report } from "./report.ts";
import { serverColumns } from "./report_csv_server.ts";
import type { Summary } from "./summary.ts";
import { STEADY_METRICS } from "./summary_steady.ts";

/** Header cell and where its value comes from. */
type Column = readonly [name: string, (load: LoadSummary) => string | number | boolean | undefined];

/**
 * Comma-separated values with a header line and CRLF line ends. Times are in ms, rates are per
 * second; a number that does not exist is an empty cell.
 */
export const reportCsv: Report = {
  name: "csv",
  description: "One row per load with every number, for spreadsheets",
  extension: "csv",
  render: (summary) => {
    const columns = columnsOf(summary);
    const rows = summary.loads.map((load) =>
      columns.map(([, value]) => visibleCell(String(value(load) ?? "")))
    );
    return stringify([columns.map(([name]) => name), ...rows]);
  },
};

/** Header and rows come from one list, so that they cannot differ (T35 in docs/python-scripts.md). */
function columnsOf(summary: Summary): readonly Column[] {
  const { header, percentiles, scale, loads, capacity } = summary;
  const { version, startedAt, protocol, transport, model, url } = header;
  const verdicts = new Map(capacity?.probes.map(({ load, verdict }) => [loads[load], verdict]));
  return [
    ["load", ({ label }) => label],
    ...Object.entries({ version, startedAt, protocol, transport, model, url })
      .map(([name, value]): Column => [snakeCase(name), () => value]),
    ["users", ({ plan }) => plan.users],
    ["rate_per_sec", ({ plan }) => plan.ratePerSec],
    ["sent_per_sec", ({ arrivals }) => arrivals?.sentPerSec],
    ["duration_ms", ({ durationMs }) => durationMs],
    ["interrupted", ({ interrupted }) => interrupted],
    ["offered", ({ counts }) => counts.offered],
    ["completed", ({ counts }) => counts.completed],
    ["failed", ({ counts }) => counts.failed],
    ["cancelled", ({ counts }) => counts.cancelled],
    ["dropped", ({ counts }) => counts.dropped],
    ["success_rate", ({ counts }) => counts.successRate],
    ...throughputColumns("", ({ throughput }) => throughput.run),
    ...throughputColumns("steady_", ({ throughput }) => throughput.steady),
    ["steady_from_ms", ({ throughput }) => throughput.steady?.fromMs],
    ["steady_to_ms", ({ throughput }) => throughput.steady?.toMs],
    ["in_flight_max", ({ inFlight }) => inFlight.max],
    ["in_flight_mean", ({ inFlight }) => inFlight.mean],
    ["prompt_tokens_total", ({ tokens }) => tokens.prompt.total],
    ["output_tokens_total", ({ tokens }) => tokens.output.total],
    ["output_token_source", ({ tokens }) => list(tokens.output.sources)],
    ["cached_share", ({ cache }) => cache.share],
    ["good", ({ slo }) => slo?.good],
    ["goodput_per_sec", ({ slo }) => slo?.goodput],
    ["attainment", ({ slo }) => slo?.attainment],
    ["cpu_cores", ({ client }) => client?.cpuCores],
    ["loop_lag_p99_ms", ({ client }) => client?.loopLagP99Ms],
    ["loop_lag_max_ms", ({ client }) => client?.loopLagMaxMs],
    ["thread_cpu", ({ client }) => client?.threadCpu],
    ["thread_wait", ({ client }) => client?.threadWait],
    ["descriptors", ({ client }) => client?.descriptors],
    ["descriptor_limit", ({ client }) => client?.descriptorLimit],
    ["kernel_stamped_reads", ({ client }) => client?.kernelStampedReads],
    ["replaced_connections", ({ client }) => client?.replacedConnections],
    ["verdict", ({ verdict }) => verdict?.kind],
    ["verdict_rules", ({ verdict }) => verdict?.reasons.map(({ rule }) => rule).join(" ")],
    ["warnings", ({ checks }) => checks.filter(({ ok }) => !ok).map(({ name }) => name).join(" ")],
    ["percentile_error", ({ approximation }) => approximation?.relativeError ?? 0],
    ...METRICS.flatMap(({ name, unit }) =>
      metricColumns(name, { unit: unit === "ms" ? "_ms" : "", percentiles })
    ),
    // Behind everything else: who reads columns by their place finds them where they were.
    ["bracket_basis", ({ bracketBasis }) => bracketBasis],
    ["witness_streams", ({ witness }) => witness?.streams],
    ["witness_ticks", ({ witness }) => witness?.ticks],
    ["witness_ticks_inside", ({ witness }) => witness?.ticksInside],
    ["witness_departures", ({ witness }) => witness?.requests],
    ["witness_departures_inside", ({ witness }) => witness?.departuresInside],
    ["witness_absent", ({ witnessAbsent }) => witnessAbsent],
    ...rateEnds("", "", ({ throughput }) => throughput.run.brackets),
    ...rateEnds("steady_", "", ({ throughput }) => throughput.steady?.brackets),
    ...METRICS.filter(({ ends }) => ends !== undefined).flatMap(({ name }) =>
      latencyBrackets(name, percentiles)
    ),
    ["empty_answers", ({ counts }) => counts.empty],
    ["limits_kept", limitNames(({ kept }) => kept === true)],
    ["limits_missed", limitNames(({ kept }) => kept === false)],
    ["limits_not_measured", limitNames(({ kept }) => kept === undefined)],
    ["server_lost_ms", ({ serverLost }) => serverLost?.atMs],
    ["proxy", () => header.proxy],
    ["cancelled_as_planned", ({ counts }) => counts.cancelledAsPlanned],
    ["sessions_done", ({ sessions }) => sessions?.ends.done],
    ["sessions_failed", ({ sessions }) => sessions?.ends.failed],
    ["sessions_context", ({ sessions }) => sessions?.ends.context],
    ["sessions_cut", ({ sessions }) => sessions?.ends.cut],
    ["sessions_per_hour", ({ sessions }) => sessions?.perHour],
    ["turns_per_sec", ({ sessions }) => sessions?.turnsPerSec],
    ["turns_not_sent", ({ sessions }) => sessions?.turnsNotSent],
    ["session_time_mean_ms", ({ sessions }) => sessions?.time.mean],
    ["session_time_median_ms", ({ sessions }) => sessions?.time.median],
    ...percentiles.map((p, i): Column => [
      `session_time_${formatPercentile(p)}_ms`,
      ({ sessions }) => sessions?.time.percentiles[i]?.value,
    ]),
    [
      "context_too_long",
      ({ contextTooLong, sessions }) => contextTooLong?.requests ?? (sessions && 0),
    ],
    ["asked_cached_share", () => header.askedCachedShare],
    ["expected_cached_share", ({ prefix }) => prefix?.expected.share],
    ["new_tokens_total", ({ prefix }) => prefix?.expected.newTokens],
    ["probe", ({ plan }) => plan.probe],
    ["probe_verdict", (load) => verdicts.get(load)],
    ["cut_short", ({ cutShort }) => cutShort],
    ["sampling_blocks", ({ sampling }) => sampling.blocks],
    ["sampling_block_ms", ({ sampling }) => sampling.blockMs],
    ["sampling_absent", ({ sampling }) => sampling.absent],
    ...rateEnds("", SAMPLING, ({ throughput }) => throughput.run.intervals),
    ...rateEnds("steady_", SAMPLING, ({ throughput }) => throughput.steady?.intervals),
    ...ends(["goodput", "_per_sec"], ({ slo }) => slo?.intervals?.goodput, SAMPLING),
    ...ends(["attainment", ""], ({ slo }) => slo?.intervals?.attainment, SAMPLING),
    ...METRICS.filter(({ ends }) => ends !== undefined).flatMap(({ name }) =>
      latencyIntervals(name, percentiles)
    ),
    ...speedColumns(percentiles),
    ["gpus", () => scale?.gpus],
    ["cost_per_hour", () => scale?.costPerHour],
    ...economyColumns("", ({ economy }) => economy?.run),
    ...economyColumns("steady_", ({ economy }) => economy?.steady),
    ["found_steady_from_ms", ({ steadyState }) => steadyState.window?.fromMs],
    ["found_steady_to_ms", ({ steadyState }) => steadyState.window?.toMs],
    ["found_steady_absent", ({ steadyState }) => steadyState.absent],
    ...throughputColumns("found_steady_", ({ steadyState }) => steadyState.throughput),
    ["found_steady_in_flight_mean", ({ steadyState }) => steadyState.inFlight],
    ...STEADY_METRICS.flatMap((name) => steadyColumns(name, percentiles)),
    ["stall_threshold_ms", ({ stalls }) => stalls.thresholdMs],
    ["stalls", ({ stalls }) => stalls.count],
    ["stalls_total_ms", ({ stalls }) => stalls.totalMs],
    ["stalls_share", ({ stalls }) => stalls.share],
    ["stalls_client", ({ stalls }) => stalls.causes.client],
    ["stalls_server", ({ stalls }) => stalls.causes.server],
    ["stalls_several", ({ stalls }) => stalls.causes.several],
    ["stalls_single", ({ stalls }) => stalls.causes.single],
    ...serverColumns(),
    ["fleet_agents", ({ fleet }) => fleet?.agents.length],
    ["fleet_as_asked", ({ fleet }) => fleet?.asAsked],
    ["fleet_lost", ({ fleet }) => fleet?.lost],
    ["fleet_missing_share", ({ fleet }) => fleet?.missingShare],
    ["fleet_clock_within_ms", ({ fleet }) => fleet?.worstClock?.withinMs],
    ["fleet_client_error", ({ fleet }) => fleet?.worstClientError?.share],
  ];
}

/** The limits of `--slo` on the load and of `--require` that came to this. */
function limitNames(of: (limit: LimitResult) => boolean): (load: LoadSummary) => string {
  return ({ limits }) => limits.filter(of).map(({ text }) => text).join("; ");
}

/** Speed of one user, slow ones at high percentiles, and the busiest second. */
function speedColumns(percentiles: readonly number[]): readonly Column[] {
  const of = (name: "interactivity" | "userTokens"): readonly Column[] => [
    [`${snakeCase(name)}_mean_per_sec`, ({ speed }) => speed[name].mean],
    [`${snakeCase(name)}_median_per_sec`, ({ speed }) => speed[name].median],
    ...percentiles.map((p, i): Column => [
      `${snakeCase(name)}_${formatPercentile(p)}_per_sec`,
      ({ speed }) => speed[name].percentiles[i]?.value,
    ]),
  ];
  return [
    ...of("interactivity"),
    ...of("userTokens"),
    ["output_tokens_per_e2e_sec", ({ speed }) => speed.overall],
    ["output_tokens_per_user_sec", ({ speed }) => speed.perUser.run],
    ["steady_output_tokens_per_user_sec", ({ speed }) => speed.perUser.steady],
    ["peak_window_ms", ({ peaks }) => peaks?.windowMs],
    ["peak_output_tokens_per_sec", ({ peaks }) => peaks?.outputTokensPerSec],
    ["peak_qps", ({ peaks }) => peaks?.requestsPerSec],
  ];
}

function economyColumns(
  prefix: string,
  of: (load: LoadSummary) => Economy | undefined,
): readonly Column[] {
  return [
    [
      `${prefix}output_tokens_per_sec_per_gpu`,
      (load) => of(load)?.outputTokensPerSecPerGpu,
    ],
    [
      `${prefix}cost_per_million_output_tokens`,
      (load) => of(load)?.costPerMillionOutputTokens,
    ],
  ];
}

/** Before `_low` and `_high` of sampling intervals; brackets have nothing there. */
const SAMPLING = "_sampling";

function ends(
  [before, after]: readonly [before: string, after: string],
  of: (load: LoadSummary) => Bracket | Interval | undefined,
  kind: "" | typeof SAMPLING = "",
): readonly Column[] {
  return [
    [`${before}${kind}_low${after}`, (load) => of(load)?.low],
    [`${before}${kind}_high${after}`, (load) => of(load)?.high],
  ];
}

function rateEnds(
  prefix: string,
  kind: "" | typeof SAMPLING,
  of: (load: LoadSummary) => Throughput["brackets"] | Throughput["intervals"],
): readonly Column[] {
  return [
    ...ends([`${prefix}qps`, ""], (load) => of(load)?.qps, kind),
    ...ends([`${prefix}output_tokens`, "_per_sec"], (load) => of(load)?.outputTokensPerSec, kind),
    ...ends([`${prefix}total_tokens`, "_per_sec"], (load) => of(load)?.totalTokensPerSec, kind),
  ];
}

function latencyBrackets(metric: string, percentiles: readonly number[]): readonly Column[] {
  const of = (load: LoadSummary) => metricOf(load, metric)?.brackets;
  return [
    ...ends([`${metric}_mean`, "_ms"], (load) => of(load)?.mean),
    ...ends([`${metric}_median`, "_ms"], (load) => of(load)?.median),
    ...percentiles.flatMap((p, i) =>
      ends([`${metric}_${formatPercentile(p)}`, "_ms"], (load) => of(load)?.percentiles[i]?.bracket)
    ),
  ];
}

function latencyIntervals(metric: string, percentiles: readonly number[]): readonly Column[] {
  const of = (load: LoadSummary) => metricOf(load, metric)?.intervals;
  return [
    ...ends([`${metric}_mean`, "_ms"], (load) => of(load)?.mean, SAMPLING),
    ...ends([`${metric}_median`, "_ms"], (load) => of(load)?.median, SAMPLING),
    ...percentiles.flatMap((p, i) =>
      ends(
        [`${metric}_${formatPercentile(p)}`, "_ms"],
        (load) => of(load)?.percentiles[i]?.interval,
        SAMPLING,
      )
    ),
  ];
}

function throughputColumns(
  prefix: string,
  of: (load: LoadSummary) => LoadSummary["throughput"]["steady"],
): readonly Column[] {
  return [
    [`${prefix}qps`, (load) => of(load)?.qps],
    [`${prefix}rpm`, (load) => of(load)?.rpm],
    [`${prefix}output_tokens_per_sec`, (load) => of(load)?.outputTokensPerSec],
    [`${prefix}total_tokens_per_sec`, (load) => of(load)?.totalTokensPerSec],
  ];
}

function steadyColumns(name: string, percentiles: readonly number[]): readonly Column[] {
  const of = ({ steadyState }: LoadSummary) =>
    steadyState.metrics.find((metric) => metric.name === name)?.distribution;
  return [
    [`found_steady_${name}_count`, (load) => of(load)?.count],
    [`found_steady_${name}_mean_ms`, (load) => of(load)?.mean],
    [`found_steady_${name}_median_ms`, (load) => of(load)?.median],
    ...percentiles.map((p, i): Column => [
      `found_steady_${name}_${formatPercentile(p)}_ms`,
      (load) => of(load)?.percentiles[i]?.value,
    ]),
  ];
}

function metricColumns(
  metric: string,
  { unit, percentiles }: { readonly unit: string; readonly percentiles: readonly number[] },
): readonly Column[] {
  const of = (load: LoadSummary) => metricOf(load, metric)?.distribution;
  return [
    [`${metric}_count`, (load) => of(load)?.count],
    ...(["min", "mean", "median", "max", "std"] as const).map((
      statistic,
    ): Column => [`${metric}_${statistic}${unit}`, (load) => of(load)?.[statistic]]),
    ...percentiles.map((
      p,
      i,
    ): Column => [
      `${metric}_${formatPercentile(p)}${unit}`,
      (load) => of(load)?.percentiles[i]?.value,
    ]),
  ];
}

function list(sources: Readonly<Record<string, number>>): string {
  return Object.keys(sources).join(" ");
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
