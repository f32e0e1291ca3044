/**
 * The thread of a {@linkcode Ticker}: sleeps on shared memory until an instant, then says so.
 *
 * @module
 */
import { epochOriginMs, systemClock } from "./clock.ts";
import { inWorker, workerScope } from "./worker.ts";

/** Counts the instants that were ordered. */
export const WORD_ORDERS = 0;
/** Counts the instants that have come. */
export const WORD_TICKS = 1;
/** Not 0: end. */
export const WORD_CLOSE = 2;
/** Words of 32 bits, an even number; behind them the instant, as a double on the asker's clock. */
export const WORDS = 4;

/** What the thread is started with. */
export interface TickerOrders {
  readonly memory: SharedArrayBuffer;
  /** Origin of the asker's clock, in ms since the epoch. */
  readonly originMs: number;
}

function tick({ memory, originMs }: TickerOrders): void {
  const words = new Int32Array(memory, 0, WORDS);
  const due = new Float64Array(memory, WORDS * 4, 1);
  const shiftMs = originMs - epochOriginMs();
  let done = 0;
  while (Atomics.load(words, WORD_CLOSE) === 0) {
    const orders = Atomics.load(words, WORD_ORDERS);
    // An instant that is replaced while it is read comes with a new number: the wait ends at once.
    const leftMs = orders === done ? Infinity : due[0]! + shiftMs - systemClock.now();
    if (leftMs > 0) Atomics.wait(words, WORD_ORDERS, orders, leftMs);
    else {
      done = orders;
      Atomics.add(words, WORD_TICKS, 1);
      Atomics.notify(words, WORD_TICKS);
    }
  }
}

if (inWorker("backends/ticker_worker.ts")) {
  const scope = workerScope<TickerOrders, "ready">();
  scope.onmessage = (event) => {
    scope.postMessage("ready");
    tick(event.data);
  };
}
