/**
 * What happened in each stretch of a load, with latencies.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Window } from "./load_series.ts";

/** Stretches of equal length, the last may be shorter. */
export interface Slices {
  /** Length of one, in ms: as asked, doubled until all fit into {@linkcode Slices.most}. */
  readonly sliceMs: number;
  /** Length that was asked for, in ms. */
  readonly askedMs: number;
  /** Most slices of a load. */
  readonly most: Count;
  /** In the order of time. */
  readonly slices: readonly Slice[];
}

/** One stretch of a load. Absent numbers have too few values. */
export interface Slice extends Window {
  /** Requests sent in it. */
  readonly sent: Count;
  /** Requests that completed in it. */
  readonly completed: Count;
  /** Requests that failed in it. */
  readonly failed: Count;
  /** Completed requests per second. */
  readonly qps: number | undefined;
  /** Output tokens per second by arrival, of requests that completed or whose users left as planned. */
  readonly outputTokensPerSec: number | undefined;
  /** Time average of requests in flight. */
  readonly inFlight: number | undefined;
  /** TTFT in ms of completed requests that were sent in it. */
  readonly ttft: SliceLatency;
  /** Gaps in ms that ended in it, of completed requests. */
  readonly itl: SliceLatency;
}

/** Latencies of one stretch. */
export interface SliceLatency {
  /** Number of values. */
  readonly count: Count;
  /** Median; absent for fewer than two values. */
  readonly p50: number | undefined;
  /** 99th percentile; absent for fewer than 100 values. */
  readonly p99: number | undefined;
}
