/**
 * What decides the loads of a run while it goes on.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { RunFind } from "../metrics/run_find.ts";
import type { Load, Stop } from "./load.ts";

/** A load that was decided. */
export interface DecidedLoad {
  /** What is sent. */
  readonly load: Load;
  /** Until when. */
  readonly stop: Stop;
  /** Rate, users, speed or sessions. */
  readonly probe: number;
  /** Which repeat of the same value it is; absent = the first. */
  readonly repeat?: number;
}

/** A load that runs, as far as it can be seen from outside. */
export interface LiveLoad {
  /** Since it began, in ms. */
  readonly elapsedMs: number;
  /** Requests that were sent. */
  readonly sent: number;
  /** Requests that were sent and have not ended. */
  readonly inFlight: number;
}

/** Decides each load when the one before it has ended. */
export interface LoadFinder {
  /**
   * Called once, when the server has answered.
   *
   * @param answerMs how long a request takes alone.
   * @returns what the run looks for, for its header.
   */
  begin(answerMs: number): RunFind | Promise<RunFind>;
  /** Called once, before the first load. */
  open(header: RunHeader): void;
  /** The next load; absent = the run is over. */
  next(): DecidedLoad | undefined | Promise<DecidedLoad | undefined>;
  /** The load as it was planned, before anything of it is sent. */
  plan(plan: LoadPlan): void;
  /** A request has ended, one of a warm-up, too. */
  see(record: RequestRecord): void;
  /** What another client has seen of the load, in place of its records. */
  absorb?(state: LoadState): void;
  /** Called a few times a second: why the load is to be stopped; absent = it goes on. */
  whyStop(live: LiveLoad): string | undefined;
  /** The load has ended. */
  end(end: LoadEnd): void;
}
