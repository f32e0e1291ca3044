/**
 * One row per load, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { ERROR_METRICS } from "./check_calibration.ts";
import { type LoadSummary, metricOf } from "./load_summary.ts";
import { formatPercentile } from "./format.ts";
import { METRICS } from "./metrics.ts";
import type { Report } from "./report.ts";
import type { Summary } from "./summary.ts";

/** Header cell and where its value comes from. */
interface Column {
  readonly name: string;
  readonly value: (load: LoadSummary) => string | number | boolean | undefined;
}

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
    const rows = summary.loads.map((load) => columns.map(({ value }) => String(value(load) ?? "")));
    return stringify([columns.map(({ name }) => name), ...rows]);
  },
};

/** Header and rows come from one list, so that they cannot differ (T35 in docs/python-scripts.md). */
function columnsOf({ header, percentiles }: Summary): readonly Column[] {
  const { version, startedAt, protocol, transport, model, url } = header;
  return [
    { name: "load", value: ({ label }) => label },
    ...Object.entries({ version, startedAt, protocol, transport, model, url })
      .map(([name, value]): Column => ({ name: snakeCase(name), value: () => value })),
    { name: "users", value: ({ plan }) => plan.users },
    { name: "rate_per_sec", value: ({ plan }) => plan.ratePerSec },
    { name: "sent_per_sec", value: ({ arrivals }) => arrivals?.sentPerSec },
    { name: "duration_ms", value: ({ durationMs }) => durationMs },
    { name: "interrupted", value: ({ interrupted }) => interrupted },
    { name: "offered", value: ({ counts }) => counts.offered },
    { name: "completed", value: ({ counts }) => counts.completed },
    { name: "failed", value: ({ counts }) => counts.failed },
    { name: "cancelled", value: ({ counts }) => counts.cancelled },
    { name: "dropped", value: ({ counts }) => counts.dropped },
    { name: "success_rate", value: ({ counts }) => counts.successRate },
    ...throughputColumns("", ({ throughput }) => throughput.run),
    ...throughputColumns("steady_", ({ throughput }) => throughput.steady),
    { name: "steady_from_ms", value: ({ throughput }) => throughput.steady?.fromMs },
    { name: "steady_to_ms", value: ({ throughput }) => throughput.steady?.toMs },
    { name: "in_flight_max", value: ({ inFlight }) => inFlight.max },
    { name: "in_flight_mean", value: ({ inFlight }) => inFlight.mean },
    { name: "prompt_tokens_total", value: ({ tokens }) => tokens.prompt.total },
    { name: "output_tokens_total", value: ({ tokens }) => tokens.output.total },
    { name: "output_token_source", value: ({ tokens }) => list(tokens.output.sources) },
    { name: "cached_share", value: ({ cache }) => cache.share },
    { name: "good", value: ({ slo }) => slo?.good },
    { name: "goodput_per_sec", value: ({ slo }) => slo?.goodput },
    { name: "attainment", value: ({ slo }) => slo?.attainment },
    { name: "cpu_cores", value: ({ client }) => client?.cpuCores },
    { name: "loop_lag_p99_ms", value: ({ client }) => client?.loopLagP99Ms },
    { name: "loop_lag_max_ms", value: ({ client }) => client?.loopLagMaxMs },
    { name: "thread_cpu", value: ({ client }) => client?.threadCpu },
    { name: "thread_wait", value: ({ client }) => client?.threadWait },
    { name: "descriptors", value: ({ client }) => client?.descriptors },
    { name: "descriptor_limit", value: ({ client }) => client?.descriptorLimit },
    { name: "kernel_stamped_reads", value: ({ client }) => client?.kernelStampedReads },
    { name: "replaced_connections", value: ({ client }) => client?.replacedConnections },
    { name: "client_error_basis", value: ({ client }) => client?.error?.basis },
    ...ERROR_METRICS.map((metric): Column => ({
      name: `client_error_${metric}_p99_ms`,
      value: ({ client }) => client?.error?.[metric].p99Ms,
    })),
    { name: "verdict", value: ({ verdict }) => verdict?.kind },
    {
      name: "verdict_rules",
      value: ({ verdict }) => verdict?.reasons.map(({ rule }) => rule).join(" "),
    },
    {
      name: "warnings",
      value: ({ checks }) => checks.filter(({ ok }) => !ok).map(({ name }) => name).join(" "),
    },
    { name: "percentile_error", value: ({ approximation }) => approximation?.relativeError ?? 0 },
    ...METRICS.flatMap(({ name, unit }) =>
      metricColumns(name, { unit: unit === "ms" ? "_ms" : "", percentiles })
    ),
  ];
}

function throughputColumns(
  prefix: string,
  of: (load: LoadSummary) => LoadSummary["throughput"]["steady"],
): readonly Column[] {
  return [
    { name: `${prefix}qps`, value: (load) => of(load)?.qps },
    { name: `${prefix}rpm`, value: (load) => of(load)?.rpm },
    { name: `${prefix}output_tokens_per_sec`, value: (load) => of(load)?.outputTokensPerSec },
    { name: `${prefix}total_tokens_per_sec`, value: (load) => of(load)?.totalTokensPerSec },
  ];
}

function metricColumns(
  metric: string,
  { unit, percentiles }: { readonly unit: string; readonly percentiles: readonly number[] },
): readonly Column[] {
  const of = (load: LoadSummary) => metricOf(load, metric)?.distribution;
  return [
    { name: `${metric}_count`, value: (load) => of(load)?.count },
    ...(["min", "mean", "median", "max", "std"] as const).map((statistic): Column => ({
      name: `${metric}_${statistic}${unit}`,
      value: (load) => of(load)?.[statistic],
    })),
    ...percentiles.map((p, i): Column => ({
      name: `${metric}_${formatPercentile(p)}${unit}`,
      value: (load) => of(load)?.percentiles[i]?.value,
    })),
  ];
}

function list(sources: Readonly<Record<string, number>>): string {
  return Object.keys(sources).join(" ");
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
