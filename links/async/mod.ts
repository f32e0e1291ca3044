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

/**
 * Calls `iteratorFn` for each item, at most `poolLimit` at once, and yields the results in the
 * order of the items. After the first failure nothing new is started; results of what still runs
 * are yielded, then all failures are thrown as one `AggregateError`.
 */
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  const results: Promise<R>[] = [];
  const errors: unknown[] = [];
  let started = Promise.withResolvers<void>();
  const work = (async () => {
    const running = new Set<Promise<void>>();
    for await (const item of array) {
      const result = Promise.resolve(item).then(iteratorFn);
      const settled = result.then(() => {}, (error) => void errors.push(error))
        .finally(() => running.delete(settled));
      running.add(settled);
      results.push(result);
      started.resolve();
      if (running.size >= poolLimit) await Promise.race(running);
      if (errors.length > 0) break;
    }
    await Promise.all(running);
  })().catch((error) => void errors.push(error));
  return (async function* () {
    for (let next = 0;; next++) {
      while (next === results.length) {
        started = Promise.withResolvers();
        const more = await Promise.race([started.promise.then(() => true), work.then(() => false)]);
        if (!more && next === results.length) {
          if (errors.length === 0) return;
          throw new AggregateError(errors, "Cannot complete the mapping: an item failed");
        }
      }
      // A failure is among the errors.
      const result = await results[next]!.then((value) => ({ value }), () => undefined);
      if (result !== undefined) yield result.value;
    }
  })();
}
