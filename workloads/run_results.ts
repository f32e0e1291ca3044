/**
 * Where results go: a folder of their own, the terminal, the exit code.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import { REPORTS } from "../metrics/reports.ts";
import { RELATIVE_ERROR } from "../metrics/stat_value_histogram.ts";
import type { Run, RunHeader } from "../metrics/run.ts";
import {
  type Accumulator,
  createAccumulator,
  summarize,
  type Summary,
  type SummaryOptions,
  VALUE_KEEPINGS,
} from "../metrics/summary.ts";
import type { CapacityOutcome } from "../metrics/capacity_result.ts";
import { fleetIsBroken } from "../metrics/summary_fleet.ts";
import { LEAST_SLICE_MS } from "../metrics/summary_slices.ts";
import { needsSlo } from "../metrics/check_limit.ts";
import { limitText } from "../metrics/limit.ts";
import { limitResultText } from "../metrics/summary_text.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import { outExists } from "./record_outputs.ts";
import type { Host } from "./command.ts";
import { planOfLeader } from "./run_led_report.ts";
import { shellLine } from "./shell_split.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";

/** Name of the record file in a result folder. */
export const RECORD_FILE = "records.jsonl";

/** Where result folders are made that the user gave no name. */
export const RESULTS_FOLDER = "tokometer-results";

/**
 * Makes a new folder for results.
 *
 * @throws {UserError} when it exists or cannot be made.
 */
export async function makeResultFolder(given: string | undefined): Promise<string> {
  if (given === undefined) {
    const stamp = new Date(wallClockMs()).toISOString().slice(0, 19).replace(/:/g, "-");
    // Two runs in one second get folders of their own.
    for (let n = 1;; n++) {
      const path = `${RESULTS_FOLDER}/${stamp}${n === 1 ? "" : `-${n}`}`;
      if (await makeFolder(path)) return path;
    }
  }
  await makeNewFolder(given);
  return given;
}

/** Makes a folder that an option names. @throws {UserError} when it exists or cannot be made. */
export async function makeNewFolder(path: string, option: string = "--out"): Promise<void> {
  if (!await makeFolder(path)) throw new UserError(outExists(path, option));
}

async function makeFolder(path: string): Promise<boolean> {
  const parent = path.replace(/\/+[^/]*\/*$/, "");
  let parentMade = false;
  try {
    if (parent !== path && parent !== "") await Deno.mkdir(parent, { recursive: true });
    parentMade = true;
    await Deno.mkdir(path);
    return true;
  } catch (error) {
    // For the parent this error means that a file is in the way.
    if (parentMade && error instanceof Deno.errors.AlreadyExists) return false;
    throw fileError(`Cannot make the folder ${path}`, error);
  }
}

/** Summarizes as the options ask. */
export function summarizeFor(run: Run, report: ReportPlan): Summary {
  return summarize(run, summaryOptions(report));
}

function summaryOptions(
  { percentiles, slo, require, gpus, costPerHour, clientTolerancePercent }: ReportPlan,
): SummaryOptions {
  return {
    percentiles,
    slo,
    require,
    gpus,
    costPerHour,
    ...(clientTolerancePercent === undefined
      ? {}
      : { clientTolerance: clientTolerancePercent / 100 }),
  };
}

/**
 * Starts a summary as the options ask; without `--values`, values are kept as the run kept them. The
 * results of a fleet's leader were added up as its run asked.
 *
 * @throws {UserError} for what a leader's results do not have.
 */
export function accumulateFor(
  header: RunHeader,
  asked: ReportPlan,
  { note }: Pick<Host, "note">,
): Accumulator {
  const report = planOfLeader(header, asked);
  const values = report.values ?? header.options.values;
  const sliceS = report.sliceS ?? header.options.slices;
  return createAccumulator(header, {
    ...summaryOptions(report),
    values: VALUE_KEEPINGS.find((one) => one === values) ?? "auto",
    ...(isSliceS(sliceS) ? { sliceMs: Math.round(sliceS * 1e6) / 1000 } : {}),
    onHistogram: () =>
      note(
        "Too many values to keep them all: from here on they are counted in histograms, and " +
          `percentiles are within ±${RELATIVE_ERROR * 100} % (--values raw keeps them)`,
      ),
  });
}

/** What stands in a file may be anything. */
function isSliceS(value: unknown): value is number {
  return typeof value === "number" && value >= LEAST_SLICE_MS / 1000 && value <= 86_400;
}

/**
 * Prints the report that `--format` names, and what of `--require` was missed.
 *
 * @param detailsAt where details are that the table leaves out; absent = nowhere.
 */
export function printReport(
  summary: Summary,
  report: ReportPlan,
  host: Host,
  detailsAt?: string,
): void {
  const found = REPORTS.find(({ name }) => name === report.format) ?? REPORTS[0]!;
  const { details = false, allServerMetrics = false } = report;
  const terminal = { color: host.color, width: host.columns };
  const text = found.render(summary, { ...terminal, details, allServerMetrics, detailsAt });
  host.print(text.endsWith("\n") ? text.slice(0, -1) : text, { styled: true });
  for (const line of missedLimits(summary)) host.note(`Required: ${line}`);
}

/**
 * Where the details of a run are.
 *
 * @param results as a user names them on the command line.
 * @param page path of their report page, where there is one.
 */
export function detailsPlace(results: readonly string[], page?: string): string {
  const again = shellLine({ command: "tokometer", args: ["report", ...results, "--details"] });
  return page === undefined ? again : `${page}, or ${again}`;
}

/** Name of the page in a result folder. */
export const REPORT_PAGE = "report.html";

/** Writes the reports into a folder; returns their paths. @throws {UserError} */
export async function writeReports(
  summary: Summary,
  folder: string,
): Promise<Readonly<Record<string, string>>> {
  const paths: Record<string, string> = {};
  for (const report of REPORTS) {
    if (report.saved === false || report.appliesTo?.(summary) === false) continue;
    const path = `${folder}/report.${report.extension}`;
    try {
      await Deno.writeTextFile(path, report.render(summary));
    } catch (error) {
      throw fileError(`Cannot write ${path}`, error);
    }
    paths[report.name] = path;
  }
  return paths;
}

/** Limits of `--require` that no run can keep as it is asked: said before it, not after an hour. */
export function unreachableLimits({ require = [], slo }: ReportPlan): readonly string[] {
  if (slo !== undefined && slo.limits.length > 0) return [];
  return require.filter(needsSlo).map((limit) =>
    `--require ${
      limitText(limit)
    } will not be kept: add --slo, which says what a good request is, ` +
    "e.g. --slo ttft:500,tpot:50"
  );
}

/** Limits of `--require` that were not kept, one line each, for the user who waits for the exit code. */
export function missedLimits({ loads }: Summary): readonly string[] {
  return loads.flatMap(({ label, limits }) =>
    limits.filter(({ required, kept }) => required && kept !== true)
      .map((limit) => `${loads.length > 1 ? `${label}: ` : ""}${limitResultText(limit)}`)
  );
}

/** What a search exits with that was not interrupted. */
const SEARCH_EXITS: Readonly<Record<CapacityOutcome, number>> = {
  "found": EXIT.ok,
  "at-least": EXIT.ok,
  "below": EXIT.missed,
  "undecided": EXIT.undecided,
  "client-bound": EXIT.undecided,
  // Between two probes no load has been interrupted.
  "stopped": EXIT.interrupted,
};

/**
 * Exit code of a measured run: an interrupt wins, then the loss of the server, then that of an agent, then a
 * broken rule, then a missed limit.
 */
export function exitCode(summary: Summary, report: ReportPlan): number {
  if (summary.loads.some((load) => load.interrupted)) return EXIT.interrupted;
  if (summary.loads.some((load) => load.serverLost !== undefined)) return EXIT.failures;
  if (fleetIsBroken(summary)) return EXIT.invalid;
  // Broken loads are what a search looks for.
  if (summary.capacity !== undefined) return SEARCH_EXITS[summary.capacity.outcome];
  if (summary.curve !== undefined) return EXIT.ok;
  if (summary.scenario?.valid === false) return EXIT.invalid;
  if (missedLimits(summary).length > 0) return EXIT.missed;
  const tooMany = summary.loads.some(({ counts }) => {
    const failed = counts.failed + counts.dropped;
    const judged = counts.completed + failed;
    return judged > 0 && (100 * failed) / judged > report.maxFailuresPercent;
  });
  return tooMany ? EXIT.failures : EXIT.ok;
}
