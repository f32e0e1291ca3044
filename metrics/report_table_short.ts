/**
 * What a table has in place of the details of each load, where the run answers a question by many loads.
 *
 * @module
 */
import { type Check, warnings } from "./check.ts";
import { LOAD_CHECK_NAMES } from "./check_run.ts";
import { formatCount, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import { hanging, type Page, warningLines } from "./report_table_page.ts";
import { wrapText } from "./report_text_table.ts";
import type { Summary } from "./summary.ts";
import { visibleLine } from "./visible_text.ts";

/** Whether loads are repeats of each other, sides, or probes: what is asked is no single load. */
export function isAnswered({ header, repeats, capacity, curve }: Summary): boolean {
  return [header.sides, repeats, capacity, curve].some((one) => one !== undefined);
}

/** Warnings of loads, the most serious first, those that several loads share once, in the words of the first. */
export function sharedWarningLines(loads: readonly LoadSummary[], page: Page): readonly string[] {
  const shared = new Map<string, { readonly first: Check; readonly of: [string, string][] }>();
  for (const load of loads) {
    for (const check of warnings(load.checks)) {
      const key = sameText(check, load);
      const known = shared.get(key) ?? { first: check, of: [] };
      known.of.push([load.label, check.message]);
      shared.set(key, known);
    }
  }
  const sorted = [...shared.values()].sort((a, b) => rank(a.first) - rank(b.first));
  return sorted.flatMap(({ first, of }) => {
    const alike = of.every(([, message]) => message === first.message);
    const share = of.length === loads.length ? "All" : `${formatCount(of.length)} of`;
    const where = of.length === 1
      ? of[0]![0]
      : `${share} ${plural(loads.length, "load")}${alike ? "" : `, first ${of[0]![0]}`}`;
    return warningLines([{ ...first, message: `${where}: ${first.message}` }], page);
  });
}

function rank({ name }: Check): number {
  return LOAD_CHECK_NAMES.indexOf(name);
}

/**
 * Warnings that differ in their numbers, and in what follows a colon, say the same; of the client, those
 * that come to the same verdict and the same advice.
 */
function sameText({ name, message, advice }: Check, { verdict }: LoadSummary): string {
  if (name === "client") return `${name} ${verdict?.kind} ${advice}`;
  const [says = ""] = message.split(/[:;]/, 1);
  return `${name} ${says.replace(/\d[\d.,]*( (µs|ms|s|%))?/g, "#")}`;
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
