/**
 * For programs that measure LLM inference servers: measure, simulate, read records, summarize and
 * render. What is here is stable: it changes only with the major version.
 *
 * `./backends`, `./metrics` and `./workloads` hold the parts that this is made of, each name once.
 *
 * @example Measure a server, here the built-in simulated one
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * const run = await measureBench(server.url, { concurrency: [2], requests: 4, outputTokens: 8 });
 * await server.stop();
 * assertEquals(summarize(run).loads[0]?.counts.completed, 4);
 * ```
 *
 * @module
 */

// Measure a server.
export { type BenchOptions, measureBench } from "./workloads/run_bench.ts";
export type { MeasureHooks } from "./workloads/run_hooks.ts";
export type { ProgressState } from "./workloads/live_progress.ts";
export type { Protocol } from "./backends/protocol.ts";
export { findProtocol, PROTOCOLS } from "./backends/protocols.ts";
export { UserError } from "./workloads/user_error.ts";
export { VERSION } from "./workloads/version.ts";

// Simulate one.
export {
  type LaunchedSimulator,
  type LaunchOptions,
  launchSimulator,
} from "./backends/sim_launch.ts";
export type { SimOptions } from "./backends/sim_options.ts";
export { type SimServer, startSimServer } from "./backends/sim_server.ts";

// Keep and read what was observed.
export type { Outcome, RequestRecord, TokenCount } from "./backends/record.ts";
export type { LoadEnd, LoadPlan, Run, RunHeader } from "./metrics/run.ts";
export { isFailure } from "./metrics/summary_outcomes.ts";
export {
  openRecordFile,
  type RecordSink,
  type RecordWriter,
  startRecordFile,
} from "./workloads/record_writer.ts";
export { readRecordFile, streamRecordFile } from "./workloads/record_file.ts";
export type { RecordEntry } from "./workloads/record_entries.ts";
export { mergeRecordFiles } from "./workloads/record_merge.ts";

// Summarize it.
export {
  type Accumulator,
  createAccumulator,
  summarize,
  type Summary,
  type SummaryOptions,
} from "./metrics/summary.ts";
export type { Check } from "./metrics/check.ts";
export type { Verdict } from "./metrics/load_client.ts";
export type { MetricSummary } from "./metrics/load_figures.ts";
export { findMetric, type LoadSummary } from "./metrics/load_summary.ts";
export type { Metric } from "./metrics/metric.ts";
export { METRICS } from "./metrics/metrics.ts";
export { parseSlo, type Slo } from "./metrics/summary_slo.ts";

// Render the summary.
export type { RenderOptions, Report } from "./metrics/report.ts";
export { reportSchema } from "./metrics/report_schema.ts";
export { renderTable } from "./metrics/report_table.ts";
export { REPORTS } from "./metrics/reports.ts";
