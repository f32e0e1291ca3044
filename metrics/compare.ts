/**
 * Whether runs differ: each figure of each load with what chance and the client leave open.
 *
 * @module
 */
import type { CompareOptions, CompareSide, Comparison } from "./compare_result.ts";

/**
 * Compares the first side with each of the others.
 *
 * @throws {RangeError} when there are fewer than two sides, a figure is unknown, or the margin is not
 * from 0 to below 1.
 */
export function compareRuns(
  _sides: readonly CompareSide[],
  _options: CompareOptions = {},
): Comparison {
  throw new Error("not yet");
}
