/**
 * Repeats in words, the same in the terminal and on the page.
 *
 * @module
 */
import { type Bracketed, formatBracketed, NOT_AVAILABLE } from "./format.ts";
import type { Interval } from "./load_interval.ts";
import type { RunHeader } from "./run.ts";
import type { RepeatedFigure } from "./summary_repeats.ts";

/** A drift with a p-value below it has a mark; the check is stricter. */
const MARKED_P = 0.05;

/** What the columns mean. */
export const REPEATS_NOTE =
  "mean of the runs; run to run: its 95 % interval by what differs between runs; spread: their standard " +
  "deviation; within: what chance inside the runs alone would give; drift: from the first to the " +
  "last, * where p < 0.05 by itself";

/** Which sides a run compares by turns; absent = it has one. */
export function sidesText({ sides }: Pick<RunHeader, "sides">): string | undefined {
  if (sides === undefined) return undefined;
  const shown = sides.map(({ name, url, differs }) =>
    `${name} ${url}${differs === undefined ? "" : ` (${differs})`}`
  );
  return `by turns: ${shown.join(" · ")}`;
}

/** A mean and its interval from run to run, in digits that fit each other. */
export function intervalText(
  mean: number | undefined,
  interval: Interval | undefined,
  unit: RepeatedFigure["unit"],
): Bracketed {
  // The name of the figure says it.
  const own = unit === "tokens/s" ? "1" : unit;
  if (own !== "share") return formatBracketed(mean, interval, own);
  const hundred = (value: number) => value * 100;
  const { value, ends } = formatBracketed(
    mean && hundred(mean),
    interval && { low: hundred(interval.low), high: hundred(interval.high) },
    "1",
  );
  return { value: value === NOT_AVAILABLE ? value : `${value} %`, ends };
}

/** Standard deviation that chance inside the runs alone would give, ÷ mean. */
export function withinShare({ withinStd, mean }: RepeatedFigure): number | undefined {
  return withinStd === undefined || !mean ? undefined : withinStd / Math.abs(mean);
}

/** `2.4 %`, `0.031 %`; shares of change may be above 1 and below 0. */
export function percentText(share: number | undefined): string {
  if (share === undefined) return NOT_AVAILABLE;
  const rounded = Number((share * 100).toPrecision(2));
  return `${Math.abs(rounded) < 1e-4 ? 0 : rounded} %`;
}

/** `+2.41 %`, with a mark where chance alone would hardly give it. */
export function driftText({ drift }: RepeatedFigure): string {
  if (drift === undefined) return NOT_AVAILABLE;
  const { share, pValue } = drift;
  const sign = share !== undefined && share > 0 ? "+" : "";
  return `${sign}${percentText(share)}${pValue < MARKED_P ? " *" : ""}`;
}
