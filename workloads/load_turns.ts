/**
 * Spreads what a thread does besides reading over the turns of its event loop.
 *
 * Sixty-four users who start together would all be stamped before the first byte of any of them is
 * on the wire, and the time it takes to send the others would be counted as the server's. Likewise
 * sixty-four answers that end together: whatever is done for the first (handing it on, sending the
 * next request) would delay the stamps of the last tokens of the others. So reads always go first,
 * and the rest waits for a turn of its own.
 *
 * @module
 */

/** The two kinds of work that wait. */
export interface Turns {
  /** Before a request leaves: at once when nobody else waits. */
  depart(): Promise<void>;
  /** After an answer has ended: always after the reads that are ready now. */
  finish(): Promise<void>;
}

/**
 * One piece of work a turn while few wait; a sixteenth of them when many do, so that the waiting
 * never limits the rate.
 */
const SHARE_OF_WAITING = 16;

/** @param nextTurn resolves in a later turn of the event loop. */
export function createTurns(nextTurn: () => Promise<void>): Turns {
  const waiting: (() => void)[] = [];
  /** Those before it were released. */
  let first = 0;
  let turning = false;
  const turn = async (): Promise<void> => {
    turning = true;
    do {
      await nextTurn();
      const last = first + Math.ceil((waiting.length - first) / SHARE_OF_WAITING);
      while (first < last) waiting[first++]!();
      if (first > waiting.length / 2) {
        waiting.copyWithin(0, first);
        waiting.length -= first;
        first = 0;
      }
    } while (waiting.length > 0);
    turning = false;
  };
  const wait = (): Promise<void> => new Promise((resolve) => void waiting.push(resolve));
  return {
    depart() {
      if (turning) return wait();
      void turn();
      return Promise.resolve();
    },
    finish() {
      const mine = wait();
      if (!turning) void turn();
      return mine;
    },
  };
}
