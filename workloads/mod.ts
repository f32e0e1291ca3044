/**
 * What is sent, when, and under which name: prompts, loads, and the commands with their options.
 *
 * @module
 */
export { arrivalTimes } from "./arrival.ts";
export { bench, measureBench } from "./bench.ts";
export {
  type BenchPlan,
  type OwnPrompts,
  planBench,
  planReport,
  type ReportPlan,
} from "./bench_plan.ts";
export { configValues, readConfigFile } from "./config_file.ts";
export {
  defaultText,
  EXIT_CODES,
  type HelpOptions,
  optionHead,
  optionText,
  renderHelp,
  renderOverview,
  wrap,
} from "./help.ts";
export type { GpuChoice } from "./gpu_sampler.ts";
export {
  createInterrupt,
  type Interrupt,
  type InterruptStage,
  SAME_SIGNAL_MS,
} from "./interrupt.ts";
export { type JsonElement, parseElement, readJsonArray } from "./json_stream.ts";
export { type LengthSpec, parseLengthSpec } from "./length_spec.ts";
export { type ClosedLoad, type Load, loadLabel, type OpenLoad, type Stop } from "./load.ts";
export {
  type CommandLine,
  COMMON_OPTIONS,
  completeValues,
  convertJson,
  convertText,
  dashed,
  parseOptions,
  positionalOption,
  readCommandLine,
  redactCommandLine,
  wanted,
  withoutSecrets,
} from "./options.ts";
export { type Alignment, mergeRecordFiles } from "./merge_records.ts";
export { measure, type MeasureHooks, prepare, type Prepared } from "./measure.ts";
export {
  createProgressLine,
  type ProgressLine,
  type ProgressLineOptions,
  type ProgressState,
  renderProgress,
} from "./progress.ts";
export type { Dataset, DatasetKind, DatasetOptions, Prompt, TokenCounter } from "./prompt.ts";
export {
  openRecordFile,
  readRecordFile,
  type RecordEntry,
  type RecordSink,
  type RecordWriter,
  startRecordFile,
  streamRecordFile,
  toMicroseconds,
} from "./record_file.ts";
export type {
  Host,
  Option,
  OptionKind,
  OptionValue,
  Positional,
  Scenario,
  Values,
} from "./scenario.ts";
export { SCENARIOS } from "./scenarios.ts";
export { resolveSecrets, SECRET_SOURCES } from "./secret.ts";
export { splitShellWords } from "./shell_split.ts";
export { editDistance, nearestName } from "./suggest.ts";
export { EXIT, UserError } from "./user_error.ts";
export { VERSION, versionLine } from "./version.ts";
