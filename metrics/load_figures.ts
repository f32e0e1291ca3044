/**
 * Figures that a load has, and each group of its requests: counts, distributions, metrics.
 *
 * @module
 */
import type { Bracket, DistributionBrackets } from "./load_bracket.ts";
import type { DistributionIntervals, Interval } from "./load_interval.ts";
import type { Metric } from "./metric.ts";
import type { Count } from "./count.ts";

/**
 * Requests by how they ended; offered = completed + failed + cancelled + cancelledAsPlanned + dropped.
 */
export interface OutcomeCounts {
  /** Requests of the plan, sent or not. */
  readonly offered: Count;
  /** Requests handed to the transport. */
  readonly sent: Count;
  /** Requests that ended well; all latencies come from them. */
  readonly completed: Count;
  /** Requests that the server failed, or that failed on the way. */
  readonly failed: Count;
  /** Requests that the client stopped; in no result. */
  readonly cancelled: Count;
  /**
   * Requests whose user left before the end, as the plan had it: neither failures nor in the latencies;
   * the tokens until then count in the throughput.
   */
  readonly cancelledAsPlanned: Count;
  /** Requests that the in-flight limit kept from being sent; in no result. */
  readonly dropped: Count;
  /**
   * completed ÷ (offered − cancelledAsPlanned): what was never sent, or not waited for, is no success.
   */
  readonly successRate: number | undefined;
}

/** One percentile of a distribution. */
export interface Percentile {
  /** 50 = median, 99.9 = the value that one in a thousand exceeds. */
  readonly p: number;
  /** Absent when there are fewer than 100 ÷ (100 − p) values. */
  readonly value: number | undefined;
}

/** A set of numbers in short. Without values all but `count` are absent, never 0. */
export interface Distribution {
  /** Number of values. */
  readonly count: Count;
  /** Smallest value. */
  readonly min: number | undefined;
  /** Largest value. */
  readonly max: number | undefined;
  /** Sum ÷ count. */
  readonly mean: number | undefined;
  /** Middle value; unlike `p50` it needs no minimum number of samples. */
  readonly median: number | undefined;
  /** Population standard deviation (÷ n, not n − 1): the values are all there were. */
  readonly std: number | undefined;
  /** Percentiles, in the requested order. */
  readonly percentiles: readonly Percentile[];
}

/** A metric and its distribution over the completed requests. */
export interface MetricSummary
  extends Pick<Metric, "name" | "title" | "unit" | "better" | "per" | "formula"> {
  /** Distribution, in the metric's unit. */
  readonly distribution: Distribution;
  /** What the client's stamps leave open about it; absent = unknown, or not a time. */
  readonly brackets: DistributionBrackets | undefined;
  /** What chance leaves open about it; absent = the load was too short to tell. */
  readonly intervals: DistributionIntervals | undefined;
}

/** Results of one metric; absent when there is no metric of this name. */
export function metricOf(
  { metrics }: { readonly metrics: readonly MetricSummary[] },
  name: string,
): MetricSummary | undefined {
  return metrics.find((metric) => metric.name === name);
}

/** What is open about the percentile at a position: for the client, and by chance. */
export function percentileDoubt(
  { brackets, intervals }: Pick<MetricSummary, "brackets" | "intervals">,
  position: number,
): { readonly client: Bracket | undefined; readonly sampling: Interval | undefined } {
  return {
    client: brackets?.percentiles[position]?.bracket,
    sampling: intervals?.percentiles[position]?.interval,
  };
}
