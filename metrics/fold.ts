/**
 * What can be told of records that are seen once, one at a time and in any order.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";

/** Takes records in and tells what they come to; its memory does not grow with their number. */
export interface Fold<Result> {
  /** Takes one more in. */
  add(record: RequestRecord): void;
  /** Of all so far; more may follow. */
  result(): Result;
}

/** The result over all records. */
export function foldAll<Result>(
  fold: Fold<Result>,
  records: Iterable<RequestRecord>,
): Result {
  for (const record of records) fold.add(record);
  return fold.result();
}

/** Counts by name, in the order of first appearance by position, in whatever order they are fed. */
export interface Tally<Name extends string> {
  /** One more of this name, seen at this position. */
  add(name: Name, position: number): void;
  /** By first position. */
  entries(): readonly (readonly [name: Name, count: number])[];
}

/** Names beyond this many are counted under `others`: a cause that names a port never repeats. */
const MOST_NAMES = 10_000;

/** Counts nothing yet. */
export function createTally<Name extends string>(others?: Name): Tally<Name> {
  const seen = new Map<Name, { count: number; first: number }>();
  return {
    add(name, position) {
      const one = seen.get(name) ?? (seen.size < MOST_NAMES ? undefined : seen.get(others!));
      if (one === undefined) {
        seen.set(seen.size < MOST_NAMES ? name : others!, { count: 1, first: position });
        return;
      }
      one.count++;
      one.first = Math.min(one.first, position);
    },
    entries: () =>
      [...seen].sort(([, a], [, b]) => a.first - b.first).map(([name, { count }]) => [name, count]),
  };
}
