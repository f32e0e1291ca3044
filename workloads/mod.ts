/**
 * What is sent, when, and under which name: prompts and tokenizers, loads, plans of a run, and the
 * commands with their options.
 *
 * For those who embed a command or build a command line of their own. What is here is not stable: a
 * minor version may change it. `measureBench` and the record files are of the main entry.
 *
 * @example Load the prompts that ship with the program
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { estimateCounter, findDataset } from "@tokometer/tokometer/workloads";
 *
 * const { prompts } = await findDataset("sample").load({
 *   count: 4,
 *   seed: 0,
 *   turns: 1,
 *   counter: estimateCounter,
 *   extra: {},
 * });
 * assertEquals(prompts.length, 4);
 * ```
 *
 * @module
 */
export type { Measurement } from "./bench_order.ts";
export type { BenchPlan, OtherSide, OwnPrompts } from "./bench_plan.ts";
export type { ServerUrl } from "./bench_servers.ts";
export type {
  Command,
  CommandEntry,
  CommandTable,
  DiskUse,
  Host,
  Need,
  Option,
  OptionKind,
  OptionTable,
  OptionValue,
  Screen,
  Values,
  ValuesOf,
} from "./command.ts";
export { readCompareSides } from "./compare_sides.ts";
export { COMMANDS, findCommand, runCommand } from "./commands.ts";
export { type JsonElement, readJsonArray } from "./dataset_json_stream.ts";
export type { LengthSpec } from "./dataset_length.ts";
export type { MixClass } from "./dataset_mix.ts";
export type { SamplerName } from "./dataset_sampler.ts";
export type { Marks } from "./dataset_salt.ts";
export { DATASETS, findDataset } from "./datasets.ts";
export { type CapacityOptions, findCapacity } from "./find_capacity.ts";
export type { MetricsChoice } from "./bench_server_metrics.ts";
export type { GpuChoice } from "./gpu_sampler.ts";
export { createInterrupt, type Interrupt, type InterruptStage } from "./interrupt.ts";
export {
  createProgressLine,
  type LineOptions,
  type ProgressLine,
  type ProgressLineOptions,
  renderProgress,
} from "./live_progress.ts";
export { createLiveBoard, type LiveBoard, type LiveBoardOptions } from "./live_board.ts";
export type {
  LiveCourse,
  LiveFailure,
  LiveLatency,
  LiveLoadEnd,
  LiveServer,
  LiveState,
  LiveVerdict,
} from "./live_state.ts";
export type { AgentTold, LiveAgent, LiveFleet } from "./live_fleet.ts";
export type { LiveOver } from "./live_status.ts";
export {
  createLiveCounters,
  type LiveCounters,
  type LiveCounts,
  type LiveHistogram,
} from "./live_counters.ts";
export { type MetricsAnswer, renderPrometheus } from "./live_prometheus.ts";
export { sendRunSpans, type SpanCollector } from "./otel_run.ts";
export type { SpansSent } from "./otel_observer.ts";
export { type LiveOptions, type LiveRun, type RunWatch, startLive } from "./run_live.ts";
export { type LiveViewOptions, renderLiveView } from "./live_view.ts";
export type { CancelSpec, ClosedLoad, Load, OpenLoad, ReplayLoad, Stop, TimeSpec } from "./load.ts";
export { arrivalTimes } from "./load_arrival.ts";
export { configValues, readConfigFile, refuseMasked } from "./option_config_file.ts";
export { EXIT_CODES, type HelpOptions, renderHelp, renderOverview } from "./option_help.ts";
export { type CommandLine, completeValues, parseOptions, readCommandLine } from "./option_parse.ts";
export { keepSecrets, redactCommandLine, resolveSecrets } from "./option_secret.ts";
export { nearestName } from "./option_suggest.ts";
export type { Dataset, DatasetKind, DatasetOptions, Prompt, TokenCounter } from "./prompt.ts";
export type { Alignment } from "./record_merge_axis.ts";
export { planBench } from "./run_bench.ts";
export type { DecidedLoad, LiveLoad, LoadFinder } from "./run_finder.ts";
export type { MeetingPoint, Together } from "./run_together.ts";
export type { AgentShare, LeasedPortion } from "./agent_share.ts";
export type {
  AnyStart,
  FleetStart,
  KubernetesStart,
  SlurmStart,
  SshStart,
  StartTexts,
} from "./fleet_start.ts";
export { collectFleetRecords, type CollectOptions } from "./fleet_collect.ts";
export type { CollectedRecords } from "./fleet_records.ts";
export { leadFleet, type LeadFleetOptions } from "./fleet_lead_summary.ts";
export { renderFleetStart } from "./fleet_start_texts.ts";
export { measure } from "./run_measure.ts";
export type { SharedWires } from "./load_wires.ts";
export type { PoolPlan, RequestShare } from "./run_pool.ts";
export type { PrepareHooks } from "./run_hooks.ts";
export { prepare, type Prepared } from "./run_prepare.ts";
export type { RunMarks } from "./run_salt.ts";
export { type ListedRun, listRuns, type RunList } from "./results_list.ts";
export { resolveResults, type ResultRun } from "./results_resolve.ts";
export { shown } from "./secret.ts";
export type { ReplayPlan } from "./session_plan.ts";
export type { ModelAssignment } from "./session_models.ts";
export type { SaltScope } from "./session_salt.ts";
export type { ScheduledRow } from "./session_schedule.ts";
export { estimateCounter, loadTokenizer } from "./tokenizer.ts";
export { Patience, type PatienceOptions } from "./server_patience.ts";
export type {
  BlockIds,
  BlockPrompt,
  Chain,
  MessagesPrompt,
  Trace,
  TraceSession,
  Turn,
} from "./trace.ts";
export { type DescribeOptions, describeTrace } from "./trace_description.ts";
export type { ReadOptions } from "./trace_format.ts";
export { PerfectCache, type SeenRequest, sharingOf, type TraceSharing } from "./trace_sharing.ts";
export { readTrace } from "./traces.ts";
export { EXIT } from "./user_error.ts";
export { versionLine } from "./version.ts";
