/**
 * What a client showed of itself during one load: how busy it was, and how late its stamps.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** What the client measured of itself during one load. Values that are not known are absent. */
export interface ClientHealth {
  /** CPU time of the client process ÷ wall time; 1 = one core busy. */
  readonly cpuCores?: number;
  /** Median lateness of timers on the reading thread, in ms. */
  readonly loopLagP50Ms?: number;
  /** 99th percentile of that lateness, in ms. */
  readonly loopLagP99Ms?: number;
  /** Largest lateness of those timers, in ms. */
  readonly loopLagMaxMs?: number;
  /** Largest resident memory sampled, in MiB. */
  readonly peakRssMiB?: number;
  /** CPU time of the busiest reading thread ÷ wall time, helper threads excluded. */
  readonly threadCpu?: number;
  /** Share of the time in which that thread was ready to run and waited for a core. */
  readonly threadWait?: number;
  /** Open files and sockets of the process at the end of the load. */
  readonly descriptors?: Count;
  /** Limit of open files and sockets (`ulimit -n`). */
  readonly descriptorLimit?: Count;
  /**
   * Share of reads that the kernel stamped on arrival, so that reading them late does no harm.
   * Absent where there were none: only `epoll` has kernel stamps.
   */
  readonly kernelStampedReads?: number;
  /** Pooled connections that the server had closed and that were replaced. */
  readonly replacedConnections?: Count;
}

/** How late something was, in ms; absent without values. */
export interface LatenessSpread {
  /** Median. */
  readonly p50Ms?: number;
  /** 90th percentile; absent for fewer than 10 values. */
  readonly p90Ms?: number;
  /** 99th percentile; absent for fewer than 100 values. */
  readonly p99Ms?: number;
  /** Largest. */
  readonly maxMs?: number;
}

/**
 * What a few streams showed of the client while a load ran: they went through the same threads and
 * transport to an engine of ours, in a thread of its own, whose log has the true times.
 */
export interface Witness {
  /** Concurrent streams. */
  readonly streams: Count;
  /** Completed requests that the engine's log knows. */
  readonly requests: Count;
  /** Ticks compared with the log. */
  readonly ticks: Count;
  /** Of these, ticks whose true time lies in what the client's stamp leaves open; absent where the transport leaves it open altogether. */
  readonly ticksInside?: Count;
  /** Of the requests, those whose arrival lies between `sentMs` and `departedMs`; absent likewise. */
  readonly departuresInside?: Count;
  /**
   * Client's stamp − engine's write; − the time planned for it, where the engine was held up for more
   * than 5 ms, as all of the process may have been.
   */
  readonly readLate: LatenessSpread;
  /** Arrival at the engine − `sentMs`. */
  readonly departLate: LatenessSpread;
  /** Width of the windows below, in ms. */
  readonly windowMs: number;
  /** Largest of the same in each window from the start of the load; `null` without a tick. */
  readonly readLateMaxMs: readonly (number | null)[];
  /** Largest arrival − `sentMs` in each window; `null` without a request. */
  readonly departLateMaxMs: readonly (number | null)[];
  /** CPU time of the engine's thread during the load, in ms; absent = unknown. */
  readonly cpuMs?: number;
}
