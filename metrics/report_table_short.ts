/**
 * What a table has in place of the details of each load, where the run answers a question by many loads.
 *
 * @module
 */
import { formatCount, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import { hanging, type Page, warningLines } from "./report_table_page.ts";
import { wrapText } from "./report_text_table.ts";
import type { Summary } from "./summary.ts";
import { sharedWarnings } from "./summary_warnings.ts";
import { visibleLine } from "./visible_text.ts";

/** Whether loads are repeats of each other, sides, or probes: what is asked is no single load. */
export function isAnswered({ header, repeats, capacity, curve }: Summary): boolean {
  return [header.sides, repeats, capacity, curve].some((one) => one !== undefined);
}

/** Warnings of loads, the most serious first, those that several loads share once. */
export function sharedWarningLines(loads: readonly LoadSummary[], page: Page): readonly string[] {
  return sharedWarnings(loads).flatMap(({ message, alike, loads: of, ...check }) => {
    const share = of.length === loads.length ? "All" : `${formatCount(of.length)} of`;
    const first = loads[of[0]!]!.label;
    const where = of.length === 1
      ? first
      : `${share} ${plural(loads.length, "load")}${alike ? "" : `, first ${first}`}`;
    return warningLines([{ ...check, ok: false, message: `${where}: ${message}` }], page);
  });
}

/** Where the details of the loads are. */
export function detailsLines(
  loads: readonly LoadSummary[],
  at: string | undefined,
  { paint, width }: Page,
): readonly string[] {
  if (loads.length === 0) return [];
  const all = `Details of ${plural(loads.length, "load")}`;
  const lines = at === undefined
    ? wrapText(`${all} are printed with --details`, width)
    : hanging(`${all}:`, visibleLine(at), width);
  return lines.map((line) => paint("dim", line));
}
