/**
 * Collects what a run tells as it goes on into the one state that its views are drawn from, in memory
 * that does not grow with the run.
 *
 * @module
 */
import { type Clock, systemClock } from "../backends/clock.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { ProgressState } from "./live_progress.ts";
import type { LiveServer, LiveState } from "./live_state.ts";

/** What a board is made with. */
export interface LiveBoardOptions {
  /** Default: this process's. */
  readonly clock?: Clock | undefined;
}

/** A run as it goes on: hooks that are told of it, and the state that is seen. */
export interface LiveBoard {
  /** The run's header; absent = nothing is measured yet. */
  readonly header: RunHeader | undefined;
  /** The run begins. */
  onHeader(header: RunHeader): void;
  /** A load was decided that the header does not know. */
  onPlan(plan: LoadPlan): void;
  /** How far it is, a few times a second. */
  onProgress(progress: ProgressState): void;
  /** A request has ended. */
  onRecord(record: RequestRecord): void;
  /** A load has ended. */
  onLoadEnd(end: LoadEnd): void;
  /** The server's metrics were read. */
  onScrape(server: LiveServer): void;
  /** The run as it is now. */
  state(): LiveState;
  /**
   * Calls `listener` when there is something new, a few times a second at most.
   *
   * @returns what ends that.
   */
  subscribe(listener: () => void): () => void;
}

/** Makes an empty board. */
export function createLiveBoard({ clock = systemClock }: LiveBoardOptions = {}): LiveBoard {
  void clock;
  throw new Error("not yet");
}
