/**
 * A search as `tokometer bench` makes it from its options.
 *
 * @module
 */
import type { MeasureValues, ReportValues } from "./bench_options.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import { planRun, type PlanSettings } from "./bench_run_plan.ts";
import type { Host } from "./command.ts";
import { createFinder, type DecidingFinder } from "./find_finder.ts";
import { axisOf, exampleValues, type FindValues, planFind } from "./find_plan.ts";
import { foresee } from "./find_loads.ts";

/** A search with everything checked, before a server is there. */
export interface PlannedSearch {
  /** Values that the plan was made from. */
  readonly values: MeasureValues;
  /** Its loads are examples. */
  readonly plan: BenchPlan;
  /** What will be measured, for people who send nothing. */
  readonly lines: () => readonly string[];
  /** What decides the loads of a run. */
  readonly finderFor: (host: Pick<Host, "note">, report: ReportPlan) => DecidingFinder;
}

/** Plans a search. @throws {UserError} for what cannot be searched, and as `planRun`. */
export async function planSearch(
  values: MeasureValues & Pick<ReportValues, "maxFailures" | "slo"> & FindValues,
  settings: PlanSettings,
): Promise<PlannedSearch> {
  const asked = planFind(values)!;
  const examples = await exampleValues(values, asked);
  const plan = await planRun(examples, settings);
  const finderFor: PlannedSearch["finderFor"] = (
    { note },
    { clientTolerancePercent, slo, sliceS },
  ) =>
    createFinder({
      ...{ asked, plan, slo },
      ...(sliceS === undefined ? {} : { sliceMs: Math.round(sliceS * 1e6) / 1000 }),
      note: (line) => note(line),
      ...(clientTolerancePercent === undefined
        ? {}
        : { clientTolerance: clientTolerancePercent / 100 }),
    });
  return {
    values: examples,
    plan,
    finderFor,
    lines: () => foresee(asked, axisOf(asked, plan), plan),
  };
}
