/**
 * What a change is for the user: better, worse, the same, or undecided.
 *
 * @module
 */
import type { Change } from "./compare_change.ts";
import type { ComparedFigure, CompareVerdict, SideValue } from "./compare_result.ts";
import { plural } from "./format.ts";
import type { Interval } from "./load_interval.ts";
import { formatPercent, signedPercent, spanText } from "./compare_words.ts";

/** Chance of a false better or worse among all figures that are judged together. */
export const LEVEL = 0.05;

/** A figure with its change, before it is judged. */
export interface JudgedChange {
  /** First side. */
  readonly a: SideValue;
  /** The other side. */
  readonly b: SideValue;
  /** Absent = a side has no value. */
  readonly change: Change | undefined;
  /** p-value by Holm. */
  readonly adjustedPValue: number | undefined;
  /** How many figures are judged together. */
  readonly family: number;
}

/** A verdict, and why it is undecided. */
export type Judgement = Pick<ComparedFigure, "verdict" | "reason">;

/**
 * p-values of figures that are judged together (Holm, A simple sequentially rejective multiple test
 * procedure, 1979); absent ones stay so and count.
 */
export function holm(pValues: readonly (number | undefined)[]): readonly (number | undefined)[] {
  const order = pValues.map((p, i) => ({ p: p ?? 1, i })).sort((one, other) => one.p - other.p);
  const adjusted = new Array<number | undefined>(pValues.length).fill(undefined);
  let largest = 0;
  for (const [rank, { p, i }] of order.entries()) {
    largest = Math.max(largest, Math.min(1, p * (pValues.length - rank)));
    if (pValues[i] !== undefined) adjusted[i] = largest;
  }
  return adjusted;
}

/** The change that the two brackets leave open where chance leaves none: b ÷ a; absent = unknown. */
export function clientRatio({ a, b }: Pick<JudgedChange, "a" | "b">): Interval | undefined {
  if (a.bracket === undefined || b.bracket === undefined) return undefined;
  if (!(a.bracket.low > 0) || !(b.bracket.low >= 0)) {
    return { low: 0, high: Infinity };
  }
  return { low: b.bracket.low / a.bracket.high, high: b.bracket.high / a.bracket.low };
}

/** Judges a change: `same` wins, then better and worse, else it is undecided for a reason. */
export function judge(
  judged: JudgedChange,
  { better, margin }: { readonly better: ComparedFigure["better"]; readonly margin: number },
): Judgement {
  const { a, b, change, adjustedPValue, family } = judged;
  if (change === undefined) return undecided(missing(a, b));
  const { difference: { interval }, ratio, absent, pValue } = change;
  if (interval === undefined) return undecided(absent ?? "what chance leaves open is not known");
  const client = clientRatio(judged);
  const near = ratio?.interval;
  if (near !== undefined ? isInside(near, margin) : interval.low === 0 && interval.high === 0) {
    return client === undefined || isInside(client, margin)
      ? { verdict: "same", reason: undefined }
      : undecided(
        `the client leaves ${spanText(client)} open, more than the margin of ${
          formatPercent(margin)
        }`,
      );
  }
  if (interval.low <= 0 && interval.high >= 0) {
    return undecided(
      near === undefined
        ? "the interval holds no change"
        : `the interval holds no change, and more than the margin of ${formatPercent(margin)}`,
    );
  }
  if (adjustedPValue === undefined || adjustedPValue > LEVEL) {
    return undecided(
      `among ${plural(family, "figure")} one may look so by chance (p ${pText(pValue)}, by Holm ${
        pText(adjustedPValue)
      })`,
    );
  }
  if (client !== undefined && client.low <= 1 && client.high >= 1) {
    return undecided(
      `the client leaves ${spanText(client)} open, more than the difference of ${
        signedPercent((ratio?.value ?? NaN) - 1)
      }`,
    );
  }
  if (better === "neither") return undecided("it changed, and neither direction is better");
  const verdict: CompareVerdict = (interval.low > 0) === (better === "higher") ? "better" : "worse";
  return { verdict, reason: undefined };
}

/** Whether a ratio lies within the margin around 1. */
function isInside({ low, high }: Interval, margin: number): boolean {
  return low >= 1 - margin && high <= 1 + margin;
}

function missing(a: SideValue, b: SideValue): string {
  const neither = a.value === undefined && b.value === undefined;
  return neither
    ? "neither side has a value"
    : `the ${a.value === undefined ? "first" : "second"} side has no value`;
}

function undecided(reason: string): Judgement {
  return { verdict: "undecided", reason };
}

function pText(p: number | undefined): string {
  return p === undefined ? "unknown" : String(Number(p.toPrecision(2)));
}
