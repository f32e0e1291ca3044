/**
 * Speed as one user of a load sees it, and what the server's work cost.
 *
 * A rate is the inverse of a time's percentile, never a percentile of rates: as for every latency, p90
 * is then what the slowest tenth of the requests fall short of.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Bracket, DistributionBrackets } from "./load_bracket.ts";
import { metricOf, type MetricSummary, type Percentile } from "./load_figures.ts";
import type { DistributionIntervals } from "./load_interval.ts";

/** A rate that is read from the times of single requests. */
export interface Speed {
  /** As in limits and files: `interactivity:p90`. */
  readonly name: "interactivity" | "user_tokens";
  /** For headings. */
  readonly title: string;
  /** Metric whose inverse it is, in ms per token. */
  readonly metric: "e2e_per_token" | "tpot";
}

/** Speeds in display order. */
export const SPEEDS: readonly Speed[] = [
  { name: "interactivity", title: "Interactivity", metric: "e2e_per_token" },
  { name: "user_tokens", title: "User tokens/s", metric: "tpot" },
];

/** Tokens per second of single requests, slow ones at high percentiles. */
export interface SpeedSummary extends Speed {
  /** Requests that have it. */
  readonly count: Count;
  /** 1000 ÷ mean of the metric. */
  readonly mean: number | undefined;
  /** 1000 ÷ its median. */
  readonly median: number | undefined;
  /** 1000 ÷ its percentiles: the higher, the slower. */
  readonly percentiles: readonly Percentile[];
  /** What the client's stamps leave open about them. */
  readonly brackets: DistributionBrackets | undefined;
  /** What chance leaves open about them. */
  readonly intervals: DistributionIntervals | undefined;
}

/** Speed of one user; all in output tokens per second. */
export interface UserSpeed {
  /** From sent to last token: 1 ÷ `e2e_per_token`. */
  readonly interactivity: SpeedSummary;
  /** Once tokens flow: 1 ÷ `tpot`. */
  readonly userTokens: SpeedSummary;
  /** All output tokens ÷ all end-to-end latencies of the completed requests: long answers weigh more. */
  readonly overall: number | undefined;
  /** Output tokens per second ÷ users of a closed loop, else ÷ requests in flight on average. */
  readonly perUser: {
    /** What the rate is divided by. */
    readonly by: "users" | "in flight";
    /** Over the whole run. */
    readonly run: number | undefined;
    /** Over the steady window. */
    readonly steady: number | undefined;
  };
}

/** Most work in one stretch of a load. */
export interface Peaks {
  /** Length of the stretches, in ms: 1000, or whole time bins near it where values are in histograms. */
  readonly windowMs: number;
  /** Most output tokens in one, per second. */
  readonly outputTokensPerSec: number | undefined;
  /** Start of that one, in ms. */
  readonly tokensFromMs: number | undefined;
  /** Most completed requests in one, per second. */
  readonly requestsPerSec: number | undefined;
  /** Start of that one, in ms. */
  readonly requestsFromMs: number | undefined;
}

/** The server that does the work, as the user says it is. */
export interface ServerScale {
  /** GPUs of the server; absent = not given. */
  readonly gpus: number | undefined;
  /** What an hour of the whole server costs, in a currency of the user's. */
  readonly costPerHour: number | undefined;
}

/** What the work of one window cost. */
export interface Economy {
  /** Output tokens per second and GPU. */
  readonly outputTokensPerSecPerGpu: number | undefined;
  /** Cost of a million output tokens, in the currency of the hour. */
  readonly costPerMillionOutputTokens: number | undefined;
}

/** What the work of a load cost. */
export interface LoadEconomy {
  /** Over the whole run. */
  readonly run: Economy;
  /** Over the steady window. */
  readonly steady: Economy | undefined;
}

/** Tokens per second at a time per token; absent where there is none, or no end to it. */
export function perSecond(msPerToken: number | undefined): number | undefined {
  const rate = 1000 / (msPerToken ?? 0);
  return rate > 0 && Number.isFinite(rate) ? rate : undefined;
}

/** The ends change places: the longest time is the lowest rate. Absent where a rate has no end. */
export function rateEnds<Ends extends Bracket>(ends: Ends | undefined): Bracket | undefined {
  const [low, high] = [perSecond(ends?.high), perSecond(ends?.low)];
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** A speed of a load; without values where its metric has none. */
export function speedOf(
  speed: Speed,
  load: { readonly metrics: readonly MetricSummary[] },
): SpeedSummary {
  const { distribution, brackets, intervals } = metricOf(load, speed.metric) ?? {};
  return {
    ...speed,
    count: distribution?.count ?? 0,
    mean: perSecond(distribution?.mean),
    median: perSecond(distribution?.median),
    percentiles:
      distribution?.percentiles.map(({ p, value }) => ({ p, value: perSecond(value) })) ??
        [],
    brackets: brackets && {
      mean: rateEnds(brackets.mean),
      median: rateEnds(brackets.median),
      percentiles: brackets.percentiles.map(({ p, bracket }) => ({
        p,
        bracket: rateEnds(bracket),
      })),
    },
    intervals: intervals && {
      mean: rateEnds(intervals.mean),
      median: rateEnds(intervals.median),
      percentiles: intervals.percentiles.map(({ p, interval }) => ({
        p,
        interval: rateEnds(interval),
      })),
    },
  };
}
