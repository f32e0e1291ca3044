/**
 * What happened in each stretch of a load, with latencies.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** Stretches of equal length, the last may be shorter; a position in each list is a stretch. */
export interface Slices {
  /** Length of one, in ms: as asked, doubled until the load has at most {@linkcode Slices.most}. */
  readonly sliceMs: number;
  /** Length that was asked for, in ms. */
  readonly askedMs: number;
  /** Most slices of a load. */
  readonly most: Count;
  /** Start of each, in ms from the start of the load. */
  readonly startMs: readonly number[];
  /** Requests sent. */
  readonly sent: readonly Count[];
  /** Requests that completed. */
  readonly completed: readonly Count[];
  /** Requests that failed. */
  readonly failed: readonly Count[];
  /** Completed requests per second. */
  readonly completedPerSec: readonly number[];
  /** Output tokens per second by arrival, of requests that completed or whose users left as planned. */
  readonly outputTokensPerSec: readonly number[];
  /** Time average of requests in flight. */
  readonly inFlight: readonly number[];
  /** TTFT of completed requests, by when they were sent. */
  readonly ttft: SliceLatency;
  /** Gaps of completed requests, by when they ended. */
  readonly itl: SliceLatency;
}

/** Latencies by stretch, in ms. */
export interface SliceLatency {
  /** Number of values. */
  readonly count: readonly Count[];
  /** Median; absent for fewer than two values. */
  readonly p50: readonly (number | undefined)[];
  /** 99th percentile; absent for fewer than 100 values. */
  readonly p99: readonly (number | undefined)[];
}
