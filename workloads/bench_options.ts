/**
 * All options of a run that is measured, by their groups.
 *
 * @module
 */
import { LOAD_OPTIONS } from "./bench_options_load.ts";
import { DATASET_OPTIONS } from "./bench_options_prompts.ts";
import { NAME_OPTIONS, type REPORT_OPTIONS, SAVE_OPTIONS } from "./bench_options_report.ts";
import { REPEAT_OPTIONS } from "./bench_options_repeat.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import { MODELS_OPTIONS, TARGET_OPTIONS } from "./bench_options_server.ts";
import type { ValuesOf } from "./command.ts";

/** Everything about what is sent and measured: what a plan is made of. */
export const MEASURE_OPTIONS = {
  ...TARGET_OPTIONS,
  ...MODELS_OPTIONS,
  ...LOAD_OPTIONS,
  ...REPEAT_OPTIONS,
  ...DATASET_OPTIONS,
  ...REQUEST_OPTIONS,
  ...NAME_OPTIONS,
  gpu: SAVE_OPTIONS.gpu,
  serverMetrics: SAVE_OPTIONS.serverMetrics,
  witness: SAVE_OPTIONS.witness,
  calibration: SAVE_OPTIONS.calibration,
  noCalibration: SAVE_OPTIONS.noCalibration,
  saveText: { ...SAVE_OPTIONS.saveText, needs: [] },
};

/** Values of a run; options of datasets are there, too, untyped. */
export type MeasureValues = ValuesOf<typeof MEASURE_OPTIONS>;

/** Values of the report options. */
export type ReportValues = ValuesOf<typeof REPORT_OPTIONS>;
