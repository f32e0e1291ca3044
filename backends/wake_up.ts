/**
 * Which reads of a stream were handed over in one wake-up of this thread's event loop.
 *
 * Some libraries hand over one by one what arrived together: `fetch` each HTTP chunk, `grpc-js` each
 * message, some 15 µs apart. No clock tells that from a fast server, but the loop does: what the
 * library already holds comes in the turn after the one that took the last piece, while bytes that are
 * still on their way need the loop to ask the kernel, a turn later at the earliest. So after a read two
 * turns are counted, and what comes before they are over came with it.
 *
 * Turns cost more than a read, so they are counted where the clock leaves a doubt: after the first
 * reads of a stream, and after those that followed another one closely. Most streams never do; one that
 * begins to is judged by the clock once.
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

/** Reads with counted turns behind them: the first ones of a stream, and from a close one on. */
const FIRST_COUNTED = 2;
const CLOSE_COUNTED = 64;
/** What comes so soon after the stream's last read may belong to it. */
const CLOSE_MS = 2;
/** Nor does it matter how long ago that was, if this thread has never paused for so long since. */
const PAUSE_MS = 0.2;

/** The last read of any stream, and that which the last pause of this thread came before. */
let lastReadMs = -Infinity;
let afterPauseMs = -Infinity;

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
  #readMs = -Infinity;
  #beganMs = 0;
  #pieces = 0;
  /** Reads from now on that turns are to be counted after, and whether they were after the last one. */
  #toCount = FIRST_COUNTED;
  #counted = false;

  /**
   * Ends a read of `bytes` bytes that was handed over at `atMs` and is in `log` already. To be called
   * once for each; stamps must be taken before.
   *
   * @returns when it counts as read: `atMs`, or the stamp of the read that it was handed over with.
   */
  stamp(log: BodyLog, counters: Uint32Array, atMs: number, bytes: number): number {
    if (atMs - lastReadMs > PAUSE_MS) afterPauseMs = atMs;
    lastReadMs = atMs;
    const piece = this.#isPiece(atMs);
    this.#pieces++;
    if (
      piece && (this.#pieces <= MANY_PIECES || atMs - this.#beganMs <= LONGEST_WAKE_UP_MS)
    ) {
      log.extend();
      counters[COUNTER_BYTES]! += bytes;
      return this.#beganMs;
    }
    log.stamp(atMs);
    countRead(counters, bytes);
    return atMs;
  }

  /** Whether a read was handed over with the one before it. */
  #isPiece(atMs: number): boolean {
    const sinceMs = atMs - this.#readMs;
    const unpaused = this.#readMs >= afterPauseMs;
    const piece = turns - this.#turn < EMPTY_TURNS &&
      (this.#counted || (unpaused && sinceMs <= LONGEST_WAKE_UP_MS));
    this.#readMs = atMs;
    this.#turn = turns;
    if (!piece) {
      this.#beganMs = atMs;
      this.#pieces = 0;
    }
    if (piece || unpaused || sinceMs <= CLOSE_MS) this.#toCount = CLOSE_COUNTED;
    this.#counted = this.#toCount > 0;
    if (this.#counted) {
      this.#toCount--;
      if (left === 0) setImmediate(countTurn);
      left = EMPTY_TURNS;
    }
    return piece;
  }
}
