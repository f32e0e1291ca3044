/**
 * Warnings of many loads, told once: those that say the same of several loads become one.
 *
 * @module
 */
import { type Check, warnings } from "./check.ts";
import { LOAD_CHECK_NAMES } from "./check_run.ts";
import type { LoadSummary } from "./load_summary.ts";

/** A warning with the loads that it is about. */
export interface SharedWarning extends Pick<Check, "name" | "advice"> {
  /** What was found: with the range of each number where the loads differ in nothing else, else of the first. */
  readonly message: string;
  /** Whether the message holds for all of the loads, as it stands or as a range. */
  readonly alike: boolean;
  /** Positions of the loads in the run, ascending. */
  readonly loads: readonly number[];
}

/** Warnings of the loads, the most serious first, those that several loads share once. */
export function sharedWarnings(loads: readonly LoadSummary[]): readonly SharedWarning[] {
  const shared = new Map<string, { readonly first: Check; readonly of: [number, Check][] }>();
  for (const [position, load] of loads.entries()) {
    for (const check of warnings(load.checks)) {
      const key = sameText(check, load);
      const known = shared.get(key) ?? { first: check, of: [] };
      known.of.push([position, check]);
      shared.set(key, known);
    }
  }
  const sorted = [...shared.values()].sort((a, b) => rank(a.first) - rank(b.first));
  return sorted.map(({ first: { name, advice, message: first }, of }) => {
    const message = mergedText(of.map(([, { message }]) => message));
    return {
      name,
      advice: advice && (mergedText(of.map(([, { advice = "" }]) => advice)) ?? advice),
      message: message ?? first,
      alike: message !== undefined,
      // A load may say the same twice in other words.
      loads: [...new Set(of.map(([position]) => position))],
    };
  });
}

/** Place of a check among those of loads, the most serious first. */
export function rank({ name }: Pick<Check, "name">): number {
  const at = LOAD_CHECK_NAMES.indexOf(name);
  return at < 0 ? LOAD_CHECK_NAMES.length : at;
}

/** A number with its unit; no digits of a name, such as `p99`. */
const NUMBER = /(?<![\p{L}\d.,])\d[\d.,]*(?<=\d)(?: (?:µs|ms|s|%))?(?![\d\p{L}])/gu;

/**
 * Warnings that differ in their numbers, and in what follows a colon, say the same; of the client, those
 * that come to the same verdict and the same advice.
 */
function sameText({ name, message, advice }: Check, { verdict }: LoadSummary): string {
  if (name === "client") return `${name} ${verdict?.kind} ${advice?.replace(NUMBER, "#")}`;
  const [says = ""] = message.split(/[:;]/, 1);
  return `${name} ${says.replace(NUMBER, "#")}`;
}

/** One text for several that differ in numbers only, `3 to 17 requests`; `undefined` where they differ in more. */
function mergedText(texts: readonly string[]): string | undefined {
  const [first = "", ...others] = texts;
  if (others.every((text) => text === first)) return first;
  const between = first.split(NUMBER);
  const alike = others.every((text) => text.split(NUMBER).join("\n") === between.join("\n"));
  if (!alike) return undefined;
  const numbers = texts.map((text) => text.match(NUMBER) ?? []);
  let merged = between[0]!;
  for (let i = 1; i < between.length; i++) {
    const range = rangeText(numbers.map((list) => list[i - 1]!));
    // `3 to 5–7 to 9` is no text.
    if (range.includes(" to ") && /[–/-]$/.test(between[i - 1]!)) return undefined;
    if (range.includes(" to ") && /^[–/-]/.test(between[i]!)) return undefined;
    merged += range + between[i]!;
  }
  return merged;
}

const IN_MS: Readonly<Record<string, number>> = { "µs": 0.001, ms: 1, s: 1000 };

/** `17`, `3 to 17 %`, or `900 µs to 1.2 ms`. */
function rangeText(texts: readonly string[]): string {
  const values = texts.map((text) => {
    const [number = "", unit = ""] = text.split(" ");
    return { number, unit, value: Number(number.replaceAll(",", "")) * (IN_MS[unit] ?? 1) };
  });
  values.sort((a, b) => a.value - b.value);
  const [low, high] = [values[0]!, values.at(-1)!];
  const text = ({ number, unit }: { readonly number: string; readonly unit: string }) =>
    unit === "" ? number : `${number} ${unit}`;
  if (text(low) === text(high)) return text(low);
  return `${low.unit === high.unit ? low.number : text(low)} to ${text(high)}`;
}
