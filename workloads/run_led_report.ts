/**
 * What a report of a fleet's leader can be asked for: its results were added up as the run asked.
 *
 * @module
 */
import type { RunHeader } from "../metrics/run.ts";
import { parseSlo, type Slo } from "../metrics/summary_slo.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import { isLeaders, refuseLeaders } from "./record_leader.ts";

/**
 * The same report of the results that a leader has, by the run's own service level and slices.
 *
 * @throws {UserError} where single values are asked for, another service level, or other slices.
 */
export function planOfLeader(header: RunHeader, report: ReportPlan): ReportPlan {
  if (!isLeaders(header)) return report;
  const { options } = header;
  if (report.values === "raw") refuseLeaders(header, "use --values raw");
  if (report.sliceS !== undefined && report.sliceS !== (options.slices ?? 1)) {
    refuseLeaders(header, `use --slices ${report.sliceS}`);
  }
  const own = sloOf(options.slo);
  const { slo } = report;
  if (slo !== undefined && slo.limits.length > 0 && textOf(slo) !== textOf(own)) {
    refuseLeaders(header, "use another --slo than the run's");
  }
  // Limits on a load, such as ttft:p99<500, are judged by the histograms.
  const merged = slo === undefined ? own : { ...slo, limits: own?.limits ?? [] };
  return { ...report, values: "histogram", ...(merged === undefined ? {} : { slo: merged }) };
}

/** What stands in a file may be anything. */
function sloOf(text: unknown): Slo | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return parseSlo(text);
  } catch {
    return undefined;
  }
}

function textOf(slo: Slo | undefined): string {
  return JSON.stringify(slo?.limits ?? []);
}
