/**
 * The only file that reads the time. Everything else receives a {@linkcode Clock}, so that tests
 * can use one that they move themselves.
 *
 * @module
 */

/** Monotonic milliseconds and a way to wait for an absolute instant of the same scale. */
export interface Clock {
  /** Monotonic time in milliseconds; only differences have a meaning. */
  now(): number;
  /**
   * Resolves at `atMs` or as soon after it as the platform can, never before. Resolves at once when
   * `signal` is aborted.
   */
  sleepUntil(atMs: number, signal?: AbortSignal): Promise<void>;
}

/** Timers that someone else keeps: no promise per timer. */
export interface TimerQueue {
  /** When the next one is due; Infinity = none. */
  dueMs(): number;
  /** Fires those that are due. */
  fire(): void;
}

/**
 * The last part of a wait, spent yielding to the event loop instead of sleeping, while the loop
 * still serves I/O: Deno's timers are 1.1 ms late at the median.
 */
const FINAL_APPROACH_MS = 1.5;

/** The machine's monotonic clock (`performance.now()`: nanosecond steps, no permission needed). */
export const systemClock: Clock = {
  now: () => performance.now(),
  async sleepUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    while (!signal?.aborted) {
      const leftMs = atMs - performance.now();
      if (leftMs <= 0) return;
      if (leftMs <= FINAL_APPROACH_MS) await nextTurn();
      else await sleepMs(leftMs - FINAL_APPROACH_MS, signal);
    }
  },
};

/** The same clock for waits whose exact end does not matter: by a timer alone, up to 3 ms late. */
export const patientClock: Clock = {
  now: systemClock.now,
  async sleepUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    while (!signal?.aborted) {
      const leftMs = atMs - performance.now();
      if (leftMs <= 0) return;
      // Timers drop fractions and would end early.
      await sleepMs(Math.ceil(leftMs), signal);
    }
  },
};

/** Milliseconds since the Unix epoch: for people and file names, never for latencies. */
export function wallClockMs(): number {
  return Date.now();
}

/** Resolves when one of the signals is aborted, and then listens to none of them. */
export function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some((signal) => signal.aborted)) return resolve();
    const done = () => {
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    for (const signal of signals) signal.addEventListener("abort", done);
  });
}

/**
 * Calls `action` once when the signal is aborted, at once if it is already. The returned function
 * stops listening.
 */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  if (signal.aborted) action();
  else signal.addEventListener("abort", action, { once: true });
  return () => signal.removeEventListener("abort", action);
}

/** Resolves in a later turn of the event loop, after I/O that is ready has been served. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sleepMs(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** The two clocks that {@linkcode epochOriginMs} compares; tests use fake ones. */
export interface OriginClocks {
  /** Monotonic, ms. */
  readonly now: () => number;
  /** Time of day in whole milliseconds, rounded down. */
  readonly wallMs: () => number;
}

/** An origin known to within this is good. */
const ORIGIN_CLOSE_MS = 0.002;
/** No longer than this is spent on it, besides what the thread waits for a core. */
const ORIGIN_LONGEST_MS = 5;
/** And no longer than this altogether. */
const ORIGIN_LIMIT_MS = 60;
/** Where two readings are further apart than this, the thread waited for a core. */
const ORIGIN_WAIT_MS = 0.05;

/**
 * Milliseconds since the Unix epoch at which this thread's {@linkcode systemClock} read 0. The
 * difference of two threads' or processes' values, taken at about the same time, converts between
 * their clocks to within 2 µs. It keeps the thread for 1 or 2 ms: call it once per use, not per event,
 * and both sides together, since the time of day may be set in between.
 *
 * `performance.timeOrigin` says the same, but is off by however long the thread waited for a core
 * between its own two readings. Here each reading of the time of day lies between two of our clock,
 * so that such a wait only makes one of many intervals wide, and all of them contain the origin.
 */
export function epochOriginMs(
  clocks: OriginClocks = { now: () => performance.now(), wallMs: () => Date.now() },
): number {
  let lowMs = -Infinity;
  let highMs = Infinity;
  let spentMs = 0;
  const beganMs = clocks.now();
  for (let beforeMs = beganMs;;) {
    const wallMs = clocks.wallMs();
    const afterMs = clocks.now();
    if (wallMs - afterMs > highMs || wallMs + 1 - beforeMs < lowMs) {
      // The time of day was set: what was known of it before no longer holds.
      lowMs = -Infinity;
      highMs = Infinity;
    }
    lowMs = Math.max(lowMs, wallMs - afterMs);
    highMs = Math.min(highMs, wallMs + 1 - beforeMs);
    if (afterMs - beforeMs < ORIGIN_WAIT_MS) spentMs += afterMs - beforeMs;
    const over = spentMs >= ORIGIN_LONGEST_MS || afterMs - beganMs >= ORIGIN_LIMIT_MS;
    if (highMs - lowMs <= ORIGIN_CLOSE_MS || over) return (lowMs + highMs) / 2;
    beforeMs = afterMs;
  }
}
