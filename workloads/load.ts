/**
 * How hard, when and for how long: the load of one measurement.
 *
 * @module
 */

/** N users, each sending its next request when the last one has ended. */
export interface ClosedLoad {
  /** Tells it from an open load. */
  readonly kind: "closed";
  /** How many there are, each with at most one request in flight. */
  readonly users: number;
  /** User i starts at i · rampUpMs ÷ users. */
  readonly rampUpMs: number;
  /**
   * Which prompt a user sends next. `disjoint`: user i takes i, i + N, i + 2N … of the seeded
   * order, so neighbours never overlap while the pool lasts; `shared`: the next free user takes
   * the next prompt; `legacy`: rotation and reversal of the api_bench_tools script; `shuffled`:
   * each user goes once through the whole pool in an order of its own, drawn from `seed`.
   */
  readonly sequence: "disjoint" | "shared" | "legacy" | "shuffled";
  /** Of `shuffled` orders; default 0. */
  readonly seed?: number;
}

/** Requests leave on an absolute schedule, whatever the server does. */
export interface OpenLoad {
  /** Tells it from a closed load. */
  readonly kind: "open";
  /** Gaps between requests: all equal, exponential, or gamma with `shape`. */
  readonly arrival: "constant" | "poisson" | "gamma";
  /** Infinity = all at once. */
  readonly ratePerSec: number;
  /** Gamma shape: 1 = Poisson, below 1 burstier, above 1 smoother. */
  readonly shape: number;
  /** Limit of requests in flight; 0 = none. */
  readonly maxInFlight: number;
  /** At the limit: `wait` (lateness is shown) or `drop` (counted). */
  readonly overflow: "wait" | "drop";
  /** Draw the gaps as numpy after `np.random.seed` does, to repeat a script's (Poisson only). */
  readonly legacyRng?: boolean;
}

/** One load of a command. */
export type Load = ClosedLoad | OpenLoad;

/** When a load stops sending; with both, whichever comes first. */
export interface Stop {
  /** Total requests; absent = no limit. */
  readonly requests?: number;
  /** Milliseconds from the start; absent = no limit. */
  readonly durationMs?: number;
  /** Stop when every prompt of the pool was sent once; otherwise a pool that ends starts over. */
  readonly once?: boolean;
}

/** `64 users`, `8 req/s poisson`. */
export function loadLabel(load: Load): string {
  if (load.kind === "closed") return `${load.users} ${load.users === 1 ? "user" : "users"}`;
  if (load.ratePerSec === Infinity) return "all at once";
  return `${load.ratePerSec} req/s ${load.arrival}`;
}
