/**
 * What chance leaves open about a number: its sampling interval. It is not the client's bracket, which
 * is what the stamps leave open.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** 95 of 100 such intervals hold the number that an endless load would have shown. */
export interface Interval {
  /** Lower end, in the unit of the number. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

/** Intervals of a distribution; absent where the load was too short to tell. */
export interface DistributionIntervals {
  /** Of the mean. */
  readonly mean: Interval | undefined;
  /** Of the median. */
  readonly median: Interval | undefined;
  /** Of the percentiles, in their order. */
  readonly percentiles: readonly {
    /** As in the distribution. */
    readonly p: number;
    /** Absent where the percentile is, or where too few values lie beyond it. */
    readonly interval: Interval | undefined;
  }[];
}

/** Values that lie within a limit, and how much they say of an endless load. */
export interface ShareWithin {
  /** How many do. */
  readonly within: Count;
  /** Of so many. */
  readonly of: Count;
  /** So many of them say as much as one that does not depend on the others: they cluster in time. */
  readonly clustered: number;
  /** They stay alike for so long that the load does not show how they cluster. */
  readonly alike: boolean;
}

/** How the intervals of a load were made. */
export interface SamplingBasis {
  /** Share of such intervals that hold the truth. */
  readonly level: number;
  /** Stretches of time that were compared with each other; absent = too few, so there are no intervals. */
  readonly blocks: Count | undefined;
  /** Length of one of them, in ms: longer than values stay alike. */
  readonly blockMs: number | undefined;
  /** Time over which values stay alike, in ms. */
  readonly correlationMs: number | undefined;
  /** Why there are no intervals, in a sentence without a period. */
  readonly absent: string | undefined;
}
