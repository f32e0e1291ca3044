/**
 * How far a load is while it runs, for the progress line.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { RateStagePlan } from "../metrics/run.ts";
import { isFailure } from "../metrics/summary_outcomes.ts";
import type { ProgressState } from "./live_progress.ts";
import type { Stop } from "./load.ts";
import { stageAt } from "./load_stages.ts";
import type { LoadThreads } from "./load_threads.ts";
import type { LiveLoad } from "./run_finder.ts";

/** The load that is counted. */
export interface LoadProgressOptions {
  /** `warm-up` or `measuring`. */
  readonly phase: string;
  /** 0-based number of the load. */
  readonly load: number;
  /** How many there are; absent = nobody knows. */
  readonly loads?: number | undefined;
  readonly label: string;
  /** Stages of its rate; absent = there are none. */
  readonly stages?: readonly RateStagePlan[] | undefined;
  /** When it ends, from which the time left is estimated. */
  readonly stop: Stop;
  readonly onProgress: ((state: ProgressState) => void) | undefined;
}

/** Counts the requests of one load. */
export class LoadProgress {
  readonly #threads: LoadThreads;
  readonly #options: LoadProgressOptions;
  #startMs: number = systemClock.now();
  #done = 0;
  #failed = 0;
  #tokens = 0;
  #reads = 0;
  /** Reads of all threads at the last report. */
  #lastReads: number;
  #lastAtMs: number = this.#startMs;
  #tokensPerSec: number | undefined;

  constructor(threads: LoadThreads, options: LoadProgressOptions) {
    this.#threads = threads;
    this.#options = options;
    this.#lastReads = threads.live().reads;
  }

  /** The load begins only now. */
  begin(): void {
    this.#startMs = this.#lastAtMs = systemClock.now();
    this.#lastReads = this.#threads.live().reads;
  }

  /** Counts a request that has ended. */
  add(record: RequestRecord): void {
    const { outputTokens, reads } = record;
    this.#done++;
    if (isFailure(record)) this.#failed++;
    this.#tokens += outputTokens?.tokens ?? 0;
    this.#reads += reads;
  }

  /** Counts a request that was never sent. */
  addDropped(): void {
    this.#failed++;
  }

  /** Tells how far it is, and returns what can be seen from outside. */
  report(): LiveLoad {
    const { phase, load, loads, label, stages, stop, onProgress } = this.#options;
    const live = this.#threads.live();
    const nowMs = systemClock.now();
    // Events in flight are not decoded yet: reads stand for tokens, by the ratio seen so far.
    const tokensPerRead = this.#reads > 0 ? this.#tokens / this.#reads : 1;
    if (nowMs > this.#lastAtMs) {
      // A counter of 32 bits wraps around.
      const reads = (live.reads - this.#lastReads) >>> 0;
      this.#tokensPerSec = (reads * tokensPerRead * 1000) / (nowMs - this.#lastAtMs);
    }
    this.#lastReads = live.reads;
    this.#lastAtMs = nowMs;
    const elapsedMs = nowMs - this.#startMs;
    const inFlight = live.sent - live.ended;
    onProgress?.({
      ...{ phase, load },
      label: stages === undefined
        ? label
        : `${label}, stage ${stageAt(stages, elapsedMs) + 1} of ${stages.length}`,
      done: this.#done,
      failed: this.#failed,
      inFlight,
      elapsedMs,
      ...defined({
        loads,
        total: stop.requests,
        tokensPerSec: this.#tokensPerSec,
        leftMs: timeLeftMs(stop, this.#done, elapsedMs),
      }),
    });
    return { elapsedMs, sent: live.sent, inFlight };
  }
}

function timeLeftMs(stop: Stop, done: number, elapsedMs: number): number | undefined {
  const byTime = stop.durationMs === undefined ? Infinity : stop.durationMs - elapsedMs;
  const byCount = stop.requests === undefined || done === 0
    ? Infinity
    : (elapsedMs / done) * (stop.requests - done);
  const left = Math.min(byTime, byCount);
  return isFinite(left) ? Math.max(0, left) : undefined;
}
