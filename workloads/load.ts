/**
 * The load of one measurement: how much is sent, when, and until when.
 *
 * @module
 */
import type { RateStagePlan } from "../metrics/run.ts";

/** A time in ms, or a distribution of times. */
export type TimeSpec =
  /** Always the same. */
  | { readonly kind: "fixed"; readonly ms: number }
  /** From `low` to `high`. */
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  /** A bell; what is below 0 counts as 0. */
  | { readonly kind: "normal"; readonly mean: number; readonly std: number }
  /** `median` · exp(`sigma` · z). */
  | { readonly kind: "lognormal"; readonly median: number; readonly sigma: number }
  /** As between independent events. */
  | { readonly kind: "exponential"; readonly mean: number };

/** Users who leave: their requests are cancelled. */
export interface CancelSpec {
  /** Of all requests, above 0 and up to 1. */
  readonly share: number;
  /** What the time counts from: sending, or the first bytes of the answer. */
  readonly from: "sent" | "first";
  /** How long after it, in ms. */
  readonly afterMs: number;
}

/** N users, each sending its next request when the last one has ended. */
export interface ClosedLoad {
  /** Tells it from an open load. */
  readonly kind: "closed";
  /** Each with at most one request in flight. */
  readonly users: number;
  /** User i starts at i · rampUpMs ÷ users. */
  readonly rampUpMs: number;
  /**
   * Which prompt a user sends next. `disjoint`: user i takes i, i + N, i + 2N … of the seeded
   * order, so that no two users send the same prompt while the pool lasts, and all draw on one count
   * of requests, so that they stop together; `rounds`: the same prompts, but each user has a share
   * of the requests to itself; `shared`: the next free user takes the next prompt; `legacy`: rotation and reversal of the api_bench_tools script;
   * `shuffled`: each user goes once through the pool in an order of its own, drawn from `seed`.
   */
  readonly sequence: "disjoint" | "rounds" | "shared" | "legacy" | "shuffled";
  /** For `shuffled`; default 0. */
  readonly seed?: number;
  /** From the end of an answer to the user's next request; absent = none. */
  readonly thinkTime?: TimeSpec;
}

/** Requests leave on a fixed schedule, whatever the server does. */
export interface OpenLoad {
  /** Tells it from a closed load. */
  readonly kind: "open";
  /**
   * Gaps between requests: all equal, exponential, exponential and stretched to last as long as planned,
   * or gamma with `shape`.
   */
  readonly arrival: "constant" | "poisson" | "calibrated-poisson" | "gamma";
  /** Infinity = all at once; with stages the highest. */
  readonly ratePerSec: number;
  /** Rate over time; absent = it stays the same. */
  readonly stages?: readonly RateStagePlan[];
  /** Gamma shape: 1 = Poisson, below 1 burstier, above 1 smoother. */
  readonly shape: number;
  /** Limit of requests in flight; 0 = none. */
  readonly maxInFlight: number;
  /** At the limit: `wait` (lateness is shown) or `drop` (counted). */
  readonly overflow: "wait" | "drop";
  /** Draw the gaps as numpy does after `np.random.seed`, to repeat a script's load (Poisson only). */
  readonly legacyRng?: boolean;
}

/**
 * Requests that the leading thread gives out one by one, each with its instant: sessions, whose
 * requests wait for others, and recorded schedules.
 */
export interface ReplayLoad {
  /** Tells it from other loads. */
  readonly kind: "replay";
  /** `sessions`: each request after what it waits for; `schedule`: at recorded instants. */
  readonly mode: "sessions" | "schedule";
  /** Sessions: session trees that are alive at once; schedule: 0. */
  readonly users: number;
  /** Sessions: slot i starts at i · rampUpMs ÷ users; default 0. */
  readonly rampUpMs?: number;
  /** Schedule: recorded times are divided by it. */
  readonly speedup: number;
  /** Schedule: requests per second where they are densest; absent = not known. */
  readonly peakPerSec?: number;
  /** Schedule: how long it takes; absent = not known. */
  readonly lastMs?: number;
  /** Schedule: limit of requests in flight; 0 = none. */
  readonly maxInFlight: number;
  /** Schedule: at the limit, `wait` or `drop`. */
  readonly overflow: "wait" | "drop";
}

/** One load of a command. */
export type Load = ClosedLoad | OpenLoad | ReplayLoad;

/** When a load stops sending; with both, whichever comes first. */
export interface Stop {
  /** Absent = no limit. */
  readonly requests?: number;
  /** Milliseconds from the start; absent = no limit. */
  readonly durationMs?: number;
  /** Stop when every prompt was sent once; otherwise a pool that is used up starts over. */
  readonly once?: boolean;
}

/** The stop with the number of requests that a pool of that size gives, where only it ends the load. */
export function stopOfPool(stop: Stop, poolSize: number): Stop {
  const endless = stop.requests === undefined && stop.durationMs === undefined;
  return endless && stop.once === true ? { ...stop, requests: poolSize } : stop;
}

/** Whether its requests leave at instants of their own, and not only because others have ended. */
export function hasInstants(load: Load): boolean {
  return load.kind !== "closed" || load.thinkTime !== undefined;
}

/** `64 users`, `8 req/s poisson`. */
export function loadLabel(load: Load): string {
  if (load.kind === "closed") {
    const users = `${load.users} ${load.users === 1 ? "user" : "users"}`;
    return load.thinkTime === undefined ? users : `${users} with think time`;
  }
  if (load.kind === "replay") {
    if (load.mode === "sessions") {
      return `${load.users} ${load.users === 1 ? "session" : "sessions"}`;
    }
    return load.speedup === 1 ? "as recorded" : `as recorded × ${load.speedup}`;
  }
  if (load.ratePerSec === Infinity) return "all at once";
  const rate = load.stages === undefined ? `${load.ratePerSec}` : ratePath(load.stages);
  return `${rate} req/s ${load.arrival}`;
}

/** Rates in the label of a load with stages, at most. */
const PATH_RATES = 6;

/** `2→16→2`: the rates that stages go through. */
function ratePath(stages: readonly RateStagePlan[]): string {
  const rates = stages.flatMap(({ fromPerSec, toPerSec }) => [fromPerSec, toPerSec])
    .filter((rate, i, all) => rate !== all[i - 1]);
  if (rates.length <= PATH_RATES) return rates.join("→");
  return `${rates.slice(0, PATH_RATES - 1).join("→")}→…→${rates.at(-1)}`;
}
