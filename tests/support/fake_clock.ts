/**
 * A clock that moves only when everybody waits for it.
 *
 * @module
 */
import { type Clock, nextTurn } from "../../backends/clock.ts";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Time for tests: starts at 0, jumps from one due sleeper to the next. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #sleepers: Sleeper[] = [];
  readonly #turn: () => Promise<void>;

  /** @param io the work also waits for sockets or files; without them a step takes no time at all. */
  constructor({ io = true }: { readonly io?: boolean } = {}) {
    this.#turn = io ? () => new Promise((resolve) => setTimeout(resolve, 0)) : nextTurn;
  }

  now(): number {
    return this.#nowMs;
  }

  sleepUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (atMs <= this.#nowMs || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { atMs, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** Moves time on until the work is done; fails when nobody waits and it still is not. */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = work.finally(() => {
      settled = true;
    });
    // Failures surface from `done` below, not as an unhandled rejection on the way.
    done.catch(() => {});
    for (;;) {
      await this.#quiet();
      if (settled) return await done;
      const dueMs = Math.min(...this.#sleepers.map(({ atMs }) => atMs));
      if (dueMs === Infinity) {
        throw new Error("Nobody waits for the clock, and the work is not done");
      }
      this.#nowMs = dueMs;
      for (const sleeper of this.#sleepers.filter(({ atMs }) => atMs === dueMs)) sleeper.wake();
    }
  }

  /** Lets every promise that can go on go on. */
  async #quiet(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await this.#turn();
  }
}
