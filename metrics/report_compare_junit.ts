/**
 * A comparison as test results, for whatever reads JUnit XML: each limit of the gate is a test; without
 * a gate each figure is one that passes.
 *
 * @module
 */
import { gateOutcome } from "./compare_gate.ts";
import type { CompareSide, Comparison } from "./compare_result.ts";
import {
  changeCell,
  changeIntervalCell,
  compareTitle,
  gateResultText,
  measuredText,
} from "./compare_text.ts";
import type { CompareRenderOptions, ComparisonReport } from "./report_compare.ts";
import { visibleLine } from "./visible_text.ts";

/** JUnit XML as a report. */
export const compareJunit: ComparisonReport = {
  name: "junit",
  description: "JUnit XML: each limit of the gate is a test",
  extension: "xml",
  saved: true,
  render: renderJunit,
};

/** A test and what is wrong with it. */
interface TestCase {
  readonly suite: string;
  readonly name: string;
  readonly text: string;
  readonly problem?: { readonly kind: "failure" | "error" | "skipped"; readonly type: string };
}

function renderJunit(
  comparison: Comparison,
  _: readonly CompareSide[],
  { undecidedPasses = false }: CompareRenderOptions = {},
): string {
  const cases = casesOf(comparison, undecidedPasses);
  const count = (kind: "failure" | "error" | "skipped") =>
    cases.filter(({ problem }) => problem?.kind === kind).length;
  const counts = `tests="${cases.length}" failures="${count("failure")}" errors="${
    count("error")
  }" skipped="${count("skipped")}"`;
  const title = attribute(compareTitle(comparison));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="tokometer compare" ${counts}>`,
    `<testsuite name="${title}" ${counts}>`,
    ...cases.map(caseText),
    ...(comparison.answer.length === 0
      ? []
      : [`<system-out>${content(comparison.answer.join(".\n"))}</system-out>`]),
    "</testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function casesOf(comparison: Comparison, undecidedPasses: boolean): readonly TestCase[] {
  const { refused, gate, loads } = comparison;
  if (refused !== undefined) {
    return [{
      suite: compareTitle(comparison),
      name: "the sides can be compared",
      text: refused,
      problem: { kind: "error", type: "refused" },
    }];
  }
  const kept = loads.filter((load) => load.refused !== undefined).map((load): TestCase => ({
    suite: suiteName(load.side, load.label),
    name: "the load can be compared",
    text: load.refused!,
    problem: { kind: "error", type: "refused" },
  }));
  if (gateOutcome(comparison) !== "none") {
    return [
      ...kept,
      ...gate.map((result): TestCase => ({
        suite: suiteName(result.side, result.load),
        name: result.text,
        text: `${measuredText(result)}; ${gateResultText(result)}`,
        ...(result.result === "passed" ? {} : {
          problem: {
            kind: result.result === "undecided" && undecidedPasses ? "skipped" : "failure",
            type: result.result,
          },
        }),
      })),
    ];
  }
  return [
    ...kept,
    ...loads.filter((load) => load.refused === undefined).flatMap((load) =>
      load.figures.map((figure): TestCase => ({
        suite: suiteName(load.side, load.label),
        name: figure.name,
        text: `${changeCell(figure)}, sampling ${changeIntervalCell(figure)}; ${figure.verdict}`,
      }))
    ),
  ];
}

/** Readers of the format group by it, and take dots for folders. */
function suiteName(side: string, load: string): string {
  return `${side}, ${load}`;
}

function caseText({ suite, name, text, problem }: TestCase): string {
  const head = `<testcase classname="${attribute(suite)}" name="${attribute(name)}" time="0">`;
  const inner = problem === undefined
    ? `<system-out>${content(text)}</system-out>`
    : problem.kind === "skipped"
    ? `<skipped message="${attribute(text)}"/>`
    : `<${problem.kind} type="${problem.type}" message="${attribute(text)}">${
      content(text)
    }</${problem.kind}>`;
  return `${head}${inner}</testcase>`;
}

/** Escapes a text of several lines for the content of an element. */
function content(text: string): string {
  return text.split("\n").map(attribute).join("\n");
}

/** Escapes a text for an attribute in double quotes; what XML cannot hold is �. */
function attribute(text: string): string {
  return visibleLine(text).replace(
    /[&<>"']/g,
    (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" })[sign]!,
  );
}
