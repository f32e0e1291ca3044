/**
 * How much was received and is not decoded yet. A server that answers with many megabytes at a time
 * can be faster than the decoding; then the next requests wait, since what waits is memory.
 *
 * @module
 */

/** Waiting answers are looked at again so often. */
export const BACKLOG_POLL_MS = 20;
/** So many of the largest answers may wait. */
const MOST_ANSWERS = 2;
/** And so much for each request that was in flight: all may end in the same instant. */
const BYTES_PER_STREAM: number = 4 * 2 ** 20;

/** Bytes that may wait where so many requests were in flight at once. */
export function backlogLimit(maxAnswerBytes: number, streams: number): number {
  return MOST_ANSWERS * maxAnswerBytes + BYTES_PER_STREAM * streams;
}

/** Shared by the threads that receive and the one that decodes. */
export class Backlog {
  /** To make another one of, in another thread. */
  readonly memory: SharedArrayBuffer;
  readonly #kib: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#kib = new Int32Array(memory);
  }

  get bytes(): number {
    return Atomics.load(this.#kib, 0) * 1024;
  }

  /** An answer has come. */
  add(bytes: number): void {
    Atomics.add(this.#kib, 0, Math.ceil(bytes / 1024));
  }

  /** It is decoded. */
  remove(bytes: number): void {
    Atomics.sub(this.#kib, 0, Math.ceil(bytes / 1024));
  }
}
