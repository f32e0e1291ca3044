/**
 * Whether a queue grows more than chance lets it.
 *
 * @module
 */
import { normalQuantile, normalTail } from "./stat_student.ts";

/** A queue that is balanced is taken for one that grows once in so many looks: there are many looks. */
const FALSE_ALARM = 1e-6;
/** Standard deviations of chance that growth has to exceed. */
const MOST_DEVIATIONS: number = normalQuantile(FALSE_ALARM);
/** Arrivals in a window that is judged, at least. */
const LEAST_ARRIVALS = 100;
/** And the queue at its end, as a multiple of that at its start. */
const LEAST_RATIO = 1.5;

/**
 * Whether a queue grew more than one does whose arrivals and ends are balanced: that one is a random walk
 * whose steps are arrivals and ends, each with the variance of a Poisson process.
 *
 * @param from requests in flight at the start of a window.
 * @param to at its end.
 * @param arrivals in the window.
 */
export function grows(from: number, to: number, arrivals: number): boolean {
  return arrivals >= LEAST_ARRIVALS && to >= LEAST_RATIO * from &&
    to - from > MOST_DEVIATIONS * Math.sqrt(2 * arrivals);
}

/**
 * Share of chance that values in random order rise so steadily (Mann, 1945; Kendall, 1975): a small share
 * says that there is a trend.
 *
 * @param values in the order of time; at most a few hundred, since every pair is looked at.
 */
export function riseByChance(values: readonly number[]): number {
  const n = values.length;
  if (n < 10) return 1;
  let rises = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) rises += Math.sign(values[j]! - values[i]!);
  }
  const deviation = Math.sqrt(n * (n - 1) * (2 * n + 5) / 18);
  return normalTail((rises - Math.sign(rises)) / deviation);
}
