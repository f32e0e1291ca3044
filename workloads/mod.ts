/**
 * What is sent, when, and under which name: prompts, loads, and the commands with their options.
 *
 * @module
 */
export { arrivalTimes } from "./load_arrival.ts";
export { bench, measureBench } from "./command_bench.ts";
export {
  type BenchPlan,
  type OwnPrompts,
  planBench,
  planReport,
  type ReportPlan,
} from "./bench_plan.ts";
export { configValues, readConfigFile } from "./option_config_file.ts";
export {
  defaultText,
  EXIT_CODES,
  type HelpOptions,
  optionHead,
  optionText,
  renderHelp,
  renderOverview,
  wrap,
} from "./option_help.ts";
export type { GpuChoice } from "./gpu_sampler.ts";
export {
  createInterrupt,
  type Interrupt,
  type InterruptStage,
  SAME_SIGNAL_MS,
} from "./interrupt.ts";
export { type JsonElement, parseElement, readJsonArray } from "./dataset_json_stream.ts";
export { type LengthSpec, parseLengthSpec } from "./dataset_length.ts";
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
} from "./option_parse.ts";
export { type Alignment, mergeRecordFiles } from "./record_merge.ts";
export { measure, type MeasureHooks } from "./run_measure.ts";
export { prepare, type Prepared, type PrepareHooks } from "./run_prepare.ts";
export {
  createProgressLine,
  type ProgressLine,
  type ProgressLineOptions,
  type ProgressState,
  renderProgress,
} from "./live_progress.ts";
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
  Command,
  Host,
  Option,
  OptionKind,
  OptionValue,
  Positional,
  Values,
} from "./command.ts";
export { COMMANDS } from "./commands.ts";
export { resolveSecrets, SECRET_SOURCES } from "./option_secret.ts";
export { splitShellWords } from "./shell_split.ts";
export { editDistance, nearestName } from "./option_suggest.ts";
export { EXIT, UserError } from "./user_error.ts";
export { VERSION, versionLine } from "./version.ts";
