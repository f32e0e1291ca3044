/**
 * The thread of a `Ticker`: sleeps on shared memory until an instant, then signals it.
 *
 * @module
 */
import { epochOriginMs, systemClock } from "./clock.ts";
import { inWorker, workerScope } from "./worker.ts";

/** Counts the instants that were requested. */
export const WORD_REQUESTS = 0;
/** Counts the instants that have come. */
export const WORD_TICKS = 1;
/** Not 0: end. */
export const WORD_CLOSE = 2;
/** Words of 32 bits, an even number; the instant follows as a double on the requester's clock. */
export const WORDS = 4;

export interface TickerStart {
  readonly memory: SharedArrayBuffer;
  /** Origin of the requester's clock, in ms since the epoch. */
  readonly originMs: number;
}

function tick({ memory, originMs }: TickerStart): void {
  const words = new Int32Array(memory, 0, WORDS);
  const due = new Float64Array(memory, WORDS * 4, 1);
  const shiftMs = originMs - epochOriginMs();
  let done = 0;
  while (Atomics.load(words, WORD_CLOSE) === 0) {
    const requests = Atomics.load(words, WORD_REQUESTS);
    // An instant that is replaced while it is read has a new count, which ends the wait at once.
    const leftMs = requests === done ? Infinity : due[0]! + shiftMs - systemClock.now();
    if (leftMs > 0) Atomics.wait(words, WORD_REQUESTS, requests, leftMs);
    else {
      done = requests;
      Atomics.add(words, WORD_TICKS, 1);
      Atomics.notify(words, WORD_TICKS);
    }
  }
}

if (inWorker("backends/ticker_worker.ts")) {
  const scope = workerScope<TickerStart, "ready">();
  scope.onmessage = (event) => {
    scope.postMessage("ready");
    tick(event.data);
  };
}
