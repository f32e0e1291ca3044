/**
 * A run as it is seen while it goes on: one state from which the terminal, the page, `/status` and
 * `/metrics` are drawn.
 *
 * @module
 */
import type { LiveFleet } from "./live_fleet.ts";
import type { Outcome } from "../backends/record.ts";

/** A run at one instant. */
export interface LiveState {
  /** `loading prompts`, `warm-up`, `measuring` … */
  readonly phase: string;
  /** Load that is measured: `64 users`. */
  readonly label: string;
  /** Its number, from 1 on; 0 = before the first. */
  readonly load: number;
  /** How many loads there are; absent = they are decided as the run goes on. */
  readonly loads: number | undefined;
  /** Requests of this load that have ended. */
  readonly done: number;
  /** Requests of it, where that is known. */
  readonly total: number | undefined;
  /** Requests that failed or were never sent; what the plan or Ctrl-C cut is no failure. */
  readonly failed: number;
  /** Sent and not ended. */
  readonly inFlight: number;
  /** Output tokens per second since the last update, estimated from reads. */
  readonly tokensPerSec: number | undefined;
  /** Since this load, or phase, began, in ms. */
  readonly elapsedMs: number;
  /** Until its end, where there is an estimate, in ms. */
  readonly leftMs: number | undefined;
  /** Since the run began, in ms. */
  readonly runElapsedMs: number;
  /** Until the end of the whole run, in ms. */
  readonly runLeftMs: number | undefined;
  /** Latencies of the measured requests that completed in the last ten seconds. */
  readonly recent: {
    /** Time to the first token, in ms. */
    readonly ttft: LiveLatency;
    /** Gaps between ticks, in ms. */
    readonly itl: LiveLatency;
    /** To the last token, in ms. */
    readonly e2e: LiveLatency;
  };
  /** What `failed` counts, by kind, most frequent first, with the message of the last. */
  readonly failures: readonly LiveFailure[];
  /** Whether server or client is measured, as far as can be told; absent = too early. */
  readonly verdict: LiveVerdict | undefined;
  /** What the server's metrics said last; absent = they are not read. */
  readonly server: LiveServer | undefined;
  /** The machines that send; absent = one client sends all. */
  readonly fleet: LiveFleet | undefined;
  /**
   * The load so far, or the last one until another is measured, in slices of a second; longer ones when
   * there are more than 600.
   */
  readonly course: LiveCourse;
  /** Loads that have ended. */
  readonly ended: readonly LiveLoadEnd[];
}

/** Failures of one kind. */
export interface LiveFailure {
  /** Its kind. */
  readonly kind: Outcome["kind"];
  /** Requests. */
  readonly count: number;
  /** Message of the last of them, cleaned of secrets; in one line. */
  readonly message: string;
}

/** Whether server or client is measured, as far as can be told while the load runs. */
export interface LiveVerdict {
  /** `ok`: nothing speaks against the client so far. */
  readonly state: "ok" | "doubtful" | "client-bound";
  /** Clause without a period; empty where it is ok. */
  readonly why: string;
}

/** What the server's metrics said last, over all of its endpoints. */
export interface LiveServer {
  /** Requests that it works on. */
  readonly running: number | undefined;
  /** Requests that wait in it. */
  readonly waiting: number | undefined;
  /** Share of the cache in use, 0 to 1. */
  readonly cacheUse: number | undefined;
}

/** Percentiles of the last seconds. */
export interface LiveLatency {
  /** Values. */
  readonly count: number;
  /** Median in ms; absent = too few values. */
  readonly p50Ms: number | undefined;
  /** 99th percentile in ms; absent = too few values. */
  readonly p99Ms: number | undefined;
}

/** A load over time; lists have a value for each slice, the last of which has not ended. */
export interface LiveCourse {
  /** Name of the load; empty = none is measured yet. */
  readonly label: string;
  /** Length of a slice in ms. */
  readonly sliceMs: number;
  /** Output tokens per second, estimated from reads. */
  readonly tokensPerSec: readonly (number | null)[];
  /** Requests per second that completed in the slice. */
  readonly completedPerSec: readonly number[];
  /** Requests in flight at its end. */
  readonly inFlight: readonly (number | null)[];
  /** Median TTFT of requests that ended in it, in ms; `null` = too few. */
  readonly ttftP50Ms: readonly (number | null)[];
  /** 99th percentile of it. */
  readonly ttftP99Ms: readonly (number | null)[];
  /** Median gap between ticks of requests that ended in it, in ms. */
  readonly itlP50Ms: readonly (number | null)[];
  /** 99th percentile of it. */
  readonly itlP99Ms: readonly (number | null)[];
  /** Failures. */
  readonly failed: readonly number[];
}

/** A load that has ended, in short. */
export interface LiveLoadEnd {
  /** Its number, from 1 on. */
  readonly load: number;
  /** Name of the load, e.g. `64 users`. */
  readonly label: string;
  /** Nothing of it was sent: the run was stopped, or the server lost. */
  readonly skipped: boolean;
  /** From its start to the end of its last request, in ms. */
  readonly durationMs: number;
  /** Requests that succeeded. */
  readonly completed: number;
  /** Requests that failed. */
  readonly failed: number;
  /** Output tokens per second over the load. */
  readonly tokensPerSec: number | undefined;
  /** Requests per second that completed. */
  readonly completedPerSec: number | undefined;
  /** Time to the first token. */
  readonly ttft: LiveLatency;
  /** Gaps between ticks. */
  readonly itl: LiveLatency;
  /** To the last token. */
  readonly e2e: LiveLatency;
}
