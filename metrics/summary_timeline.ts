/**
 * A sample of the requests of a load whose records are not kept. Which ones does not depend on their order.
 *
 * @module
 */
import { OUTCOME_KINDS, type RequestRecord } from "../backends/record.ts";
import type { Mergeable } from "./load_state.ts";
import type { TimelineEntry } from "./load_summary.ts";
import { type ColumnsOf, packColumns, roundRow, unpackColumns } from "./state_columns.ts";
import { readCount, readFields } from "./state_read.ts";
import { TIMELINE_ENTRIES, timelineEntry } from "./summary_values.ts";

/** A power of two beyond any number of a request. */
const MOST_EVERY = 2 ** 41;

/** Keeps every n-th request, by its number. */
export interface TimelineSample extends Mergeable {
  /** Adds a measured record. */
  add(record: RequestRecord): void;
  /** Those that are kept, by their numbers. */
  entries(): readonly TimelineEntry[];
}

const COLUMNS: ColumnsOf<TimelineEntry> = {
  index: "count",
  user: "count",
  intendedMs: "ms",
  sentMs: "ms?",
  firstTokenMs: "ms?",
  lastTokenMs: "ms?",
  endMs: "ms?",
  outcome: OUTCOME_KINDS,
};

/** Has no request yet. */
export function sampleOfTimeline(): TimelineSample {
  let sample: TimelineEntry[] = [];
  let every = 1;
  const keep = (entries: readonly TimelineEntry[]) => {
    for (const entry of entries) if (entry.index % every === 0) sample.push(entry);
    while (sample.length > TIMELINE_ENTRIES) {
      every *= 2;
      sample = sample.filter(({ index }) => index % every === 0);
      // Records of a file may all have one number.
      if (every > MOST_EVERY) sample.length = Math.min(sample.length, TIMELINE_ENTRIES);
    }
  };
  return {
    add(record) {
      if (record.index % every === 0) keep([roundRow(COLUMNS, timelineEntry(record))]);
    },
    entries: () => sample.toSorted((a, b) => a.index - b.index || a.user - b.user),
    state: () => ({ every, entries: packColumns(COLUMNS, sample) }),
    merger(state) {
      const more = readFields(state);
      const there = readCount(more.every);
      if (!(there <= 2 * MOST_EVERY && Number.isInteger(Math.log2(there)))) {
        throw new TypeError("its share is no power of two");
      }
      const entries = unpackColumns(COLUMNS, more.entries, TIMELINE_ENTRIES);
      return () => {
        every = Math.max(every, there);
        sample = sample.filter(({ index }) => index % every === 0);
        keep(entries);
      };
    },
  };
}
