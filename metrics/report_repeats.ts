/**
 * One row per figure of a load that was repeated, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import type { Report } from "./report.ts";
import type { RepeatedFigure, RepeatedLoad } from "./summary_repeats.ts";
import { visibleCell } from "./visible_text.ts";

/** Header cell and where its value comes from. */
type Column = readonly [
  name: string,
  (load: RepeatedLoad, figure: RepeatedFigure) => string | number | undefined,
];

const COLUMNS: readonly Column[] = [
  ["load", ({ label }) => label],
  ["figure", (_, { name }) => name],
  ["unit", (_, { unit }) => unit],
  ["better", (_, { better }) => better],
  ["runs", (_, { values }) => values.filter((value) => value !== undefined).length],
  ["mean", (_, { mean }) => mean],
  ["interval_low", (_, { interval }) => interval?.low],
  ["interval_high", (_, { interval }) => interval?.high],
  ["std", (_, { std }) => std],
  ["cv", (_, { cv }) => cv],
  ["within_std", (_, { withinStd }) => withinStd],
  ["drift", (_, { drift }) => drift?.change],
  ["drift_share", (_, { drift }) => drift?.share],
  ["drift_p", (_, { drift }) => drift?.pValue],
  ["values", (_, { values }) => values.map((value) => value ?? "").join(" ")],
];

/**
 * Comma-separated values in a file of their own, as in the file of loads a row is a load. Times are in ms;
 * `interval_low` and `interval_high` are those of the mean from run to run.
 */
export const reportRepeats: Report = {
  name: "repeats",
  description: "One CSV row per figure of a repeated load: mean, spread from run to run, drift",
  extension: "repeats.csv",
  appliesTo: ({ repeats }) => repeats !== undefined,
  render: ({ repeats = [] }) =>
    stringify([
      COLUMNS.map(([name]) => name),
      ...repeats.flatMap((load) =>
        load.figures.map((figure) =>
          COLUMNS.map(([, value]) => visibleCell(String(value(load, figure) ?? "")))
        )
      ),
    ]),
};
