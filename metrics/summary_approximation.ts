/**
 * How near a load's numbers are when not all of its values were kept.
 *
 * @module
 */
import { formatCount, formatMs } from "./format.ts";
import { type LoadSummary, metricOf } from "./load_summary.ts";

/** One sentence about it; absent when everything is exact. */
export function approximationText(
  { approximation, metrics }: Pick<LoadSummary, "approximation" | "metrics">,
): string | undefined {
  if (approximation === undefined) return undefined;
  const { relativeError, binMs } = approximation;
  const gaps = metricOf({ metrics }, "itl")?.distribution.count;
  return `percentiles within ±${relativeError * 100} % (histograms, ${
    formatCount(gaps)
  } gaps); steady window, in flight and course over time in steps of ${
    formatMs(binMs)
  }; the rest is exact`;
}
