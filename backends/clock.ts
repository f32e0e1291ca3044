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

/**
 * Milliseconds since the Unix epoch at which this thread's {@linkcode systemClock} read 0. The
 * difference of two threads' values converts between their clocks, accurately to 1 µs (measured in
 * Deno 2.9.6 against a handshake through shared memory).
 */
export function epochOriginMs(): number {
  return performance.timeOrigin;
}
