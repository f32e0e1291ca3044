/**
 * What the observations mean: the parts of a summary and the statistics, checks and verdicts behind
 * it. Pure functions, no clock and no I/O; nothing of a transport or a tokenizer is loaded.
 *
 * For those who write a metric, a report or an analysis of their own. What is here is not stable: a
 * minor version may change it. `METRICS`, `REPORTS` and `summarize` are of the main entry.
 *
 * @example Percentiles as in the reports
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { quantile, sortValues } from "@tokometer/tokometer/metrics";
 *
 * assertEquals(quantile(sortValues([4, 1, 3, 2]), 50), 2.5);
 * ```
 *
 * @module
 */
export type {
  Cause,
  Definitions,
  Dialect,
  DialectFigure,
  DialectFile,
  DialectLoad,
  DialectOwnFigure,
  Quantity,
  Statistic,
} from "./dialect.ts";
export type { ExplainedCause, ExplainedFigure, SpokenFigure } from "./dialect_explain.ts";
export {
  type DialectEntry,
  type DialectOptions,
  DIALECTS,
  explainDialect,
  readDialect,
  type SpokenLoad,
  type SpokenRun,
} from "./dialects.ts";
export type { ScenarioSummary } from "./check_scenario.ts";
export { warnings } from "./check.ts";
export { adviceFor, type AdviceQuestion } from "./check_advice.ts";
export type {
  CapacityAnswer,
  CapacityOutcome,
  CapacityProbe,
  CapacitySummary,
  CurveSummary,
  ProbeVerdict,
} from "./capacity_result.ts";
export {
  type CapacitySearch,
  type CapacitySearchOptions,
  type CapacityStep,
  createCapacitySearch,
} from "./capacity_search.ts";
export type { FindAxis, RunFind } from "./run_find.ts";
export type {
  ClockOffset,
  FleetAgent,
  FleetEnd,
  FleetPart,
  RunFleet,
  RunPart,
} from "./run_fleet.ts";
export { LOAD_STATE_SCHEMA, type LoadState, type Mergeable } from "./load_state.ts";
export { type LimitFinding, type WeighedLoad, weighLimits } from "./check_calibration.ts";
export { VERDICT_RULES, type VerdictEvidence, type VerdictRule } from "./check_causes.ts";
export { CLIENT_TOLERANCE, type HeadlineFigure } from "./check_figures.ts";
export type { Figure, FiguredLoad, FigureValue } from "./figure.ts";
export { compareRuns } from "./compare.ts";
export { compareExitCode, parseGate } from "./compare_gate.ts";
export {
  type ComparePlan,
  comparePlan,
  type ComparePlanOptions,
  type PlannedFigure,
} from "./compare_plan.ts";
export {
  COMPARE_SCHEMA,
  type ComparedFigure,
  type ComparedLoad,
  type CompareOptions,
  type CompareSide,
  type CompareUnit,
  type CompareVerdict,
  type Comparison,
  type Difference,
  type GateLimit,
  type GateOutcome,
  type GateResult,
  type SideValue,
} from "./compare_result.ts";
export {
  type EngineTimes,
  errorSpread,
  type MatchedRequest,
  matchRequests,
  measureClientError,
} from "./check_client_error.ts";
export type { Consistency, Suspects } from "./check_consistency.ts";
export { checkLoad, checkRun, type LoadFacts } from "./check_run.ts";
export {
  compareWitness,
  type WitnessComparison,
  type WitnessFacts,
  type WitnessOptions,
  type WitnessTimes,
} from "./check_witness.ts";
export { clientVerdict } from "./check_verdict.ts";
export {
  formatCount,
  formatMib,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
} from "./format.ts";
export type { Bracket, BracketBasis, DistributionBrackets } from "./load_bracket.ts";
export type {
  DistributionIntervals,
  Interval,
  SamplingBasis,
  ShareWithin,
} from "./load_interval.ts";
export type {
  Economy,
  LoadEconomy,
  Peaks,
  ServerScale,
  Speed,
  SpeedSummary,
  UserSpeed,
} from "./load_speed.ts";
export type { RequestRow, RequestSample } from "./load_requests.ts";
export type {
  ServerCounts,
  ServerCourse,
  ServerEndpoint,
  ServerFigure,
  ServerOther,
  ServerSummary,
  Speculation,
  TimePart,
  TimeSplit,
} from "./load_server.ts";
export {
  SERVER_ENGINES,
  SERVER_ROLES,
  type ServerEngine,
  type ServerName,
  type ServerRole,
  type ServerRoleMeaning,
} from "./server_names.ts";
export type { Drift, RepeatedFigure, RepeatedLoad } from "./summary_repeats.ts";
export type { Answer } from "./summary_answer.ts";
export { baseLabel, type LoadTurn, SIDE_NAMES, turnLabel } from "./load_repeats.ts";
export type { SliceLatency, Slices } from "./load_slices.ts";
export type { HeatMap } from "./load_heat.ts";
export type { Quantiles } from "./load_quantiles.ts";
export type { Stall, StallCauses, Stalls } from "./load_stalls.ts";
export type { SteadyMetric, SteadySearch, SteadyState, SteadyTrend } from "./load_steady.ts";
export type {
  AgentClock,
  AgentError,
  AgentLoss,
  AgentResult,
  LoadFleet,
  PresentShare,
} from "./load_fleet.ts";
export { fleetIsBroken } from "./summary_fleet.ts";
export { fleetPartOf } from "./summary_fleet_part.ts";
export type { VerdictKind, VerdictReason } from "./load_client.ts";
export type { Distribution, OutcomeCounts, Percentile } from "./load_figures.ts";
export type { Grouping, GroupingName, GroupSlo, GroupSummary, StageRate } from "./load_groups.ts";
export type {
  Approximation,
  Arrivals,
  GpuDeviceSummary,
  GpuSeries,
  GpuSummary,
  GpuTotal,
  GpuUse,
  InFlight,
  Series,
  SeriesArrivals,
  Throughput,
  Window,
} from "./load_series.ts";
export type {
  ContextOverflow,
  Lane,
  LaneChain,
  Lanes,
  LaneSession,
  PrefixShare,
  SessionEnds,
  SessionsSummary,
} from "./load_sessions.ts";
export type {
  Cache,
  ConnectionCounts,
  Counts,
  EmptyReason,
  Failure,
  Generated,
  Histogram,
  Lengths,
  MetricHistogram,
  RejectedCounts,
  StreamShape,
  TimelineEntry,
  TokenTotals,
} from "./load_summary.ts";
export type { LimitResult, SloLimit, SloSummary } from "./load_limits.ts";
export type { MergedClient, MergedClients } from "./merged_clients.ts";
export type { Unit } from "./metric.ts";
export type { RecordBounds, ValueEnds } from "./record_bounds.ts";
export type { CompareRenderOptions, ComparisonReport } from "./report_compare.ts";
export { compareSchema } from "./report_compare_schema.ts";
export { COMPARISON_REPORTS } from "./report_comparisons.ts";
export type { JsonSchema } from "./report_schema.ts";
export { type TextColumn, textTable, wrapText } from "./report_text_table.ts";
export { tracePage } from "./html_trace.ts";
export { traceTable } from "./report_trace_table.ts";
export type {
  TraceModel,
  TracePrompt,
  TraceRate,
  TraceReplay,
  TraceSharingSummary,
  TraceSummary,
  TraceValues,
} from "./summary_trace.ts";
export type { Count } from "./count.ts";
export {
  type Environment,
  type RateStagePlan,
  RECORD_SCHEMA,
  type RunScenario,
  type RunShare,
  type RunSide,
  type ServerLost,
  type TransportReason,
} from "./run.ts";
export type {
  CalibrationCell,
  CalibrationClient,
  CalibrationLimit,
  CalibrationLoad,
  ClientError,
  EngineAccuracy,
  ErrorSpread,
  RunCalibration,
} from "./run_calibration.ts";
export type { ClientHealth, LatenessSpread, Witness } from "./run_client.ts";
export type { RunDataset, RunDatasetPart, RunTokenizer } from "./run_dataset.ts";
export type { GpuSamples, GpuTrack } from "./run_gpu.ts";
export type { ServerFamily, ServerHistogram, ServerScrapes, ServerSeries } from "./run_server.ts";
export type { RunReplay, SessionEnd } from "./run_replay.ts";
export {
  CLIENTS_COLUMNS,
  type ClientsCounting,
  clientsRow,
  RATE_COLUMNS,
  rateRow,
} from "./script_clients_row.ts";
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
export type { Spread } from "./script_latency_spread.ts";
export type { LatencyFormat, LayoutRow } from "./script_layout.ts";
export {
  RESTFUL_LAYOUTS,
  type RestfulLayout,
  type RestfulNumbers,
  restfulNumbers,
  type RestfulScript,
  restfulScriptNumbers,
} from "./script_restful_numbers.ts";
export {
  restfulBlock,
  restfulRow,
  type ServingRowSetup,
  type ServingSetup,
  THROUGHPUT_LAYOUTS,
  throughputBlock,
  type ThroughputLayout,
  throughputRow,
} from "./script_serving_report.ts";
export {
  type ThroughputNumbers,
  throughputNumbers,
  throughputScriptNumbers,
} from "./script_throughput_numbers.ts";
export { FRONTIER_SCHEMA } from "./frontier.ts";
export type {
  Frontier,
  FrontierLoad,
  FrontierPoint,
  FrontierRole,
  FrontierSide,
  FrontierWindow,
} from "./frontier.ts";
export { findFrontier, type FrontierOptions } from "./frontier_sides.ts";
export type { FrontierReport } from "./report_frontier.ts";
export { FRONTIER_REPORTS } from "./report_frontiers.ts";
export { histogram } from "./stat_histogram.ts";
export {
  describe,
  quantile,
  type SortedValues,
  sortValues,
  type ValueSet,
} from "./stat_quantile.ts";
export {
  createValueHistogram,
  type ValueHistogram,
  type ValueHistogramData,
} from "./stat_value_histogram.ts";
export { DEFAULT_PERCENTILES, REPORT_SCHEMA, type ValueKeeping } from "./summary.ts";
export { groupFailures } from "./summary_outcomes.ts";
export { meetsSlo } from "./summary_slo.ts";
export {
  type Limit,
  type Limited,
  type LimitOperator,
  type LimitStatistic,
  parseLimits,
} from "./limit.ts";
export { LIMITED, parseRequired } from "./check_limit.ts";
export { windowThroughput } from "./summary_throughput.ts";
