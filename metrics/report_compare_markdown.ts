/**
 * A comparison for a pull request or the summary of a job: GitHub's Markdown.
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
import { plural } from "./format.ts";
import type { ComparisonReport } from "./report_compare.ts";
import { visibleLine } from "./visible_text.ts";

/** Markdown as a report. */
export const compareMarkdown: ComparisonReport = {
  name: "markdown",
  description: "For a pull request or a job's summary: the answer, what differs, folded figures",
  extension: "md",
  saved: true,
  render: renderMarkdown,
};

/** Signs that GitHub shows; the words stand beside them. */
const SIGNS: Readonly<Record<CompareVerdict | GateResult["result"], string>> = {
  better: "🟢",
  passed: "🟢",
  worse: "🔴",
  missed: "🔴",
  same: "⚪",
  undecided: "🟡",
};

function renderMarkdown(comparison: Comparison, sides: readonly CompareSide[]): string {
  const blocks = [
    headBlock(comparison, sides),
    answerBesideGate(comparison).map((one) => plain(sentence(one))).join("\n\n"),
    differenceBlock(comparison),
    gateBlock(comparison),
    ...comparison.loads.map((load) => loadBlock(load, comparison)),
    comparison.remarks.map((remark) => `- ${plain(sentence(remark))}`).join("\n"),
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

function headBlock(comparison: Comparison, sides: readonly CompareSide[]): string {
  const outcome = gateOutcome(comparison);
  const gate = outcome === "none" ? "" : `${GATE_WORDS[outcome]}: `;
  return [
    `### ${gate}${plain(compareTitle(comparison))}`,
    "",
    ...sides.map((side, i) => `- **${sideLetter(i)}** ${plain(sideText(side))}`),
  ].join("\n");
}

function differenceBlock({ differences, sides }: Comparison): string {
  if (differences.length === 0) return "Nothing else differs between the sides.";
  const table = markdownTable(
    ["What differs", ...sides.map((_, i) => sideLetter(i)), ""],
    differences.map((one) => [
      differenceName(one),
      ...sides.map((_, i) => one.values[i] ?? ""),
      one.fatal ? "no verdict" : "",
    ]),
  );
  // What makes a verdict meaningless stands in the open.
  return differences.some(({ fatal }) => fatal)
    ? table
    : folded(plural(differences.length, "thing differs", "things differ"), table);
}

function gateBlock(comparison: Comparison): string {
  const { gate } = comparison;
  if (gate.length === 0) return "";
  return markdownTable(
    ["Limit", "load", "change", "result"],
    gate.map((result) => [
      result.text,
      gatePlace(result, comparison) || result.load,
      measuredText(result),
      `${SIGNS[result.result]} ${gateResultText(result)}`,
    ]),
  );
}

function loadBlock(load: ComparedLoad, comparison: Comparison): string {
  const { figures, refused } = load;
  const letter = letterOf(comparison, load.side);
  const title = `${loadTitle(load)}${comparison.sides.length > 2 ? `, ${letter} against A` : ""}`;
  if (refused !== undefined) return `**${plain(title)}**: no verdict, ${plain(refused)}`;
  const judged = comparison.refused === undefined;
  const row = (one: ComparedFigure) => [
    one.title,
    sideValueText(one.a, one),
    sideValueText(one.b, one),
    differenceText(one),
    changeCell(one),
    changeIntervalCell(one),
    ...(judged ? [`${SIGNS[one.verdict]} ${one.verdict}`] : []),
  ];
  const table = markdownTable(
    [
      "Figure",
      "A",
      letter,
      "difference",
      "change",
      "sampling 95 %",
      ...(judged ? ["verdict"] : []),
    ],
    figures.map(row),
    { numbers: [1, 2, 3, 4, 5] },
  );
  const changed = figures.filter(({ verdict }) => verdict === "better" || verdict === "worse");
  const summary = changed.length === 0
    ? `${title}: ${plural(figures.length, "figure")}`
    : `${title}: ${changed.length} of ${plural(figures.length, "figure")} changed`;
  return folded(summary, table);
}

/** A part that is opened by a click. */
function folded(summary: string, content: string): string {
  return `<details><summary>${plain(summary)}</summary>\n\n${content}\n\n</details>`;
}

function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { numbers = [] }: { readonly numbers?: readonly number[] } = {},
): string {
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(" | ")} |`;
  const rule = `| ${headings.map((_, i) => numbers.includes(i) ? "--:" : ":--").join(" | ")} |`;
  return [line(headings), rule, ...rows.map(line)].join("\n");
}

/**
 * A text in one line in which nothing is markup: no link, mention, image, HTML, or end of a cell.
 */
export function plain(text: string): string {
  return visibleLine(text)
    .replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]!)
    .replace(/[\\`*_[\]#|~$]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    // Mentions of people and of issues, and addresses that would become links.
    .replace(/@/g, "&#64;")
    .replace(/:\/\//g, "&#58;//")
    .replace(/\bwww\./gi, "www&#46;");
}
