/**
 * Histograms for charts.
 *
 * @module
 */
import type { Histogram } from "./load_summary.ts";
import { asSet, countBelow, type SortedValues, type ValueSet } from "./stat_quantile.ts";

/** More bars would be too narrow to tell apart. */
const MAX_BINS = 60;

/** Above this ratio of largest to smallest, bars of equal width would put nearly all into one. */
const LOG_FROM_RATIO = 20;

/**
 * Bars of equal width, or of equal ratio when the values span more than a factor of 20. Values near
 * an edge may be in the bar beside it when the set is approximate.
 */
export function histogram(values: SortedValues | ValueSet): Histogram {
  const set = asSet(values);
  const { min, max } = set;
  if (min === undefined || max === undefined) return { scale: "linear", edges: [], counts: [] };
  const scale = min > 0 && max / min > LOG_FROM_RATIO ? "log" : "linear";
  const edges = scale === "log" ? logEdges(min, max) : linearEdges(min, max);
  const counts = new Array<number>(edges.length - 1).fill(0);
  if (set.sorted !== undefined) {
    let before = 0;
    for (let bin = 0; bin < counts.length; bin++) {
      const last = bin === counts.length - 1;
      const below = last ? set.count : countBelow(set.sorted, edges[bin + 1]!);
      counts[bin] = below - before;
      before = below;
    }
    return { scale, edges, counts };
  }
  let bin = 0;
  set.each((value, count) => {
    while (bin < counts.length - 1 && value >= edges[bin + 1]!) bin++;
    counts[bin]! += count;
  });
  return { scale, edges, counts };
}

/** Whether two values differ by rounding alone: nothing between them can be told apart. */
export function isOneValue(min: number, max: number): boolean {
  return max - min <= 1e-9 * Math.max(Math.abs(min), Math.abs(max));
}

/** Smallest of 1, 2, 5 × 10ⁿ that is at least `least`, a readable step for an axis. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) if (factor * power >= least) return factor * power;
  return 10 * power;
}

function linearEdges(min: number, max: number): number[] {
  // One bar fewer than the limit: rounding the first edge down can cost one.
  const step = isOneValue(min, max)
    ? roundStep(Math.abs(max) || 1)
    : roundStep((max - min) / (MAX_BINS - 1));
  const first = Math.floor(min / step);
  const bins = Math.max(1, Math.ceil(max / step) - first);
  return Array.from({ length: bins + 1 }, (_, i) => (first + i) * step);
}

function logEdges(min: number, max: number): number[] {
  const bins = Math.min(MAX_BINS, Math.ceil(20 * Math.log10(max / min)));
  const ratio = max / min;
  return Array.from(
    { length: bins + 1 },
    // Exact ends, so that rounding puts no value outside.
    (_, i) => i === 0 ? min : i === bins ? max : min * ratio ** (i / bins),
  );
}
