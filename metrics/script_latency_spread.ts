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

/** Sum of values. */
export function sumOf(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Spread of values; absent without values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return {
    min: values.reduce((least, value) => Math.min(least, value), Infinity),
    max: values.reduce((most, value) => Math.max(most, value), -Infinity),
    mean: sumOf(values) / values.length,
  };
}
