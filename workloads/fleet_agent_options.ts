/**
 * Options of a run that an agent takes from its leader: what is sent and how it is judged, nothing that
 * starts, writes, listens or tells others on the agent's machine.
 *
 * @module
 */
import { MEASURE_OPTIONS } from "./bench_options.ts";
import { REPORT_OPTIONS } from "./bench_options_report.ts";
import type { OptionTable } from "./command.ts";

/** Each machine has its own, or keeps it for itself. */
const OF_EACH_MACHINE: readonly string[] = ["calibration", "saveText"];

const { slo, percentiles, clientTolerance, slices } = REPORT_OPTIONS;

/** What its own figures are judged by, as those of the whole run are. */
export const JUDGING_OPTIONS = { slo, percentiles, clientTolerance, slices };

/** What a plan may set. */
export const AGENT_OPTIONS: OptionTable = {
  ...Object.fromEntries(
    Object.entries<OptionTable[string]>(MEASURE_OPTIONS)
      .filter(([key]) => !OF_EACH_MACHINE.includes(key)),
  ),
  ...JUDGING_OPTIONS,
};
