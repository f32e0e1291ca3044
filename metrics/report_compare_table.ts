/**
 * A comparison in the terminal: what differs, the answer, then the figures of each load.
 *
 * @module
 */
import { gateOutcome } from "./compare_gate.ts";
import type {
  ComparedFigure,
  ComparedLoad,
  CompareSide,
  CompareVerdict,
  Comparison,
  GateResult,
} from "./compare_result.ts";
import {
  answerBesideGate,
  changeCell,
  changeIntervalCell,
  compareTitle,
  differenceName,
  differenceText,
  GATE_WORDS,
  gatePlace,
  gateResultText,
  letterOf,
  loadTitle,
  measuredText,
  sentence,
  sideLetter,
  sideText,
  sideValueText,
} from "./compare_text.ts";
import type { RenderOptions } from "./report.ts";
import type { ComparisonReport } from "./report_compare.ts";
import { numberColumn, type TextColumn, textTable, wrapText } from "./report_text_table.ts";
import { visibleLines } from "./visible_text.ts";

/** The table as a report. */
export const compareTable: ComparisonReport = {
  name: "table",
  description: "What differs, the answer, and the figures of each load, for a terminal",
  extension: "txt",
  saved: false,
  render: (comparison, sides, options) => renderComparison(comparison, sides, options),
};

const MAX_WIDTH = 100;

type Style = "bold" | "dim" | "red" | "green" | "yellow";

const SGR: Readonly<Record<Style, string>> = {
  bold: "1",
  dim: "2",
  red: "31",
  green: "32",
  yellow: "33",
};

const VERDICT_STYLE: Readonly<Record<CompareVerdict | GateResult["result"], Style>> = {
  better: "green",
  passed: "green",
  worse: "red",
  missed: "red",
  same: "bold",
  undecided: "dim",
};

interface Page {
  readonly paint: (style: Style, text: string) => string;
  readonly width: number;
}

function renderComparison(
  given: Comparison,
  sides: readonly CompareSide[],
  { color = false, width = MAX_WIDTH }: RenderOptions = {},
): string {
  // Names and tags are words of others.
  const comparison = visibleLines(given);
  const page: Page = {
    paint: color ? (style, text) => `\x1b[${SGR[style]}m${text}\x1b[0m` : (_, text) => text,
    width: Math.min(width, MAX_WIDTH),
  };
  const blocks = [
    headLines(comparison, sides, page),
    differenceLines(comparison, page),
    answerLines(comparison, page),
    ...comparison.loads.map((load) => loadLines(load, comparison, page)),
    gateLines(comparison, page),
    remarkLines(comparison, page),
  ];
  return blocks.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function headLines(
  comparison: Comparison,
  sides: readonly CompareSide[],
  { paint, width }: Page,
): readonly string[] {
  return [
    ...wrapText(compareTitle(comparison), width).map((line) => paint("bold", line)),
    ...sides.flatMap((side, i) =>
      hanging(`${sideLetter(i)}  `, visibleLines(sideText(side)), width)
        .map((line) => paint("dim", line))
    ),
  ];
}

function differenceLines(
  { differences, sides }: Comparison,
  { paint, width }: Page,
): readonly string[] {
  if (differences.length === 0) return ["Nothing else differs between the sides"];
  const names = differences.map(differenceName);
  const most = Math.max(...names.map(({ length }) => length), FATAL.length);
  const room = Math.max(16, Math.floor((width - most - FATAL.length - 4) / sides.length) - 2);
  const [heading, ...rows] = textTable([
    text("What differs", names),
    ...sides.map((_, i) =>
      text(sideLetter(i), differences.map(({ values }) => shortened(values[i] ?? "", room)))
    ),
    text("", differences.map(({ fatal }) => fatal ? FATAL : "")),
  ], width);
  return [
    paint("dim", heading!),
    ...rows.map((row, i) => differences[i]!.fatal ? paint("red", row) : row),
  ];
}

/** Mark of a difference that makes a verdict meaningless. */
const FATAL = "no verdict";

/** A value of a table of differences: long lists and addresses are cut. */
function shortened(value: string, most: number): string {
  return value.length > most ? `${value.slice(0, most - 1)}…` : value;
}

function answerLines(comparison: Comparison, { paint, width }: Page): readonly string[] {
  const answer = answerBesideGate(comparison);
  const first = comparison.gate.length > 0 || answer.length === 1;
  return answer.flatMap((one, i) =>
    wrapText(sentence(one), width).map((line) => i === 0 && first ? paint("bold", line) : line)
  );
}

function loadLines(
  load: ComparedLoad,
  comparison: Comparison,
  { paint, width }: Page,
): readonly string[] {
  const { figures, refused } = load;
  const judged = (comparison.refused ?? refused) === undefined;
  const letter = letterOf(comparison, load.side);
  const against = comparison.sides.length > 2 ? `, ${letter} against A` : "";
  const title = [
    ...wrapText(`${loadTitle(load)}${against}`, width).map((line) => paint("bold", line)),
    ...(refused === undefined ? [] : hanging("No verdict: ", refused, width)),
  ];
  if (figures.length === 0) return [...title, "No figure was measured on both sides"];
  const column = (heading: string, cell: (figure: ComparedFigure) => string, dropOrder?: number) =>
    numberColumn(heading, figures.map(cell), dropOrder);
  const [heading, ...rows] = textTable([
    text("Figure", figures.map((one) => one.title)),
    column("A", (one) => sideValueText(one.a, one), 0),
    column(letter, (one) => sideValueText(one.b, one), 0),
    column("difference", differenceText, 1),
    column("change", changeCell),
    column("sampling 95 %", changeIntervalCell),
    ...(judged ? [text("verdict", figures.map(({ verdict }) => verdict))] : []),
  ], width);
  return [
    ...title,
    paint("dim", heading!),
    ...rows.map((row, i) => {
      if (!judged) return row;
      const { verdict } = figures[i]!;
      // The last one: a figure may have the same word in its name.
      const at = row.lastIndexOf(verdict);
      return row.slice(0, at) + paint(VERDICT_STYLE[verdict], verdict) +
        row.slice(at + verdict.length);
    }),
    ...(judged ? reasonLines(load, width).map((line) => paint("dim", line)) : []),
  ];
}

/** Most reasons of a load. */
const REASONS = 5;

/** Why figures are undecided, but for the reason that most have. */
function reasonLines({ figures }: ComparedLoad, width: number): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const { verdict, reason = "", title } of figures) {
    if (verdict === "undecided") byReason.set(reason, [...byReason.get(reason) ?? [], title]);
  }
  const [usual = "", count = 0] =
    [...byReason].map(([reason, titles]) => [reason, titles.length] as const).toSorted((
      [, a],
      [, b],
    ) => b - a)[0] ?? [];
  const others = [...byReason].filter(([reason]) => reason !== usual);
  return [
    ...(usual === "" ? [] : hanging("  ", `undecided, ${count}: ${usual}`, width)),
    ...others.slice(0, REASONS).flatMap(([reason, titles]) =>
      hanging("  ", `undecided, ${titles.join(", ")}: ${reason}`, width)
    ),
    ...(others.length > REASONS ? [`  and ${others.length - REASONS} other reasons`] : []),
  ];
}

function gateLines(comparison: Comparison, { paint, width }: Page): readonly string[] {
  const { gate } = comparison;
  if (gate.length === 0) return [];
  const outcome = gateOutcome(comparison);
  return [
    paint("bold", GATE_WORDS[outcome]),
    ...gate.flatMap((result) => {
      const place = gatePlace(result, comparison);
      const lines = hanging(
        "  ",
        `${result.text}${place === "" ? "" : ` (${place})`}: ${measuredText(result)}; ` +
          gateResultText(result),
        width,
      );
      return lines.map((line) => paint(VERDICT_STYLE[result.result], line));
    }),
  ];
}

function remarkLines({ remarks }: Comparison, { paint, width }: Page): readonly string[] {
  return remarks.flatMap((remark) =>
    hanging("- ", sentence(remark), width).map((line) => paint("dim", line))
  );
}

function text(heading: string, cells: readonly string[], dropOrder?: number): TextColumn {
  return { heading, cells, align: "left", dropOrder };
}

/** Lines that stand behind a mark. */
function hanging(mark: string, given: string, width: number): readonly string[] {
  const indent = " ".repeat(mark.length);
  return wrapText(given, width - mark.length).map((line, i) => (i === 0 ? mark : indent) + line);
}
