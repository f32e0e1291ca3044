/**
 * Changes in words: `+4.1 %`, `4.1 % slower in TTFT p99`.
 *
 * @module
 */
import type { ComparedFigure } from "./compare_result.ts";
import type { Interval } from "./load_interval.ts";

/** `3 %`, `0.25 %`, `12.5 %`: a share that somebody chose. */
export function formatPercent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

/** `4.1 %`, `0.35 %`, `130 %`: how large a measured change is. */
function sizeText(share: number): string {
  const percent = Math.abs(share) * 100;
  return `${percent.toFixed(percent >= 99.95 ? 0 : percent >= 0.95 ? 1 : 2)} %`;
}

/** `+4.1 %`, `−0.35 %`, `0 %`. */
export function signedPercent(share: number): string {
  const text = sizeText(share);
  return text === "0.00 %" ? "0 %" : `${share < 0 ? "−" : "+"}${text}`;
}

/** A ratio's interval as changes: `−0.4 to +1.2 %`. */
export function spanText({ low, high }: Interval): string {
  return `${signedPercent(low - 1).replace(" %", "")} to ${signedPercent(high - 1)}`;
}

/** What a change of the figure is called: `slower`, `faster`, `more`, `less`. */
function changeWord({ unit }: Pick<ComparedFigure, "unit">, share: number): string {
  if (unit === "ms") return share > 0 ? "slower" : "faster";
  return share > 0 ? "higher" : "lower";
}

/** `4.1 % slower in TTFT p99 (95 %: 2.0 to 6.3 %)`. */
export function changeText(figure: Pick<ComparedFigure, "unit" | "title" | "ratio">): string {
  const { title, ratio } = figure;
  if (ratio === undefined) return `not to be told in ${title}`;
  const share = ratio.value - 1;
  const word = `${sizeText(share)} ${changeWord(figure, share)} in ${title}`;
  if (ratio.interval === undefined) return `${word} (interval unknown)`;
  const [low, high] = [ratio.interval.low - 1, ratio.interval.high - 1];
  if (low < 0 && high > 0) return `${word} (95 %: ${spanText(ratio.interval)})`;
  const ends = [sizeText(low), sizeText(high)];
  if (share < 0) ends.reverse();
  return `${word} (95 %: ${ends[0]!.replace(" %", "")} to ${ends[1]})`;
}
