/**
 * Gaps between tokens that are far longer than the load's others.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** Gaps longer than a multiple of the load's median ITL. */
export interface Stalls {
  /** Multiple of the median that makes a gap a stall. */
  readonly factor: number;
  /** Longer gaps are stalls, in ms; absent where the load has no gaps, and so no stalls. */
  readonly thresholdMs: number | undefined;
  /** How many there are, all of them. */
  readonly count: Count;
  /** Their lengths together, in ms. */
  readonly totalMs: number;
  /** `totalMs` ÷ the lengths of all gaps: the share of streaming time that was spent stalled. */
  readonly share: number | undefined;
  /** The longest, the longest first. */
  readonly worst: readonly Stall[];
  /** Of `counted` stalls: whom they stopped. */
  readonly causes: StallCauses;
  /** Stalls that `causes` counts, the longest; fewer than `count` in long loads with very many. */
  readonly counted: Count;
}

/** Stalls by whom they stopped. */
export interface StallCauses {
  /** The client was late for as long: without it they might be no stalls. */
  readonly client: Count;
  /** Most of the streams stopped at the same moment. */
  readonly server: Count;
  /** Several streams stopped at the same moment. */
  readonly several: Count;
  /** One stream stopped alone. */
  readonly single: Count;
}

/** One long gap. Times in ms from the start of the load. */
export interface Stall {
  /** Last tokens before it. */
  readonly fromMs: number;
  /** First tokens after it. */
  readonly toMs: number;
  /** Number of the request. */
  readonly index: Count;
  /** User of a closed loop, lane of an open loop. */
  readonly user: Count;
  /** Requests that stalled in the middle of it, this one included. */
  readonly together: Count;
  /** Requests in flight at about that moment. */
  readonly inFlight: Count;
  /** How late the client may have been then, in ms; absent = unknown. */
  readonly clientLateMs: number | undefined;
  /** Whom it stopped, or that the client may have made it. */
  readonly cause: keyof StallCauses;
}
