/**
 * A run in another tool's numbers as text: its figures, and why they differ from ours.
 *
 * @module
 */
import type { SpokenLoad, SpokenRun } from "./dialects.ts";
import type { ExplainedFigure, SpokenFigure } from "./dialect_explain.ts";
import { NOT_AVAILABLE } from "./format.ts";
import { numberColumn, textTable, wrapText } from "./report_text_table.ts";
import { visibleLine } from "./visible_text.ts";

/** Digits in which two tools' numbers are told apart. */
const DIGITS = 6;

/** Columns of a terminal where none are given. */
const WIDTH = 100;

/** Lines of the figures that the tool would have printed, beside ours. */
export function dialectTable(run: SpokenRun, width: number = WIDTH): string {
  return text(run, width, (load) => figureTable(load, run.name, width), [
    `Why each differs, and by how much: tokometer explain --as ${run.name}`,
  ]);
}

/** Lines of the figures with what makes each of them differ from ours. */
export function explanationTable(
  run: SpokenRun<ExplainedFigure>,
  width: number = WIDTH,
): string {
  return text(run, width, (load) => [
    ...causeTable(load, run.name, width),
    ...definitionLines(load, run.name, width),
  ], []);
}

function text<Figure extends SpokenFigure>(
  run: SpokenRun<Figure>,
  width: number,
  linesOf: (load: SpokenLoad<Figure>) => readonly string[],
  end: readonly string[],
): string {
  const { title, version, loads, missing } = run;
  return [
    ...wrapText(`As ${title} ${version} would have counted the same events`, width),
    ...loads.flatMap((load) => ["", visibleLine(load.label), "", ...linesOf(load)]),
    "",
    "Not in the records:",
    ...missing.flatMap((sentence) => item(`${sentence}.`, width)),
    ...(end.length === 0 ? [] : ["", ...end]),
  ].join("\n");
}

function figureTable(
  { figures }: SpokenLoad,
  name: string,
  width: number,
): readonly string[] {
  return textTable([
    { heading: "", cells: figures.map(({ title }) => title), align: "left" },
    numberColumn(name, figures.map(({ theirs }) => precise(theirs))),
    numberColumn(
      "tokometer",
      figures.map(({ ours, how }) => how === undefined ? precise(ours) : "–"),
    ),
  ], width);
}

function causeTable(
  { figures }: SpokenLoad<ExplainedFigure>,
  name: string,
  width: number,
): readonly string[] {
  const numbers = textTable([
    { heading: "", cells: figures.map(({ title }) => title), align: "left" },
    numberColumn(
      "tokometer",
      figures.map(({ ours, how }) => how === undefined ? precise(ours) : "–"),
    ),
    numberColumn(name, figures.map(({ theirs }) => precise(theirs))),
    numberColumn("differs by", figures.map(differenceOf)),
  ], width);
  return numbers.flatMap((line, row) =>
    row === 0 ? [line] : [line, ...reasons(figures[row - 1]!).flatMap((one) => item(one, width))]
  );
}

function differenceOf({ theirs, ours }: ExplainedFigure): string {
  if (theirs === undefined || ours === undefined) return "–";
  return isRounding(theirs - ours, theirs) ? "0" : signed(theirs - ours);
}

/** What binary fractions add when the same numbers are computed another way. */
function isRounding(size: number | undefined, of: number | undefined): boolean {
  return size !== undefined && of !== undefined && Math.abs(size) < 1e-9 * Math.abs(of);
}

/** Causes of more than rounding. */
function realCauses({ causes, theirs }: ExplainedFigure): ExplainedFigure["causes"] {
  return causes.filter(({ size }) => !isRounding(size, theirs));
}

function reasons(figure: ExplainedFigure): readonly string[] {
  const { how, unit } = figure;
  if (how !== undefined) return [how];
  return realCauses(figure).map(({ title, size }) =>
    `${size === undefined ? NOT_AVAILABLE : `${signed(size)} ${unit}`.trim()} ${title}`
  );
}

/** Each definition that made a difference, in the words of both. */
function definitionLines(
  { figures }: SpokenLoad<ExplainedFigure>,
  name: string,
  width: number,
): readonly string[] {
  const causes = figures.flatMap(realCauses);
  const lines = new Set(
    causes.map(({ title, ours, theirs }) => `${title}: tokometer ${ours}; ${name} ${theirs}`),
  );
  if (lines.size === 0) return ["", "No definition made a difference in this load."];
  return ["", "Definitions:", ...[...lines].flatMap((line) => item(`${line}.`, width))];
}

function item(sentence: string, width: number): readonly string[] {
  return wrapText(sentence, width - 4).map((line, i) => `${i === 0 ? "  - " : "    "}${line}`);
}

function precise(value: number | undefined): string {
  if (value === undefined) return NOT_AVAILABLE;
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(DIGITS)));
}

function signed(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return rounded > 0 ? `+${rounded}` : String(rounded).replace("-", "−");
}
