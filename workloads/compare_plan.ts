/**
 * How many repeats it takes to find a change, printed.
 *
 * @module
 */
import { comparePlan, type PlannedFigure } from "../metrics/compare_plan.ts";
import type { CompareSide } from "../metrics/compare_result.ts";
import { sentence } from "../metrics/compare_text.ts";
import { formatCount, formatMs, formatShare, NOT_AVAILABLE } from "../metrics/format.ts";
import { jsonText } from "../metrics/report_json.ts";
import { numberColumn, textTable, wrapText } from "../metrics/report_text_table.ts";
import { visibleLines } from "../metrics/visible_text.ts";
import type { Host } from "./command.ts";
import { UserError } from "./user_error.ts";

/** What is planned for. */
interface AskedPlan {
  /** Smallest change that is to be found, as a share. */
  readonly effect: number;
  /** Figures by name; absent = the headline figures. */
  readonly figures: readonly string[] | undefined;
  readonly format: "table" | "json";
}

/**
 * Prints what it takes to find a change.
 *
 * @throws {UserError} for an unknown figure.
 */
export function printPlan(
  sides: readonly CompareSide[],
  { effect, figures, format }: AskedPlan,
  host: Pick<Host, "print" | "columns">,
): void {
  let plan;
  try {
    plan = comparePlan(sides, { effect, ...(figures === undefined ? {} : { figures }) });
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
  if (format === "json") {
    host.print(jsonText(plan));
    return;
  }
  const shown = visibleLines(plan);
  const width = Math.min(host.columns, 100);
  const answer = shown.answer.flatMap((one) => wrapText(sentence(one), width));
  for (const line of [...answer, "", ...table(shown.figures, width)]) host.print(line);
}

function table(figures: readonly PlannedFigure[], width: number): readonly string[] {
  const loads = new Set(figures.map(({ load }) => load));
  const share = (value: number | undefined) =>
    value === undefined ? NOT_AVAILABLE : formatShare(value);
  return textTable([
    { heading: "Figure", cells: figures.map(({ title }) => title), align: "left" },
    ...(loads.size > 1
      ? [{ heading: "load", cells: figures.map(({ load }) => load), align: "left" as const }]
      : []),
    numberColumn("repeats a side", figures.map(({ repeats }) => formatCount(repeats))),
    numberColumn("run to run", figures.map(({ spread }) => share(spread)), 2),
    numberColumn("of it within", figures.map(({ spreadWithin }) => share(spreadWithin)), 3),
    numberColumn("or one run of", figures.map(({ durationMs }) => formatMs(durationMs)), 1),
    {
      heading: "",
      cells: figures.map(({ reason = "" }) => reason),
      align: "left" as const,
      dropOrder: 4,
    },
  ], width);
}
