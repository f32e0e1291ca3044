/**
 * The limit of requests that have not had the first bytes of their answer: what the server reads at
 * once.
 *
 * @module
 */

/** One thread's part of the limit of a load: together they are the limit. */
export function prefillShare(limit: number, worker: number, workers: number): number {
  return Math.floor(limit / workers) + (worker < limit % workers ? 1 : 0);
}

/** One machine's part of a limit, and the number of a thread among its own. */
export function limitHere(
  limit: number,
  { worker, workers, agents = 1 }: {
    readonly worker: number;
    readonly workers: number;
    readonly agents?: number;
  },
): { readonly limit: number; readonly worker: number; readonly workers: number } {
  return {
    limit: prefillShare(limit, worker % agents, agents),
    worker: Math.floor(worker / agents),
    workers: workers / agents,
  };
}

/** Lets so many in at once; others wait, first come, first served. */
export class PrefillGate {
  #free: number;
  #waiting: ((entered: boolean) => void)[] = [];
  #closed = false;

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Whether it may go in now, without waiting. */
  enter(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** Waits until it may go in; `false` = that will not be. */
  wait(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** One is out: the next may go in. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next(true);
  }

  /** Nobody goes in any more. */
  close(): void {
    this.#closed = true;
    for (const refuse of this.#waiting.splice(0)) refuse(false);
  }
}
