/**
 * GuideLLM's distributions over time: how long each rate and each number of requests in flight lasted
 * (`guidellm/schemas/base/statistics.py` of 0.8.1).
 *
 * @module
 */

/** A value, and the weight that it has. */
export type Weighted = readonly [value: number, weight: number];

/** What it reports of a distribution. */
export interface ShareSummary {
  /** Mean by weight. */
  readonly mean: number;
  /** Population standard deviation by weight. */
  readonly std: number;
  /** Smallest value with a weight. */
  readonly min: number;
  /** Largest value with a weight. */
  readonly max: number;
  /** The least value up to which a share from 0 to 1 of the weight lies. */
  readonly at: (share: number) => number;
}

/** Events nearer than this are one, in s. */
const NEAR_SEC = 1e-4;
/** Least length of the last event, in s. */
const LEAST_SEC = 1e-6;

/** Summary of weighted values; absent where none has a weight. */
export function summarizeShares(values: readonly Weighted[]): ShareSummary | undefined {
  const weights = new Map<number, number>();
  for (const [value, weight] of values) weights.set(value, (weights.get(value) ?? 0) + weight);
  const sorted = [...weights].filter(([, weight]) => weight > 0).sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  if (sorted.length === 0 || total <= 0) return undefined;
  const mean = sorted.reduce((sum, [value, weight]) => sum + value * (weight / total), 0);
  const variance = sorted.reduce(
    (sum, [value, weight]) => sum + (value - mean) ** 2 * (weight / total),
    0,
  );
  return {
    ...{ mean, std: Math.sqrt(variance), min: sorted[0]![0], max: sorted.at(-1)![0] },
    at: (share) => {
      let sum = 0;
      for (const [value, weight] of sorted) if ((sum += weight / total) >= share) return value;
      return sorted.at(-1)![0];
    },
  };
}

/**
 * Rates of events such as `[s, tokens]` inside a window: each event lasts from the middle between it and
 * the one before to the middle between it and the one after.
 */
export function rateDistribution(
  events: readonly Weighted[],
  [fromSec, toSec]: readonly [fromSec: number, toSec: number],
): ShareSummary | undefined {
  const inside = events.filter(([sec]) => sec >= fromSec && sec <= toSec);
  const merged = mergeNear([[fromSec, 0], ...inside, [toSec, 0]]);
  if (merged.length < 2) return undefined;
  const last = merged.length - 1;
  const middle = (i: number) => (merged[i]![0] + merged[i + 1]![0]) / 2;
  return summarizeShares(merged.map(([sec, amount], i) => {
    const length = i === 0
      ? middle(0) - sec
      : i === last
      ? Math.max(LEAST_SEC, sec - middle(i - 1))
      : middle(i) - middle(i - 1);
    return [amount / length, length];
  }));
}

/** How many of the intervals lasted at a time, inside a window. */
export function concurrencyDistribution(
  intervals: readonly (readonly [fromSec: number, toSec: number])[],
  [fromSec, toSec]: readonly [fromSec: number, toSec: number],
): ShareSummary | undefined {
  const changes = mergeNear(intervals.flatMap(([from, to]): readonly Weighted[] => [
    [from, 1],
    [to, -1],
  ]));
  if (changes.length === 0) return undefined;
  const before = changes.filter(([sec]) => sec < fromSec).reduce((sum, [, by]) => sum + by, 0);
  const steps: Weighted[] = [
    [fromSec, before],
    ...changes.filter(([sec]) => sec >= fromSec && sec <= toSec),
    [toSec, 0],
  ];
  let now = 0;
  return summarizeShares(
    steps.slice(0, -1).map(([sec, by], i) => {
      now += by;
      return [Math.max(0, now), Math.max(0, steps[i + 1]![0] - sec)];
    }),
  );
}

/** Events in the order of time; those near to the first of a group are one with it. */
function mergeNear(events: readonly Weighted[]): readonly Weighted[] {
  const merged: [number, number][] = [];
  for (const [sec, amount] of events.toSorted(([a], [b]) => a - b)) {
    const group = merged.at(-1);
    if (group !== undefined && sec <= group[0] + NEAR_SEC) group[1] += amount;
    else merged.push([sec, amount]);
  }
  return merged;
}
