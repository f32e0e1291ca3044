/**
 * Results from records that are seen once, one at a time and in any order.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Mergeable } from "./load_state.ts";
import { LONGEST_TEXT, readCount, readList, readText } from "./state_read.ts";

/** Adds records up to a result; its memory does not grow with their number. */
export interface Fold<Result> {
  /** Adds one record. */
  add(record: RequestRecord): void;
  /** Result of all so far; more may follow. */
  result(): Result;
}

/** A fold whose records may be added on several machines. */
export interface MergeableFold<Result> extends Fold<Result>, Mergeable {}

/** The result over all records. */
export function foldAll<Result>(
  fold: Fold<Result>,
  records: Iterable<RequestRecord>,
): Result {
  for (const record of records) fold.add(record);
  return fold.result();
}

/** Counts by name, listed by the lowest position of each name, whatever the order of adding. */
export interface Tally<Name extends string> extends Mergeable {
  /** Adds one of this name, seen at this position. */
  add(name: Name, position: number): void;
  /** Counts, by lowest position. */
  entries(): readonly (readonly [name: Name, count: number])[];
}

/** More names than this are counted under `others`: an error that names a port never repeats. */
const MOST_NAMES = 10_000;

/** Most of these that a state tells: messages are long, and reports show a few. */
const MOST_TOLD = 1000;

/**
 * An empty tally.
 *
 * @param known all names that there are; others count as `others`.
 */
export function createTally<Name extends string>(
  { others, known }: { readonly others: Name; readonly known?: undefined } | {
    readonly others?: undefined;
    readonly known: readonly Name[];
  },
): Tally<Name> {
  const seen = new Map<Name, { count: number; first: number }>();
  const count = (name: Name, position: number, times: number) => {
    const one = seen.get(name) ?? (seen.size < MOST_NAMES ? undefined : seen.get(others!));
    if (one === undefined) {
      seen.set(seen.size < MOST_NAMES ? name : others!, { count: times, first: position });
      return;
    }
    one.count += times;
    one.first = Math.min(one.first, position);
  };
  return {
    add(name, position) {
      count(name.length > LONGEST_TEXT ? name.slice(0, LONGEST_TEXT) as Name : name, position, 1);
    },
    state() {
      const all = [...seen].map(([name, { count, first }]) => [name, count, first] as const);
      if (all.length <= MOST_TOLD) return all;
      all.sort((a, b) => b[1] - a[1] || a[2] - b[2]);
      const left = all.splice(MOST_TOLD);
      const rest = left.reduce((sum, [, count]) => sum + count, 0);
      return [...all, [others, rest, Math.min(...left.map(([, , first]) => first))]];
    },
    merger(state) {
      const more = readList(state, MOST_TOLD + 1).map((one) => {
        const [name, times, first] = readList(one, 3);
        const text = readText(name) as Name;
        if (known !== undefined && !known.includes(text)) throw new TypeError("a name is unknown");
        return [text, readCount(first), readCount(times)] as const;
      });
      return () => more.forEach((one) => count(...one));
    },
    entries: () =>
      [...seen].sort(([, a], [, b]) => a.first - b.first).map(([name, { count }]) => [name, count]),
  };
}
