/**
 * What the observations mean: metrics, summaries, checks and reports. Pure functions, no clock and
 * no I/O.
 *
 * @module
 */
export type { Outcome, RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";
export type { Approximation } from "./approximation.ts";
export { type Arrivals, arrivals } from "./arrivals.ts";
export { cachedTokens } from "./cached_tokens.ts";
export {
  type CalibrationCell,
  type CalibrationLimit,
  type ClientErrorEstimate,
  type ClientLoad,
  type EngineAccuracy,
  ERROR_METRICS,
  ERROR_SIGNS,
  type ErrorBound,
  estimateClientError,
  type MemoryPerStream,
  type RunCalibration,
  weightOf,
} from "./calibration.ts";
export {
  LIMIT_TOLERANCE,
  type LimitFinding,
  type WeighedLoad,
  weighLimits,
} from "./calibrated_limit.ts";
export { type Check, warnings } from "./check.ts";
export {
  type ClientError,
  type EngineTimes,
  type ErrorSpread,
  errorSpread,
  type MatchedRequest,
  matchRequests,
  measureClientError,
} from "./client_error.ts";
export { checkLoad, checkRun, type LoadFacts } from "./checks.ts";
export {
  CLIENTS_COLUMNS,
  type ClientsCounting,
  clientsRow,
  RATE_COLUMNS,
  rateRow,
} from "./clients_row.ts";
export type { Consistency, Suspects } from "./consistency.ts";
export { connectTime } from "./connect_time.ts";
export { e2e } from "./e2e.ts";
export { e2eIntended } from "./e2e_intended.ts";
export {
  formatCount,
  formatMib,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
export {
  GENERATION_LAYOUTS,
  generationBlock,
  type GenerationCase,
  type GenerationFormat,
  type GenerationLayout,
  generationMemory,
  generationRow,
  type GpuMemory,
} from "./generation_csv.ts";
export {
  type GenerationNumbers,
  generationNumbers,
  type GenerationScript,
  generationScriptNumbers,
} from "./generation_numbers.ts";
export {
  type GpuDeviceSummary,
  type GpuLoadFacts,
  type GpuSeries,
  type GpuSummary,
  type GpuTotal,
  summarizeGpu,
} from "./gpu.ts";
export { type Histogram, histogram } from "./histogram.ts";
export { type InFlight, inFlight, meanInFlight } from "./in_flight.ts";
export { itl } from "./itl.ts";
export { type Spread, spreadOf, TOKEN_PERCENTILES } from "./latency_spread.ts";
export { lengthShortfall } from "./length_shortfall.ts";
export {
  type ClientSummary,
  findMetric,
  type LoadSummary,
  type MetricHistogram,
  type MetricSummary,
  type SloSummary,
  type TimelineEntry,
} from "./load_summary.ts";
export type { MergedClient, MergedClients } from "./merged_clients.ts";
export type { Metric, Unit } from "./metric.ts";
export { countOutcomes, type Counts, type Failure, groupFailures, isFailure } from "./outcomes.ts";
export { outputTokens } from "./output_tokens.ts";
export {
  indexPercentile,
  perTokenArray,
  recordTokenArray,
  type TokenStep,
  tokenSteps,
} from "./per_token_array.ts";
export { promptTokens } from "./prompt_tokens.ts";
export { formatFixed, formatRepr, roundNumpy, roundPython } from "./python_format.ts";
export {
  describe,
  type Distribution,
  exactValues,
  minimumSamples,
  type Percentile,
  quantile,
  type SortedValues,
  sortLists,
  sortValues,
  type ValueSet,
} from "./quantile.ts";
export { readsPerToken } from "./reads_per_token.ts";
export { METRICS } from "./registry.ts";
export type { Report } from "./report.ts";
export { reportCsv } from "./report_csv.ts";
export { reportHtml } from "./report_html.ts";
export { reportJson } from "./report_json.ts";
export { type JsonSchema, reportSchema } from "./report_schema.ts";
export { renderTable, reportTable, type TableOptions } from "./report_table.ts";
export { REPORTS } from "./reports.ts";
export type {
  ClientHealth,
  Environment,
  GpuSamples,
  GpuTrack,
  LoadEnd,
  LoadPlan,
  Run,
  RunHeader,
} from "./run.ts";
export {
  RESTFUL_LAYOUTS,
  type RestfulLayout,
  type RestfulNumbers,
  restfulNumbers,
  type RestfulScript,
  restfulScriptNumbers,
} from "./restful_numbers.ts";
export { restfulBlock, restfulRow, type RestfulSetup } from "./restful_report.ts";
export { scheduleDelay } from "./schedule_delay.ts";
export { type Series, series } from "./series.ts";
export { meetsLimit, meetsSlo, parseSlo, type Slo, SLO_METRICS, type SloLimit } from "./slo.ts";
export { type StreamShape, streamShape } from "./stream_shape.ts";
export {
  type Accumulator,
  createAccumulator,
  DEFAULT_PERCENTILES,
  RAW_TICKS,
  summarize,
  type Summary,
  type SummaryOptions,
  type ValueKeeping,
} from "./summary.ts";
export { printable, type TextColumn, textTable, wrapText } from "./text_table.ts";
export {
  runThroughput,
  type Throughput,
  tokensPerTickToken,
  type Window,
  windowThroughput,
} from "./throughput.ts";
export {
  THROUGHPUT_LAYOUTS,
  throughputBlock,
  type ThroughputFormat,
  type ThroughputLayout,
  throughputRow,
  type ThroughputSetup,
} from "./throughput_csv.ts";
export {
  type ThroughputNumbers,
  throughputNumbers,
  throughputScriptNumbers,
} from "./throughput_numbers.ts";
export {
  type Cache,
  cache,
  type Lengths,
  lengths,
  type TokenTotals,
  tokenTotals,
} from "./token_totals.ts";
export { tokensPerTick } from "./tokens_per_tick.ts";
export { tpot } from "./tpot.ts";
export { ttft } from "./ttft.ts";
export { ttftAnswer } from "./ttft_answer.ts";
export { ttftIntended } from "./ttft_intended.ts";
export {
  createValueHistogram,
  RELATIVE_ERROR,
  type ValueHistogram,
  type ValueHistogramData,
} from "./value_histogram.ts";
export {
  judge,
  type Verdict,
  VERDICT_RULES,
  type VerdictEvidence,
  type VerdictKind,
  type VerdictReason,
  type VerdictRule,
} from "./verdict.ts";
