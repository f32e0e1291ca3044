/**
 * The client's part in the results of one load: what it measured of itself, its error, a verdict.
 *
 * @module
 */
import type { CalibrationLoad, ClientHealth, ErrorSpread } from "./run.ts";

/** What the client measured of itself, and its part in the numbers. */
export interface ClientSummary extends ClientHealth {
  /** Error of this client's numbers; absent when there is nothing to estimate it from. */
  readonly error: ClientErrorEstimate | undefined;
}

/** Median, tail and largest error of one metric. */
export type ErrorBound = Pick<ErrorSpread, "p50Ms" | "p99Ms" | "maxMs">;

/** The client's part in the latencies of a load. */
export interface ClientErrorEstimate {
  /**
   * `calibration`: measured against the engine's log under a load like this one; `heavier`: the
   * same, under a load more than twice as heavy, hence an upper bound; `timers`: not calibrated, the
   * lateness of the client's own timers shows its order of magnitude. It is no bound: tokens of many
   * streams that arrive together are read one after the other, and timers seldom fall there.
   */
  readonly basis: "calibration" | "heavier" | "timers";
  /** The kernel stamped practically all arrivals: late timers say little about them. */
  readonly kernelStamped: boolean;
  /** Calibrated load that the error comes from. */
  readonly cell: CalibrationLoad | undefined;
  /** When this client was calibrated, if only with lighter loads, ISO 8601. */
  readonly savedAt: string | undefined;
  /** Error of the time to first token. */
  readonly ttft: ErrorBound;
  /** Error of the mean time per output token. */
  readonly tpot: ErrorBound;
  /** Error of one gap between tokens. */
  readonly itl: ErrorBound;
  /** Error of the end-to-end latency. */
  readonly e2e: ErrorBound;
  /** Options of `tokometer calibrate` for a load like this one; absent where it cannot play it. */
  readonly like: string | undefined;
}

/**
 * `ok`: the client had time, the numbers are the server's; `suspect`: some numbers, mostly the
 * tails, are partly the client's; `client-bound`: the client was the limit, the server may be faster.
 */
export type VerdictKind = "ok" | "suspect" | "client-bound";

/** Why the verdict is not `ok`. */
export interface VerdictReason {
  /** Name of the rule, stable, snake case. */
  readonly rule: string;
  /** How bad this reason is by itself. */
  readonly kind: Exclude<VerdictKind, "ok">;
  /** What was found, with the numbers. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Whether a load's numbers are the server's or the client's. */
export interface Verdict {
  /** The worst of the reasons. */
  readonly kind: VerdictKind;
  /** The verdict in one sentence, without the reasons. */
  readonly message: string;
  /** The worst first; empty when `ok`. */
  readonly reasons: readonly VerdictReason[];
}
