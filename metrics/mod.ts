/**
 * What the observations mean: metrics, summaries, checks and reports. Pure functions, no clock and
 * no I/O.
 *
 * @module
 */
export type { Outcome, RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";
export type {
  Approximation,
  Arrivals,
  GpuDeviceSummary,
  GpuSeries,
  GpuSummary,
  GpuTotal,
  InFlight,
  Series,
  Throughput,
  Window,
} from "./load_series.ts";
export { arrivals } from "./summary_arrivals.ts";
export { cachedTokens } from "./metric_cached_tokens.ts";
export {
  type CalibrationCell,
  type CalibrationLimit,
  type ClientError,
  type ClientHealth,
  type Count,
  type EngineAccuracy,
  type Environment,
  type ErrorSpread,
  type GpuSamples,
  type GpuTrack,
  type LoadEnd,
  type LoadPlan,
  type MemoryPerStream,
  RECORD_SCHEMA,
  type Run,
  type RunCalibration,
  type RunDataset,
  type RunHeader,
  type RunTokenizer,
} from "./run.ts";
export type {
  ClientErrorEstimate,
  ClientSummary,
  ErrorBound,
  Verdict,
  VerdictKind,
  VerdictReason,
} from "./load_client.ts";
export {
  type ClientLoad,
  ERROR_METRICS,
  ERROR_SIGNS,
  estimateClientError,
  LIMIT_TOLERANCE,
  type LimitFinding,
  type WeighedLoad,
  weighLimits,
  weightOf,
} from "./check_calibration.ts";
export { type Check, warnings } from "./check.ts";
export {
  type EngineTimes,
  errorSpread,
  type MatchedRequest,
  matchRequests,
  measureClientError,
} from "./check_client_error.ts";
export { checkLoad, checkRun, type LoadFacts } from "./check_run.ts";
export {
  CLIENTS_COLUMNS,
  type ClientsCounting,
  clientsRow,
  RATE_COLUMNS,
  rateRow,
} from "./script_clients_row.ts";
export type { Consistency, Suspects } from "./check_consistency.ts";
export { connectTime } from "./metric_connect_time.ts";
export { e2e } from "./metric_e2e.ts";
export { e2eIntended } from "./metric_e2e_intended.ts";
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
} from "./script_generation_csv.ts";
export {
  type GenerationNumbers,
  generationNumbers,
  type GenerationScript,
  generationScriptNumbers,
} from "./script_generation_numbers.ts";
export { type GpuLoadFacts, summarizeGpu } from "./summary_gpu.ts";
export {
  type Cache,
  type ConnectionCounts,
  type Counts,
  type Distribution,
  type Failure,
  findMetric,
  type Histogram,
  type Lengths,
  type LoadSummary,
  type MetricHistogram,
  type MetricSummary,
  type Percentile,
  type SloLimit,
  type SloSummary,
  type StreamShape,
  type TimelineEntry,
  type TokenTotals,
} from "./load_summary.ts";
export { histogram } from "./stat_histogram.ts";
export { inFlight, meanInFlight } from "./summary_in_flight.ts";
export { itl } from "./metric_itl.ts";
export { type Spread, spreadOf, TOKEN_PERCENTILES } from "./script_latency_spread.ts";
export { lengthShortfall } from "./metric_length_shortfall.ts";
export type { MergedClient, MergedClients } from "./merged_clients.ts";
export type { Metric, Unit } from "./metric.ts";
export { countOutcomes, groupFailures, isFailure } from "./summary_outcomes.ts";
export { outputTokens } from "./metric_output_tokens.ts";
export {
  indexPercentile,
  perTokenArray,
  recordTokenArray,
  type TokenStep,
  tokenSteps,
} from "./script_per_token_array.ts";
export { promptTokens } from "./metric_prompt_tokens.ts";
export { formatFixed, formatRepr, roundNumpy, roundPython } from "./script_python_format.ts";
export {
  describe,
  exactValues,
  minimumSamples,
  quantile,
  type SortedValues,
  sortLists,
  sortValues,
  type ValueSet,
} from "./stat_quantile.ts";
export { readsPerToken } from "./metric_reads_per_token.ts";
export { METRICS } from "./metrics.ts";
export type { Report } from "./report.ts";
export { reportCsv } from "./report_csv.ts";
export { reportHtml } from "./report_html.ts";
export { reportJson } from "./report_json.ts";
export { type JsonSchema, reportSchema } from "./report_schema.ts";
export { renderTable, reportTable, type TableOptions } from "./report_table.ts";
export { REPORTS } from "./reports.ts";
export {
  RESTFUL_LAYOUTS,
  type RestfulLayout,
  type RestfulNumbers,
  restfulNumbers,
  type RestfulScript,
  restfulScriptNumbers,
} from "./script_restful_numbers.ts";
export { restfulBlock, restfulRow, type RestfulSetup } from "./script_restful_report.ts";
export { scheduleDelay } from "./metric_schedule_delay.ts";
export { series } from "./summary_series.ts";
export { meetsLimit, meetsSlo, parseSlo, type Slo, SLO_METRICS } from "./summary_slo.ts";
export { streamShape } from "./summary_stream_shape.ts";
export {
  type Accumulator,
  createAccumulator,
  DEFAULT_PERCENTILES,
  RAW_TICKS,
  REPORT_SCHEMA,
  summarize,
  type Summary,
  type SummaryOptions,
  type ValueKeeping,
} from "./summary.ts";
export { printable, type TextColumn, textTable, wrapText } from "./report_text_table.ts";
export { runThroughput, tokensPerTickToken, windowThroughput } from "./summary_throughput.ts";
export {
  THROUGHPUT_LAYOUTS,
  throughputBlock,
  type ThroughputFormat,
  type ThroughputLayout,
  throughputRow,
  type ThroughputSetup,
} from "./script_throughput_csv.ts";
export {
  type ThroughputNumbers,
  throughputNumbers,
  throughputScriptNumbers,
} from "./script_throughput_numbers.ts";
export { cache, lengths, tokenTotals } from "./summary_token_totals.ts";
export { tokensPerTick } from "./metric_tokens_per_tick.ts";
export { tpot } from "./metric_tpot.ts";
export { ttft } from "./metric_ttft.ts";
export { ttftAnswer } from "./metric_ttft_answer.ts";
export { ttftIntended } from "./metric_ttft_intended.ts";
export {
  createValueHistogram,
  RELATIVE_ERROR,
  type ValueHistogram,
  type ValueHistogramData,
} from "./stat_value_histogram.ts";
export { judge, VERDICT_RULES, type VerdictEvidence, type VerdictRule } from "./check_verdict.ts";
