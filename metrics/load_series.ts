/**
 * Results of one load over time: rates, requests in flight, GPUs.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import type { Interval } from "./load_interval.ts";
import type { Count } from "./count.ts";
import type { GpuSamples, GpuTrack } from "./run_gpu.ts";

/** A stretch of a load, in ms from its start. */
export interface Window {
  /** First instant inside. */
  readonly fromMs: number;
  /** First instant outside. */
  readonly toMs: number;
}

/** Rates over one window, from completed requests only. */
export interface Throughput extends Window {
  /** Requests that completed inside the window. */
  readonly completed: Count;
  /** Completed requests per second. */
  readonly qps: number | undefined;
  /** Completed requests per minute. */
  readonly rpm: number | undefined;
  /** Output tokens per second; absent when no request has a count. */
  readonly outputTokensPerSec: number | undefined;
  /** Prompt and output tokens per second; absent when either is not counted. */
  readonly totalTokensPerSec: number | undefined;
  /**
   * What the client leaves open about these rates; absent = unknown. The high end is what they would
   * be if the client had sent every request when it was due.
   */
  readonly brackets: {
    /** Of `qps`. */
    readonly qps: Bracket | undefined;
    /** Of `outputTokensPerSec`. */
    readonly outputTokensPerSec: Bracket | undefined;
    /** Of `totalTokensPerSec`. */
    readonly totalTokensPerSec: Bracket | undefined;
  } | undefined;
  /** What chance leaves open about these rates; absent = the load was too short to tell. */
  readonly intervals: {
    /** Of `qps`. */
    readonly qps: Interval | undefined;
    /** Of `outputTokensPerSec`. */
    readonly outputTokensPerSec: Interval | undefined;
    /** Of `totalTokensPerSec`. */
    readonly totalTokensPerSec: Interval | undefined;
  } | undefined;
}

/** Arrival rates of an open loop, in requests per second. */
export interface Arrivals {
  /** Planned rate. */
  readonly plannedPerSec: number | undefined;
  /** Rate of the intended times, as the seeded schedule drew them. */
  readonly scheduledPerSec: number | undefined;
  /** Rate at which this client sent. */
  readonly sentPerSec: number | undefined;
}

/** Requests sent and not yet ended. */
export interface InFlight {
  /** Most at one instant; a request that ends when the next is sent does not overlap it. */
  readonly max: number | undefined;
  /** Time average over the whole run. */
  readonly mean: number | undefined;
  /** Time average over the steady window. */
  readonly steadyMean: number | undefined;
}

/** Consecutive stretches of a load (the last may be shorter) and what happened in each. */
export interface Series {
  /** Length of a stretch, in ms: 1, 2 or 5 × 10ⁿ; whole time bins where values are in histograms. */
  readonly bucketMs: number;
  /** Start of each stretch, in ms from the start of the load. */
  readonly startMs: readonly number[];
  /** Completed requests per second. */
  readonly completedPerSec: readonly number[];
  /** Output tokens per second by arrival, of requests that completed or whose users left as planned. */
  readonly outputTokensPerSec: readonly number[];
  /** Time average of requests in flight. */
  readonly inFlight: readonly number[];
  /** Requests that failed in the stretch: a count, not a rate. */
  readonly failed: readonly Count[];
  /** Requests that were due and that were sent; absent where their rate is not to change. */
  readonly arrivals: SeriesArrivals | undefined;
}

/** Requests by stretch: as planned or recorded, and as this client sent them. */
export interface SeriesArrivals {
  /** Requests that were due, per second. */
  readonly duePerSec: readonly number[];
  /** Requests that left, per second. */
  readonly sentPerSec: readonly number[];
}

/** How near the numbers of a load are that come from histograms and time bins. */
export interface Approximation {
  /** Largest error of a percentile, as a share of its value. */
  readonly relativeError: number;
  /** The same of the steady state, the slices, and shares within a limit, where it is larger; absent = as all. */
  readonly courseError: number | undefined;
  /** Width of the time bins, in ms; the steady window and the series are whole bins. */
  readonly binMs: number;
}

/** GPUs over one load; absent numbers are unknown. */
export interface GpuSummary {
  /** Where samples come from. */
  readonly source: GpuSamples["source"];
  /** GPUs, by their numbers. */
  readonly devices: readonly GpuDeviceSummary[];
  /** Sums over several GPUs. */
  readonly total: GpuTotal;
  /** The course over time, for charts. */
  readonly series: GpuSeries;
}

/** Memory and energy of one or several GPUs. */
export interface GpuUse {
  /** Most memory in use by all processes at one instant, in MiB. */
  readonly memoryMaxMiB: number | undefined;
  /** memoryMaxMiB − memory in use before the run's first request, in MiB. */
  readonly memoryRiseMiB: number | undefined;
  /** Most memory in use by this program and its children at one instant, in MiB. */
  readonly ownMaxMiB: number | undefined;
  /** Energy over the load, in J. */
  readonly energyJ: number | undefined;
}

/** One GPU over one load. */
export interface GpuDeviceSummary extends Pick<GpuTrack, "index" | "name">, GpuUse {
  /** Size of its memory, in MiB. */
  readonly memoryTotalMiB: number | undefined;
  /** Most memory in use by other processes, in MiB. */
  readonly otherMaxMiB: number | undefined;
  /** Mean utilization, 0 to 1. */
  readonly utilizationMean: number | undefined;
  /** Mean power, in W: energy ÷ time where a counter ran for 1 s or more, else the mean sample. */
  readonly powerMeanW: number | undefined;
  /** Where the energy comes from. */
  readonly energyFrom: "counter" | "power" | undefined;
}

/** Sums over the GPUs that this program uses; over all GPUs where it uses none or that is unknown. */
export interface GpuTotal extends GpuUse {
  /** Numbers of the GPUs summed up. */
  readonly devices: readonly Count[];
  /** energyJ ÷ output tokens of completed requests, in J per token. */
  readonly joulesPerOutputToken: number | undefined;
}

/** Samples of a load, thinned out to at most 120 points. */
export interface GpuSeries {
  /** Time of each point, in ms from the start of the load. */
  readonly timeMs: readonly number[];
  /** One per GPU; `null` where a value is unknown. */
  readonly devices: readonly Pick<
    GpuTrack,
    "index" | "memoryMiB" | "ownMiB" | "utilization" | "powerW"
  >[];
}
