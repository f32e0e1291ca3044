/**
 * The repeats of a run in the terminal: means, what they leave open from run to run, and drift.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { numberColumn, textTable } from "./report_text_table.ts";
import type { RepeatedLoad } from "./summary_repeats.ts";
import { driftText, intervalText, percentText, withinShare } from "./summary_repeats_text.ts";

/** Figures of the table; files have all. */
const TABLE_FIGURES: readonly string[] = [
  "throughput",
  "goodput",
  "ttft:mean",
  "ttft:p99",
  "tpot:mean",
  "e2e:mean",
];

/** Lines of the table, heading first, at most `width` wide. */
export function repeatTableLines(
  repeats: readonly RepeatedLoad[],
  width: number,
): readonly string[] {
  const rows = repeats.flatMap(({ label, loads, figures }) =>
    figures.filter(({ name }) => TABLE_FIGURES.includes(name)).map((figure, i) => ({
      label: i === 0 ? `${label} × ${loads.length}` : "",
      figure,
      shown: intervalText(figure.mean, figure.interval, figure.unit),
    }))
  );
  const figures = rows.map(({ figure }) => figure);
  return textTable([
    { heading: "Repeats", cells: rows.map(({ label }) => label), align: "left" },
    { heading: "", cells: figures.map(({ title }) => title), align: "left" },
    numberColumn("mean", rows.map(({ shown }) => shown.value)),
    numberColumn("run to run", rows.map(({ shown }) => shown.ends ?? NOT_AVAILABLE)),
    numberColumn("spread", figures.map(({ cv }) => percentText(cv))),
    numberColumn("within", figures.map((one) => percentText(withinShare(one))), 1),
    numberColumn("drift", figures.map(driftText), 0),
  ], width);
}
