/**
 * Files of a comparison.
 *
 * @module
 */
import type { ComparisonReport } from "../metrics/report_compare.ts";
import { COMPARISON_REPORTS } from "../metrics/report_comparisons.ts";
import type { Host } from "./command.ts";
import { fileError } from "./user_error.ts";

/** Name of the file of a report. */
export function comparisonFile({ extension }: ComparisonReport): string {
  return `compare.${extension}`;
}

/** Writes every report that is kept into a folder. @throws {UserError} */
export async function writeComparison(
  folder: string,
  render: (report: ComparisonReport) => string,
  host: Pick<Host, "note">,
): Promise<void> {
  for (const report of COMPARISON_REPORTS.filter(({ saved }) => saved)) {
    const path = `${folder}/${comparisonFile(report)}`;
    try {
      await Deno.writeTextFile(path, render(report));
    } catch (error) {
      throw fileError(`Cannot write ${path}`, error);
    }
    host.note(`Wrote ${path}`);
  }
}
