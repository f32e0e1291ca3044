/**
 * The comparison at the end of a run that measured two sides by turns.
 *
 * @module
 */
import { comparePercentiles, compareRuns } from "../metrics/compare.ts";
import { compareExitCode, GATE_REPEATS, parseGate } from "../metrics/compare_gate.ts";
import type { CompareOptions, CompareSide } from "../metrics/compare_result.ts";
import { sentence } from "../metrics/compare_text.ts";
import type { ComparisonReport } from "../metrics/report_compare.ts";
import { COMPARISON_REPORTS } from "../metrics/report_comparisons.ts";
import type { Summary } from "../metrics/summary.ts";
import type { GateValues } from "./bench_options_repeat.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import type { Host } from "./command.ts";
import { parseShare } from "./compare_share.ts";
import { writeComparison } from "./compare_write.ts";
import { EXIT, UserError } from "./user_error.ts";

/** How the sides are compared. */
export interface TurnsPlan {
  readonly options: CompareOptions;
  /** What the exit code says of a gate that is undecided. */
  readonly undecided: "fail" | "pass";
  /** Name of the report on standard output. */
  readonly format: string;
}

/** @throws {UserError} for a gate or a margin that is none, and for a gate that could never be decided. */
export function planComparison(
  { gate, margin, undecided }: GateValues,
  { repeats, format }: { readonly repeats: number; readonly format: string },
): TurnsPlan {
  if (gate !== undefined && repeats < GATE_REPEATS) {
    throw new UserError(
      `Cannot decide --gate with --repeat ${repeats}: that hardly shows how much runs differ by ` +
        `themselves, give --repeat ${GATE_REPEATS} or more`,
    );
  }
  try {
    const options = {
      ...(gate === undefined ? {} : { gate: parseGate(gate) }),
      ...(margin === undefined ? {} : { margin: parseShare(margin, "--margin") }),
    };
    return { options, undecided, format };
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) {
      throw new UserError(error.message);
    }
    throw error;
  }
}

/** The report's plan with the percentiles that are compared. */
export function withComparedPercentiles(report: ReportPlan, { options }: TurnsPlan): ReportPlan {
  const all = [...report.percentiles, ...comparePercentiles(options)];
  return { ...report, percentiles: [...new Set(all)].sort((a, b) => a - b) };
}

/**
 * Compares the sides of a run: a table below its own where that is one, else the answer as a note, and
 * files beside its reports.
 *
 * @returns the exit code that a gate asks for; 0 without one.
 * @throws {UserError} when the files cannot be written.
 */
export async function compareTurns(
  summary: Summary,
  { options, undecided, format }: TurnsPlan,
  { host, folder }: { readonly host: Host; readonly folder: string | undefined },
): Promise<number> {
  const sides = (summary.header.sides ?? []).map(({ name }, side): CompareSide => ({
    ...{ name, side },
    runs: [summary],
  }));
  const comparison = compareRuns(sides, options);
  const render = (report: ComparisonReport, terminal: { color?: boolean; width?: number } = {}) =>
    report.render(comparison, sides, { undecidedPasses: undecided === "pass", ...terminal });
  const [table] = COMPARISON_REPORTS;
  if (format === "table") {
    const text = render(table!, { color: host.color, width: host.columns });
    host.print(`\n${text.replace(/\n$/, "")}`, { styled: true });
    if (comparison.refused !== undefined) host.note(`No verdict: ${comparison.refused}`);
  } else {
    for (const one of comparison.answer) host.note(sentence(one));
  }
  if (folder !== undefined) {
    await writeComparison(folder, render, { note() {} });
    host.note(`Compare: ${folder}/compare.html`);
  }
  return options.gate === undefined ? EXIT.ok : compareExitCode(comparison, { undecided });
}
