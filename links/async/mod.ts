/**
 * Stand-in for `@std/async` where JSR cannot be reached: the functions that we use, over
 * `node:timers/promises` and abort signals. `tests/links_test.ts` states what they must do.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the delay early: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** `false`: the wait alone does not keep the process running. */
  persistent?: boolean;
}

/** Resolves after `ms` milliseconds. */
export async function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  signal?.throwIfAborted();
  try {
    await sleep(ms, undefined, { ref: persistent, ...(signal && { signal }) });
  } catch (error) {
    // node:timers rejects with an error of its own; the reason is what callers wait for.
    throw signal?.aborted ? signal.reason : error;
  }
}

/** The promise's result, unless the signal is aborted first; the work itself goes on. */
export async function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, p]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early as well. */
  signal?: AbortSignal;
}

/** The promise's result, or a `TimeoutError` after `ms` milliseconds; the work itself goes on. */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const signals = options.signal === undefined ? [] : [options.signal];
  return await abortable(p, AbortSignal.any([AbortSignal.timeout(ms), ...signals]));
}
