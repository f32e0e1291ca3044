/**
 * The shape of one load's results.
 *
 * @module
 */
import type { Outcome, RequestRecord } from "../backends/record.ts";
import type { Approximation } from "./summary_approximation.ts";
import type { Arrivals } from "./summary_arrivals.ts";
import type { ClientErrorEstimate } from "./check_calibration.ts";
import type { Check } from "./check.ts";
import type { GpuSummary } from "./summary_gpu.ts";
import type { Histogram } from "./stat_histogram.ts";
import type { InFlight } from "./summary_in_flight.ts";
import type { Metric } from "./metric.ts";
import type { Counts, Failure } from "./summary_outcomes.ts";
import type { Distribution } from "./stat_quantile.ts";
import type { ClientHealth, LoadPlan } from "./run.ts";
import type { Series } from "./summary_series.ts";
import type { SloLimit } from "./summary_slo.ts";
import type { StreamShape } from "./summary_stream_shape.ts";
import type { Throughput } from "./summary_throughput.ts";
import type { Cache, Lengths, TokenTotals } from "./summary_token_totals.ts";
import type { Verdict } from "./check_verdict.ts";

/** Results of one load, from its measured requests only. Times in ms from its start. */
export interface LoadSummary {
  /** Name of the load, e.g. `64 users`. */
  readonly label: string;
  /** What was asked for. */
  readonly plan: LoadPlan;
  /** Stopped by hand or with its client: planned and measured load differ. */
  readonly interrupted: boolean;
  /** Whether the load's end was recorded; else durations are taken from the last stamps. */
  readonly complete: boolean;
  /** From the start to the end of the last request counted. */
  readonly durationMs: number;
  /** How many requests ended in which way. */
  readonly counts: Counts;
  /** Causes, most frequent first. */
  readonly failures: readonly Failure[];
  /** Rates of completed requests and their tokens. */
  readonly throughput: {
    /** All of it, ramp-up and drain included. */
    readonly run: Throughput;
    /** From the end of the ramp-up to the first moment when nothing was left to send. */
    readonly steady: Throughput | undefined;
  };
  /** Open loops only. */
  readonly arrivals: Arrivals | undefined;
  /** Totals of completed requests. */
  readonly tokens: { readonly prompt: TokenTotals; readonly output: TokenTotals };
  /** Requested and delivered answer lengths. */
  readonly lengths: Lengths;
  /** What the engine's prefix cache spared. */
  readonly cache: Cache;
  /** In which portions the tokens came. */
  readonly stream: StreamShape;
  /** In display order; metrics of open loops are left out of closed ones. */
  readonly metrics: readonly MetricSummary[];
  /** How near percentiles and the course over time are; absent = all of it is exact. */
  readonly approximation: Approximation | undefined;
  /** Absent when no limits were given. */
  readonly slo: SloSummary | undefined;
  /** Requests at the same time. */
  readonly inFlight: InFlight;
  /** Sent requests by connection. */
  readonly connections: Readonly<Record<RequestRecord["connection"], number>>;
  /** Absent when it was not observed. */
  readonly client: ClientSummary | undefined;
  /** Absent when they were not sampled. */
  readonly gpu: GpuSummary | undefined;
  /** Was it the server that was measured? Absent when nothing was observed of the client. */
  readonly verdict: Verdict | undefined;
  /** The load over time. */
  readonly series: Series;
  /** Bars of the latencies. */
  readonly histograms: readonly MetricHistogram[];
  /** A sample of requests, evenly spread over the load by their numbers. */
  readonly timeline: readonly TimelineEntry[];
  /** Doubts and confirmations. */
  readonly checks: readonly Check[];
}

/** What the client saw of itself, and what its part in the numbers is. */
export interface ClientSummary extends ClientHealth {
  /** Absent when there is nothing to estimate it from. */
  readonly error: ClientErrorEstimate | undefined;
}

/** A metric and its distribution over the completed requests. */
export interface MetricSummary
  extends Pick<Metric, "name" | "title" | "unit" | "better" | "per" | "formula"> {
  /** In the metric's unit. */
  readonly distribution: Distribution;
}

/** Bars of one metric. */
export interface MetricHistogram extends Pick<Metric, "name" | "title" | "unit">, Histogram {}

/** How many requests kept the limits. */
export interface SloSummary {
  /** One by one, in the order given. */
  readonly limits: readonly (SloLimit & {
    /** Completed requests that kept this limit. */
    readonly met: number;
    /** met ÷ offered. */
    readonly attainment: number | undefined;
  })[];
  /** Requests that kept all limits. */
  readonly good: number;
  /** good ÷ duration, a second. */
  readonly goodput: number | undefined;
  /** Good requests that ended in the steady window ÷ its length, a second. */
  readonly steadyGoodput: number | undefined;
  /** good ÷ offered: failed, cancelled and dropped requests are not good. */
  readonly attainment: number | undefined;
}

/** One request of the timeline. */
export interface TimelineEntry {
  /** Number of the request in its load; users of a closed loop have numbers of their own. */
  readonly index: number;
  /** User of a closed loop, lane of an open one. */
  readonly user: number;
  /** When the schedule wanted it to leave. */
  readonly intendedMs: number;
  /** When it left. */
  readonly sentMs: number | undefined;
  /** First event with a token. */
  readonly firstTokenMs: number | undefined;
  /** Last event with a token. */
  readonly lastTokenMs: number | undefined;
  /** End mark, end of body, or failure. */
  readonly endMs: number | undefined;
  /** How it ended. */
  readonly outcome: Outcome["kind"];
}

/** Results of one metric. @throws {RangeError} when the load has no metric of this name. */
export function findMetric(load: LoadSummary, name: string): MetricSummary {
  const metric = load.metrics.find((one) => one.name === name);
  if (metric === undefined) {
    const known = load.metrics.map((one) => one.name).join(", ");
    throw new RangeError(`Cannot find metric "${name}" of ${load.label}: known are ${known}`);
  }
  return metric;
}
