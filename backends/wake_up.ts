/**
 * Which reads of a stream were handed over in one wake-up of this thread's event loop.
 *
 * Some libraries hand over one by one what arrived together: `fetch` each HTTP chunk, `grpc-js` each
 * message, some 15 µs apart. No clock tells that from a fast server, but the loop does: what the
 * library already holds comes in the turn after the one that took the last piece, while bytes that are
 * still on their way need the loop to ask the kernel, a turn later at the earliest. So after each read
 * two turns are counted, and what comes before they are over came with it.
 *
 * @module
 */
import type { BodyLog } from "./buffers.ts";
import { COUNTER_BYTES, countRead } from "./transport.ts";

/**
 * A loop that does not go idle for so long, and has read so many pieces of a stream, is overloaded:
 * bytes keep coming while it reads, so each read has a stamp of its own again until it catches up.
 */
export const LONGEST_WAKE_UP_MS = 5;
const MANY_PIECES = 64;

/** Turns after a read without another one, after which its stream holds nothing more. */
const EMPTY_TURNS = 2;

/** Turns that were counted, on this thread. */
let turns = 0;
/** Turns still to be counted. */
let left = 0;

function countTurn(): void {
  turns++;
  if (--left > 0) setImmediate(countTurn);
}

/** Stamps the reads of one stream: those of one wake-up are one read. */
export class WakeUp {
  #turn = -Infinity;
  #beganMs = 0;
  #pieces = 0;

  /**
   * Ends a read of `bytes` bytes that was handed over at `atMs` and is in `log` already. To be called
   * once for each; stamps must be taken before.
   *
   * @returns when it counts as read: `atMs`, or the stamp of the read that it was handed over with.
   */
  stamp(log: BodyLog, counters: Uint32Array, atMs: number, bytes: number): number {
    const passed = turns - this.#turn;
    this.#turn = turns;
    if (left === 0) setImmediate(countTurn);
    left = EMPTY_TURNS;
    if (passed >= EMPTY_TURNS) {
      this.#beganMs = atMs;
      this.#pieces = 1;
    } else if (
      ++this.#pieces <= MANY_PIECES || atMs - this.#beganMs <= LONGEST_WAKE_UP_MS
    ) {
      log.extend();
      counters[COUNTER_BYTES]! += bytes;
      return this.#beganMs;
    }
    log.stamp(atMs);
    countRead(counters, bytes);
    return atMs;
  }
}
