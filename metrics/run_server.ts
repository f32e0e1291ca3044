/**
 * What the server said of itself during one load, as its metrics endpoints were read.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** One endpoint during one load; times in ms from the start of the load, before it below 0. */
export interface ServerScrapes {
  /** Address of the endpoint, without a password. */
  readonly url: string;
  /** When each answer came, at most 600; the first is from before the load, the last from after it. */
  readonly timeMs: readonly number[];
  /** Answers, where they are more than are kept; absent = as many as there are times. */
  readonly answers?: Count;
  /** Longest time that an answer took, in ms. */
  readonly slowestMs?: number;
  /** Scrapes without a usable answer; absent = none. */
  readonly failed?: {
    /** How many. */
    readonly count: Count;
    /** Why the last of them had none. */
    readonly message: string;
  };
  /** What it listed, in its order. */
  readonly families: readonly ServerFamily[];
  /** Series beyond the limit of what is kept; absent = none. */
  readonly leftOut?: Count;
}

/** One metric of the server with all of its series. */
export interface ServerFamily {
  /** Its name as exposed, e.g. `vllm:num_requests_running`. */
  readonly name: string;
  /** Its type as exposed. */
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped";
  /** Its series, one for each set of labels. */
  readonly series: readonly ServerSeries[];
}

/** One series over the load. Which fields there are depends on the type of its family. */
export interface ServerSeries {
  /** Its labels, without `le` and `quantile`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Value before the load. */
  readonly first?: number;
  /** Value after the load. */
  readonly last?: number;
  /** Counter: how far it rose; after a reset it begins anew. */
  readonly difference?: number;
  /** Counter, histogram: values lower than the one before; absent = none. */
  readonly resets?: Count;
  /** Gauge: average over the time of the load; absent = it was not read during it. */
  readonly mean?: number;
  /** Gauge: smallest value seen during the load. */
  readonly min?: number;
  /** Gauge: largest value seen during the load. */
  readonly max?: number;
  /** Counter, gauge of a known metric: value at each `timeMs`, `null` where it was not listed. */
  readonly values?: readonly (number | null)[];
  /** Histogram, summary: what was added to it over the load. */
  readonly added?: ServerHistogram;
}

/** What a load added to a histogram. */
export interface ServerHistogram {
  /** How many values. */
  readonly count: number;
  /** Their sum, in the unit of the metric. */
  readonly sum: number;
  /** Upper edges of the buckets but the last, which has none; empty for a summary. */
  readonly edges: readonly number[];
  /** Values in each bucket, not cumulative, one more than there are edges; empty for a summary. */
  readonly counts: readonly number[];
}
