/**
 * What the client's stamps leave open about a number: its two ends.
 *
 * @module
 */

/** The true number at the client's host lies from `low` to `high`, in the unit of the number. */
export interface Bracket {
  /** Computed from the ends of all stamps that make it smallest. */
  readonly low: number;
  /** Computed from the ends that make it largest. */
  readonly high: number;
}

/** Brackets of a distribution; absent where the number itself is, or where nobody knows. */
export interface DistributionBrackets {
  /** Of the mean. */
  readonly mean: Bracket | undefined;
  /** Of the median. */
  readonly median: Bracket | undefined;
  /** Of the percentiles, in their order. */
  readonly percentiles: readonly {
    /** As in the distribution. */
    readonly p: number;
    /** Absent where the percentile is. */
    readonly bracket: Bracket | undefined;
  }[];
}

/**
 * Where brackets come from: `stamps`: the transport knew how long each read and departure may have
 * waited; `witness`: it does not, so each value is as wide as the witness streams were late around
 * that time.
 */
export type BracketBasis = "stamps" | "witness";
