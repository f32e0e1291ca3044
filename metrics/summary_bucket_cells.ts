/**
 * Counts of values by bucket, in cells that follow each other, as a text.
 *
 * @module
 */
import { packNumbers, unpackNumbers } from "./state_numbers.ts";
import type { BucketCounts } from "./stat_value_histogram.ts";

/** Buckets of one cell. */
export interface CellThere {
  /** Number of the cell. */
  readonly cell: number;
  /** Bucket and count in turn, the buckets ascending. */
  readonly pairs: Float64Array;
}

/** More numbers than fifty million values of one load have in all cells of a metric. */
const MOST_PACKED = 2 ** 23;

/** Numbers of buckets are ten bits of a float and its exponent. */
const MOST_BUCKET = 2 ** 20;

/**
 * How many buckets each cell has, the first by its distance to that of the cell before, and their counts.
 *
 * @param step all buckets are multiples of it.
 */
export function packBuckets(cells: readonly (BucketCounts | undefined)[], step: number): string {
  const numbers: number[] = [];
  let first = 0;
  for (const counts of cells) {
    const buckets = Float64Array.from(counts?.keys() ?? []).sort();
    numbers.push(buckets.length);
    let last = first;
    for (const bucket of buckets) {
      numbers.push((bucket - last) / step, counts!.get(bucket)!);
      last = bucket;
    }
    first = buckets[0] ?? first;
  }
  return packNumbers(numbers);
}

/** Cells with values, of so many. @throws {TypeError} for anything but what {@linkcode packBuckets} gave. */
export function unpackBuckets(
  text: unknown,
  { most, step }: { readonly most: number; readonly step: number },
): readonly CellThere[] {
  const numbers = unpackNumbers(text, MOST_PACKED);
  const cells: CellThere[] = [];
  let [at, first] = [0, 0];
  for (let cell = 0; at < numbers.length; cell++) {
    const count = numbers[at++]!;
    const pairs = numbers.subarray(at, at + 2 * Math.max(0, count));
    if (cell >= most || count < 0 || pairs.length < 2 * count) {
      throw new TypeError("a cell of it is none");
    }
    at += pairs.length;
    let last = first;
    for (let i = 0; i < pairs.length; i += 2) {
      const isNext = i === 0 || pairs[i]! > 0;
      last = pairs[i] = last + step * pairs[i]!;
      if (!isNext || Math.abs(last) > MOST_BUCKET || !(pairs[i + 1]! > 0)) {
        throw new TypeError("a bucket of it is none");
      }
    }
    first = pairs[0] ?? first;
    if (count > 0) cells.push({ cell, pairs });
  }
  return cells;
}
