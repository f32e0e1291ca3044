/**
 * Results from records that are seen once, one at a time and in any order.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";

/** Adds records up to a result; its memory does not grow with their number. */
export interface Fold<Result> {
  /** Adds one record. */
  add(record: RequestRecord): void;
  /** Result of all so far; more may follow. */
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

/** Counts by name, listed by the lowest position of each name, whatever the order of adding. */
export interface Tally<Name extends string> {
  /** Adds one of this name, seen at this position. */
  add(name: Name, position: number): void;
  /** Counts, by lowest position. */
  entries(): readonly (readonly [name: Name, count: number])[];
}

/** More names than this are counted under `others`: an error that names a port never repeats. */
const MOST_NAMES = 10_000;

/** An empty tally. */
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
