/**
 * The answer of a comparison in sentences, and what the reader has to know about it.
 *
 * @module
 */
import type {
  ComparedFigure,
  ComparedLoad,
  CompareVerdict,
  Comparison,
  GateResult,
} from "./compare_result.ts";
import { gateOutcome } from "./compare_gate.ts";
import { changeText, formatPercent, signedPercent, spanText } from "./compare_words.ts";
import { plural } from "./format.ts";

/** Changes that a sentence names; the others are counted. */
const NAMED = 4;

/** Undecided figures that it names. */
const OPEN = 2;

/** Figures of which a sentence speaks first. */
const FIRST: readonly string[] = ["throughput", "ttft:p99", "itl:p99", "ttft:p50", "itl:mean"];

type Told = Omit<Comparison, "answer" | "remarks">;

/** The answer, each sentence without a period. */
export function answerOf(comparison: Told): readonly string[] {
  if (comparison.refused !== undefined) return [`no verdict: ${comparison.refused}`];
  return [
    ...gateSentences(comparison),
    ...comparison.loads.map((load) => loadSentence(load, comparison)),
  ];
}

function gateSentences(comparison: Told): readonly string[] {
  const { gate } = comparison;
  if (gate.length === 0) return [];
  const outcome = gateOutcome(comparison);
  const verb = outcome === "refused" ? "cannot be judged" : `is ${outcome}`;
  const count = (result: GateResult["result"]) =>
    gate.filter((one) => one.result === result).length;
  const parts = (["missed", "undecided", "passed"] as const)
    .filter((result) => count(result) > 0)
    .map((result) => `${count(result)} ${result}`);
  const worst = gate.filter(({ result }) => result !== "passed").slice(0, NAMED);
  return [
    `the gate ${verb}: ${plural(gate.length, "limit")}, ${parts.join(", ")}`,
    ...worst.map((one) => `${gateName(one, comparison)} ${gateText(one)}`),
  ];
}

function gateName({ text, load, side }: GateResult, { loads, sides }: Told): string {
  const where = [
    ...(sides.length > 2 ? [side] : []),
    ...(new Set(loads.map(({ label }) => label)).size > 1 ? [load] : []),
  ];
  return where.length === 0 ? text : `${text} (${where.join(", ")})`;
}

function gateText({ result, measured, reason }: GateResult): string {
  const why = reason === undefined ? "" : `, ${reason}`;
  if (measured === undefined) return `is ${result}${why}`;
  const { value, interval } = measured;
  const ends = interval === undefined
    ? ""
    : ` (95 %: ${signedPercent(interval.low).replace(" %", "")} to ${
      signedPercent(interval.high)
    })`;
  return `is ${result}: ${signedPercent(value)}${ends}${why}`;
}

function loadSentence(load: ComparedLoad, { margin, loads, sides }: Told): string {
  const where = new Set(loads.map(({ label }) => label)).size > 1 ? `${load.label}: ` : "";
  const [first] = sides;
  if (load.refused !== undefined) {
    return `${where}no verdict on ${load.side}: ${load.refused}`;
  }
  const of = (verdict: CompareVerdict) => load.figures.filter((one) => one.verdict === verdict);
  const [worse, better, same, undecided] = [of("worse"), of("better"), of("same"), of("undecided")];
  const decided = [...worse, ...better];
  const open = inFront(undecided).flatMap(({ title, ratio }) =>
    ratio?.interval === undefined ? [] : [`${title} (95 %: ${spanText(ratio.interval)})`]
  ).slice(0, OPEN);
  if (decided.length === 0) {
    const [only] = load.figures;
    if (load.figures.length === 1 && only?.verdict === "same") {
      const ends = only.ratio?.interval;
      return `${where}${load.side} is the same as ${first?.name} in ${only.title} within ${
        formatPercent(margin)
      }${ends === undefined ? "" : ` (95 %: ${spanText(ends)})`}`;
    }
    const such = open.length === 0 ? "" : `: ${open.join(", ")}`;
    return same.length === 0
      ? `${where}whether ${load.side} differs from ${first?.name} is undecided${such}`
      : `${where}${load.side} against ${first?.name}: ${
        undecided.length === 0 ? "all" : `${same.length} of`
      } ${plural(load.figures.length, "figure")} are the same within ${formatPercent(margin)}${
        undecided.length === 0
          ? ""
          : `, ${undecided.length} undecided${such.replace(":", ", such as")}`
      }`;
  }
  const named = inFront(decided).slice(0, NAMED);
  const others = decided.length - named.length;
  const rest = [
    ...(others > 0
      ? [
        `${plural(others, "other figure")} ${others === 1 ? "is" : "are"} ${
          worse.length === 0 ? "better" : better.length === 0 ? "worse" : "better or worse"
        } too`,
      ]
      : []),
    ...(same.length > 0 ? [`${same.length} the same within ${formatPercent(margin)}`] : []),
    ...(undecided.length > 0 ? [`${undecided.length} undecided`] : []),
  ];
  return `${where}${load.side} is ${named.map(changeText).join(", ")} than ${first?.name}${
    rest.length === 0 ? "" : `; ${rest.join(", ")}`
  }`;
}

function inFront(figures: readonly ComparedFigure[]): readonly ComparedFigure[] {
  const rank = ({ name }: ComparedFigure) => {
    const at = FIRST.indexOf(name);
    return at < 0 ? FIRST.length : at;
  };
  return figures.toSorted((one, other) => rank(one) - rank(other));
}
