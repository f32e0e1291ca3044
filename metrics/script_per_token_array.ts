/**
 * Per-token latencies as LMDeploy's engine scripts record them, for comparison with old results.
 * They differ from ours: a step of several tokens puts its whole gap on the first and 0 on the
 * others, an event without a new token loses its gap, and all is rounded to 1 ms first (T12 in
 * docs/python-scripts.md).
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { roundPython } from "./script_python_format.ts";

/** One event of a stream. */
export interface TokenStep {
  /** When it arrived, in seconds on any clock. */
  readonly atSec: number;
  /** Tokens so far. */
  readonly tokens: number;
}

/**
 * The script's array of `outputTokens + 1` slots.
 */
export function perTokenArray(
  steps: readonly TokenStep[],
  options: { readonly startSec: number; readonly outputTokens: number },
): number[] {
  const slots = new Array<number>(options.outputTokens + 1).fill(0);
  let known = 0;
  let previousSec = options.startSec;
  for (const { atSec, tokens } of steps) {
    // The script asserts that no more tokens arrive; further tokens have no slot.
    if (tokens !== known && known < slots.length) {
      slots[known] = roundPython(atSec - previousSec, 3);
      known = tokens;
    }
    previousSec = atSec;
  }
  return slots;
}

/** The array of a record. It has no events without a new token, so their gaps are not lost. */
export function recordTokenArray(record: RequestRecord): number[] {
  const { tickMs, tickTokens, sentMs = 0, requestedTokens } = record;
  const steps = Array.from(tickMs, (ms, i) => ({ atSec: ms / 1000, tokens: tickTokens[i]! }));
  return perTokenArray(steps, { startSec: sentMs / 1000, outputTokens: requestedTokens });
}

/**
 * The scripts' percentile: element `int(p ÷ 100 × n)` of the sorted values, without interpolation.
 * Absent without values, where the script crashes (T13).
 *
 * @param sorted ascending
 */
export function indexPercentile(sorted: readonly number[], p: number): number | undefined {
  return sorted[Math.trunc(p / 100 * sorted.length)];
}
