/**
 * Comparisons in words and numbers, the same in the terminal, on the page and in a pull request.
 *
 * @module
 */
import type {
  ComparedFigure,
  ComparedLoad,
  CompareSide,
  Comparison,
  Difference,
  GateOutcome,
  GateResult,
  SideValue,
} from "./compare_result.ts";
import type { RunHeader, RunSide } from "./run.ts";
import { signedPercent, spanText } from "./compare_words.ts";
import {
  capitalize,
  type Doubted,
  formatDoubted,
  formatShare,
  formatValue,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import type { Figure } from "./figure.ts";
import type { Unit } from "./metric.ts";

/** Sides in tables: `A`, `B`, … */
export function sideLetter(at: number): string {
  return at < 26 ? String.fromCharCode(65 + at) : `S${at + 1}`;
}

/** Letter of the second side of a load or of a result of the gate. */
export function letterOf({ sides }: Comparison, name: string): string {
  return sideLetter(Math.max(1, sides.findIndex((side, i) => i > 0 && side.name === name)));
}

/** What a comparison is of: `candidate against baseline`, `b and c against a`. */
export function compareTitle({ sides }: Comparison): string {
  const [first, ...others] = sides.map(({ name }) => name);
  const last = others.pop() ?? NOT_AVAILABLE;
  return `${others.length > 0 ? `${others.join(", ")} and ` : ""}${last} against ${first}`;
}

/** `candidate: 3 runs, 2026-01-02 03:04, http://host, llama`. */
export function sideText({ name, runs, side }: CompareSide): string {
  const headers = runs.map(({ header }) => header);
  const began = headers.map(({ startedAt }) => startedAt).sort()[0];
  const same = (of: (header: (typeof headers)[number]) => string) =>
    [...new Set(headers.map(of))].filter((text) => text !== "");
  return [
    plural(runs.length, "run"),
    ...(began === undefined ? [] : [`${runs.length > 1 ? "from " : ""}${minute(began)}`]),
    ...same(({ url, sides }) => ownSide(sides, side)?.url ?? url).slice(0, 2),
    // That of the header is the first side's; another one stands in what differs.
    ...same(({ model, sides }) =>
      ownSide(sides, side)?.differs?.includes("model ") === true ? "" : model
    ).slice(0, 2),
    ...same(({ sides }) => ownSide(sides, side)?.differs ?? "").slice(0, 2),
    ...tagsOf(headers),
  ].reduce((text, part, i) => i === 0 ? `${name}: ${part}` : `${text}, ${part}`, name);
}

function ownSide(
  sides: RunHeader["sides"],
  side: number | undefined,
): RunSide | undefined {
  return side === undefined ? undefined : sides?.[side];
}

/** Tags that all runs of a side have. */
function tagsOf(
  headers: readonly { readonly tags?: Readonly<Record<string, string>> }[],
): string[] {
  return Object.entries(headers[0]?.tags ?? {})
    .filter(([key, value]) => headers.every(({ tags }) => tags?.[key] === value))
    .map(([key, value]) => `${key}=${value}`);
}

/** `2026-01-02 03:04`, UTC. */
function minute(startedAt: string): string {
  return startedAt.slice(0, 16).replace("T", " ");
}

/** Title of a load: `8 users, 3 and 3 repeats`, `8 users`. */
export function loadTitle({ label, repeats: [a, b] }: ComparedLoad): string {
  if (a <= 1 && b <= 1) return label;
  return a === b ? `${label}, ${plural(a, "repeat")} each` : `${label}, ${a} and ${b} repeats`;
}

/** A figure of a side; with its unit where the title does not tell it. */
export function sideValueText(
  { value }: SideValue,
  { unit, title }: Pick<Figure, "unit" | "title">,
): string {
  return unit === "share" ? formatShare(value) : formatValue(value, bareUnit(title, unit));
}

/** The same with what is open about it. */
export function doubtedSide(
  { value, bracket: client, interval: sampling }: SideValue,
  { unit, title }: Pick<Figure, "unit" | "title">,
): Doubted {
  if (unit !== "share") return formatDoubted(value, { client, sampling }, bareUnit(title, unit));
  return {
    value: formatShare(value),
    ...(sampling === undefined
      ? {}
      : { sampling: `${points(sampling.low)}–${points(sampling.high)} %` }),
  };
}

/** `+16.0 tokens/s`, `−3.1 ms`, `+0.4 points`. */
export function differenceText(
  { difference, unit, title }: Pick<ComparedFigure, "difference" | "unit" | "title">,
): string {
  const value = difference?.value;
  if (value === undefined) return NOT_AVAILABLE;
  const size = Math.abs(value);
  const text = unit === "share"
    ? `${points(size)} points`
    : formatValue(size, bareUnit(title, unit));
  return value === 0 ? text : `${value > 0 ? "+" : "−"}${text}`;
}

/** The relative change: `+4.2 %`. */
export function changeCell({ ratio }: Pick<ComparedFigure, "ratio">): string {
  return ratio === undefined ? NOT_AVAILABLE : signedPercent(ratio.value - 1);
}

/** What chance leaves open about the relative change: `+1.1 to +7.5 %`. */
export function changeIntervalCell({ ratio }: Pick<ComparedFigure, "ratio">): string {
  return ratio?.interval === undefined ? NOT_AVAILABLE : spanText(ratio.interval);
}

/** What was measured for a limit: `+3.1 %, sampling +1.1 to +5.2 %`. */
export function measuredText({ measured }: GateResult): string {
  if (measured === undefined) return "not measured";
  const { value, interval } = measured;
  if (interval === undefined) return signedPercent(value);
  const span = spanText({ low: interval.low + 1, high: interval.high + 1 });
  return `${signedPercent(value)}, sampling ${span}`;
}

/** `passed`, `undecided: the interval holds the limit`. */
export function gateResultText({ result, reason }: GateResult): string {
  return reason === undefined ? result : `${result}: ${reason}`;
}

/** Where a limit was looked at, as far as there are several places: `C, 8 users`. */
export function gatePlace(result: GateResult, comparison: Comparison): string {
  const { loads, sides } = comparison;
  return [
    ...(sides.length > 2 ? [letterOf(comparison, result.side)] : []),
    ...(new Set(loads.map(({ label }) => label)).size > 1 ? [result.load] : []),
  ].join(", ");
}

/** What the gate comes to. */
export const GATE_WORDS: Readonly<Record<GateOutcome, string>> = {
  passed: "Gate passed",
  missed: "Gate missed",
  undecided: "Gate undecided",
  refused: "No verdict",
  none: "No gate",
};

/** What differs, and where: `model`, `failed requests of 8 users`. */
export function differenceName({ what, load }: Difference): string {
  return load === undefined ? what : `${what} of ${load}`;
}

/** A sentence with a period, and a capital letter unless it begins with a name. */
export function sentence(text: string): string {
  return `${OUR_WORD.test(text) ? capitalize(text) : text}.`;
}

/** Beginnings of sentences of ours; names of figures, loads and sides stay as they are. */
const OUR_WORD =
  /^(a|an|the|no|not|none|each|every|same|single|runs?|repeats?|intervals?|whether|undecided|better|worse|this|where|neither|only|both|fewer)[ :,]/;

/** The answer without what a table of the gate shows. */
export function answerBesideGate(
  { answer, gate }: Pick<Comparison, "answer" | "gate">,
): readonly string[] {
  return answer.filter((one) => !gate.some(({ text }) => one.startsWith(text)));
}

/** No unit where the title tells it, as in `Output tokens/s`. */
function bareUnit(title: string, unit: Unit): Unit {
  return title.endsWith("/s") ? "1" : unit;
}

function points(share: number): string {
  return (share * 100).toFixed(1);
}
