/**
 * An axis of percentiles that shows the tail: equal steps are equal ratios of what lies below to what
 * lies above (logit). p50 to p90 is as far as p90 to p98.8, and p99 has room.
 *
 * @module
 */
import type { Scale } from "./chart_scale.ts";

/** Percentiles that have a tick, as far as the axis goes. */
const TICKS: readonly number[] = [1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 99.999];

/** Start of the axis: the fastest hundredth is not looked at. */
export const LOWEST_LEVEL = 1;

/** From p1 to the percentile given; at least to p90. */
export function levelScale(highest: number): Scale {
  const max = Math.min(99.999, Math.max(90, highest));
  const [low, high] = [logit(LOWEST_LEVEL), logit(max)];
  const at = (p: number) => p <= LOWEST_LEVEL ? 0 : p >= max ? 1 : (logit(p) - low) / (high - low);
  const ticks = TICKS.filter((p) => p <= max).map((p) => ({ at: at(p), label: `p${p}` }));
  return { kind: "log", min: LOWEST_LEVEL, max, ticks, at };
}

function logit(p: number): number {
  return Math.log(p / (100 - p));
}
