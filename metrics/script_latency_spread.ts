/**
 * The three numbers that LMDeploy's scripts print per latency.
 *
 * @module
 */

/** Smallest, largest and mean value. */
export interface Spread {
  /** Smallest, in the unit of the values given. */
  readonly min: number;
  /** Largest, in the same unit. */
  readonly max: number;
  /** Sum ÷ count, in the same unit. */
  readonly mean: number;
}

/** Percentiles of the engine scripts' per-token latencies. */
export const TOKEN_PERCENTILES: readonly number[] = [50, 75, 95, 99];

/** Spread of values; absent without values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, max, mean: sum / values.length };
}
