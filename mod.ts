/**
 * Tokometer's public surface: what measures, what is measured, and what the numbers mean.
 *
 * @module
 */
export { type Clock, systemClock } from "./backends/clock.ts";
export { configValues, readConfigFile } from "./workloads/config_file.ts";
export {
  defaultText,
  EXIT_CODES,
  type HelpOptions,
  optionHead,
  optionText,
  renderHelp,
  renderOverview,
} from "./workloads/help.ts";
export { createInterrupt, type Interrupt, type InterruptStage } from "./workloads/interrupt.ts";
export {
  type CommandLine,
  COMMON_OPTIONS,
  completeValues,
  parseOptions,
  readCommandLine,
  redactCommandLine,
  withoutSecrets,
} from "./workloads/options.ts";
export {
  createProgressLine,
  type ProgressLine,
  type ProgressLineOptions,
  type ProgressState,
  renderProgress,
} from "./workloads/progress.ts";
export type {
  Host,
  Option,
  OptionKind,
  OptionValue,
  Positional,
  Scenario,
  Values,
} from "./workloads/scenario.ts";
export { SCENARIOS } from "./workloads/scenarios.ts";
export { resolveSecrets } from "./workloads/secret.ts";
export { nearestName } from "./workloads/suggest.ts";
export { EXIT, UserError } from "./workloads/user_error.ts";
export { VERSION } from "./workloads/version.ts";
