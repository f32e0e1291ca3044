/**
 * What a table says of all loads together: warnings, where details are, the answer.
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

/** Warnings of loads, the most serious first, those that several loads share once, and so is advice. */
export function sharedWarningLines(loads: readonly LoadSummary[], page: Page): readonly string[] {
  const advised = new Set<string | undefined>();
  return sharedWarnings(loads).flatMap(({ message, alike, loads: of, name, advice }) => {
    const told = advised.has(advice);
    advised.add(advice);
    const where = loads.length === 1 ? "" : `${whereText(of, loads, alike)}: `;
    const check = {
      name,
      ok: false,
      message: `${where}${message}`,
      advice: told ? undefined : advice,
    };
    return warningLines([check], page);
  });
}

/** Loads with names of their own, up to so many, are named. */
const MOST_NAMED = 3;

/** `All 4 loads`, `Both loads`, `8 users and 64 users`, `5 of 8 loads, first 8 users`. */
function whereText(of: readonly number[], loads: readonly LoadSummary[], alike: boolean): string {
  const labels = of.map((position) => loads[position]!.label);
  const first = labels[0]!;
  if (of.length === 1) return first;
  const count = plural(loads.length, "load");
  if (of.length === loads.length) {
    const all = of.length === 2 ? "Both loads" : `All ${count}`;
    return `${all}${alike ? "" : `, first ${first}`}`;
  }
  if (!alike) return `${formatCount(of.length)} of ${count}, first ${first}`;
  return of.length > MOST_NAMED
    ? `${formatCount(of.length)} of ${count}`
    : `${labels.slice(0, -1).join(", ")} and ${labels.at(-1)}`;
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

/** What the run found, and whether it stands: the last thing that is read. */
export function answerLines({ answer }: Summary, { paint, width }: Page): readonly string[] {
  const { sentence, soundness, standing } = answer;
  const style = standing === "sound" ? "dim" : standing === "doubtful" ? "yellow" : "red";
  const indented = (text: string) => wrapText(text, width - 2).map((line) => `  ${line}`);
  return [
    paint("bold", "Answer"),
    ...indented(sentence),
    ...(soundness === "" ? [] : indented(soundness).map((line) => paint(style, line))),
  ];
}
