/**
 * The steady state that a test found in a load, beside the stretch that is steady by plan.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Distribution } from "./load_figures.ts";
import type { DistributionIntervals } from "./load_interval.ts";
import type { Throughput, Window } from "./load_series.ts";
import type { Metric } from "./metric.ts";

/** A stretch of the load in which neither throughput nor TTFT has a trend, or why there is none. */
export interface SteadyState {
  /** The stretch; absent = none was found, and there are no numbers of one. */
  readonly window: Window | undefined;
  /** Why none was found, in a sentence without a period. */
  readonly absent: string | undefined;
  /** How the search went; absent where the load was too short to begin. */
  readonly search: SteadySearch | undefined;
  /** Rates inside it: requests by their ends, tokens by their arrival. */
  readonly throughput: Throughput | undefined;
  /** Time average of requests in flight inside it. */
  readonly inFlight: number | undefined;
  /** TTFT, TPOT and E2E of the completed requests that were sent inside it, ITL of gaps that ended there. */
  readonly metrics: readonly SteadyMetric[];
}

/** Where a steady state was looked for, and what the tests said. */
export interface SteadySearch {
  /** From when the requests in flight were reached to when nothing was left to send. */
  readonly searched: Window;
  /** Length of the stretches that were compared, in ms. */
  readonly cellMs: number;
  /** How many of them there are. */
  readonly cells: Count;
  /** Of the output tokens per second. */
  readonly throughput: SteadyTrend;
  /** Of the mean TTFT, by the time of sending. */
  readonly ttft: SteadyTrend;
}

/** The warm-up and the trend of one course. */
export interface SteadyTrend {
  /** Where its warm-up ends, in ms from the start of the load. */
  readonly warmupEndMs: number;
  /** Change from there on, by the slope or by the largest step, as a share of the median; absent = it is 0. */
  readonly change: number | undefined;
  /** How often chance alone makes a trend as clear. */
  readonly pValue: number;
  /** Whether that is a trend. */
  readonly trend: boolean;
}

/** A latency in the steady state. */
export interface SteadyMetric extends Pick<Metric, "name" | "title" | "unit"> {
  /** Its values. */
  readonly distribution: Distribution;
  /** What chance leaves open about it; absent = the stretch is too short to tell. */
  readonly intervals: DistributionIntervals | undefined;
  /** Mean ÷ that of the whole run − 1. */
  readonly meanChange: number | undefined;
  /** Median ÷ that of the whole run − 1. */
  readonly medianChange: number | undefined;
}
