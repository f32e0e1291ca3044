/**
 * Stand-in for `@std/async` where JSR cannot be reached: the functions that we use.
 * `tests/links_test.ts` states what they must do.
 *
 * @module
 */

/** Resolves after `ms` milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
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
