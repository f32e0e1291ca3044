/**
 * Spreads a thread's work besides reading over the turns of its event loop.
 *
 * If sixty-four users started in one turn, all would be stamped before the first byte of any is on
 * the wire, and the time to send the others would be counted as the server's. If sixty-four answers
 * end together, the work for the first (handing it on, sending the next request) would delay the
 * stamps of the last tokens of the others. So reads always go first, and other work waits for a turn
 * of its own.
 *
 * @module
 */

/** The two kinds of work that wait for a turn. */
export interface Turns {
  /** Before a request leaves: at once when no other work waits. */
  depart(): Promise<void>;
  /** After an answer has ended: always after the reads that are ready now. */
  finish(): Promise<void>;
  /** Once no work waits any more, or that took some turns. */
  idle(): Promise<void>;
}

/** What waits for an idle turn waits no longer than this. */
const BUSY_TURNS = 16;

/**
 * One piece of work per turn while few wait; a sixteenth of them, up to four, when more do, so that
 * waiting never limits the rate.
 */
const SHARE_OF_FEW = 16;
const MOST_OF_FEW = 4;
/**
 * Of many a smaller share: the first tokens are read while the last of a thousand users still wait to
 * start.
 */
const SHARE_OF_MANY = 64;

/** @param nextTurn resolves in a later event-loop turn. */
export function createTurns(nextTurn: () => Promise<void>): Turns {
  const waiting: (() => void)[] = [];
  /** Index of the first that still waits. */
  let first = 0;
  let turning = false;
  /** Those who wait for an idle turn, and turns for which they have. */
  let idlers: (() => void)[] = [];
  let busy = 0;
  const release = (): void => {
    const all = idlers;
    idlers = [];
    busy = 0;
    for (const resolve of all) resolve();
  };
  const turn = async (): Promise<void> => {
    turning = true;
    do {
      await nextTurn();
      const count = waiting.length - first;
      const last = first + Math.max(
        Math.min(MOST_OF_FEW, Math.ceil(count / SHARE_OF_FEW)),
        Math.ceil(count / SHARE_OF_MANY),
      );
      while (first < last) waiting[first++]!();
      if (first > waiting.length / 2) {
        waiting.copyWithin(0, first);
        waiting.length -= first;
        first = 0;
      }
      if (idlers.length > 0 && ++busy > BUSY_TURNS) release();
    } while (waiting.length > 0);
    turning = false;
    if (idlers.length > 0) release();
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
    idle: () => turning ? new Promise((resolve) => void idlers.push(resolve)) : Promise.resolve(),
  };
}
