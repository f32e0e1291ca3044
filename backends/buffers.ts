/**
 * Where a stream's bytes and stamps are kept while it runs: pooled, so that a read allocates
 * nothing. Memory given back and forth to the collector is what makes the tail of a client's
 * timing error; parsing is not.
 *
 * @module
 */

/** Bodies grow by this much: an open stream costs one slab, ten thousand of them 20 MB. */
export const SLAB_BYTES: number = 2 * 1024;

/** Reads that a new log has room for; it then doubles and stays that large. */
const FIRST_READS = 32;

/** Below this, a loop of byte moves is cheaper than the view that `set()` needs. */
const LOOP_COPY_BYTES = 1024;

/** What was collected of one body; the arrays are exactly as long as what they hold. */
export interface CollectedBody {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly readMs: Float64Array<ArrayBuffer>;
  readonly readEnds: Uint32Array<ArrayBuffer>;
}

/** Takes byte ranges of a buffer that its owner will overwrite after the call. */
export interface BodySink {
  append(source: Uint8Array, from: number, to: number): void;
}

/**
 * The body of one answer and the stamps of its reads. Taken from a {@linkcode LogPool} and
 * returned to it by `finish()`; must not be used afterwards.
 */
export class BodyLog implements BodySink {
  /** Bytes so far. */
  bytes = 0;
  /** Reads that brought at least one byte. */
  reads = 0;
  readonly #pool: LogPool;
  #slabs: Uint8Array<ArrayBuffer>[] = [];
  #slab: Uint8Array<ArrayBuffer>;
  /** First free byte of the last slab. */
  #at = 0;
  #readMs = new Float64Array(FIRST_READS);
  #readEnds = new Uint32Array(FIRST_READS);
  #stampedBytes = 0;

  /** Use {@linkcode LogPool.take}. */
  constructor(pool: LogPool) {
    this.#pool = pool;
    this.#slab = pool.takeSlab();
    this.#slabs.push(this.#slab);
  }

  /** Copies `source[from, to)` to the end of the body. */
  append(source: Uint8Array, from: number, to: number): void {
    this.bytes += to - from;
    while (from < to) {
      if (this.#at === SLAB_BYTES) this.#grow();
      const slab = this.#slab;
      const count = Math.min(to - from, SLAB_BYTES - this.#at);
      if (count <= LOOP_COPY_BYTES) {
        for (let i = 0, at = this.#at; i < count; i++) slab[at + i] = source[from + i]!;
      } else {
        slab.set(source.subarray(from, from + count), this.#at);
      }
      this.#at += count;
      from += count;
    }
  }

  /** Ends a read: what was appended since the last stamp came at `atMs`. Without bytes, nothing. */
  stamp(atMs: number): void {
    if (this.bytes === this.#stampedBytes) return;
    if (this.reads === this.#readMs.length) this.#growTable();
    this.#readMs[this.reads] = atMs;
    this.#readEnds[this.reads] = this.bytes;
    this.reads++;
    this.#stampedBytes = this.bytes;
  }

  /** A copy of what came from `start` on. */
  copyFrom(start: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.bytes - start);
    for (let from = start; from < this.bytes;) {
      const offset = from % SLAB_BYTES;
      const to = Math.min(this.bytes, from - offset + SLAB_BYTES);
      const slab = this.#slabs[(from - offset) / SLAB_BYTES]!;
      copy.set(slab.subarray(offset, offset + to - from), from - start);
      from = to;
    }
    return copy;
  }

  /** Copies everything out in exact size and gives this log back to its pool. */
  finish(): CollectedBody {
    const collected = {
      body: this.copyFrom(0),
      readMs: this.#readMs.slice(0, this.reads),
      readEnds: this.#readEnds.slice(0, this.reads),
    };
    // The first slab stays: most bodies fit into it, and the log is used again at once.
    while (this.#slabs.length > 1) this.#pool.giveSlab(this.#slabs.pop()!);
    this.#slab = this.#slabs[0]!;
    this.bytes =
      this.reads =
      this.#at =
      this.#stampedBytes =
        0;
    this.#pool.give(this);
    return collected;
  }

  #grow(): void {
    this.#slab = this.#pool.takeSlab();
    this.#slabs.push(this.#slab);
    this.#at = 0;
  }

  #growTable(): void {
    const readMs = new Float64Array(this.#readMs.length * 2);
    readMs.set(this.#readMs);
    this.#readMs = readMs;
    const readEnds = new Uint32Array(this.#readEnds.length * 2);
    readEnds.set(this.#readEnds);
    this.#readEnds = readEnds;
  }
}

/** Free lists of logs and slabs; as large as the most that was ever in use at once. */
export class LogPool {
  readonly #logs: BodyLog[] = [];
  readonly #slabs: Uint8Array<ArrayBuffer>[] = [];

  /** An empty log: the one returned last, whose memory is still warm, or a new one. */
  take(): BodyLog {
    return this.#logs.pop() ?? new BodyLog(this);
  }

  /** Called by {@linkcode BodyLog.finish}. */
  give(log: BodyLog): void {
    this.#logs.push(log);
  }

  /** {@linkcode SLAB_BYTES} bytes of any content. */
  takeSlab(): Uint8Array<ArrayBuffer> {
    return this.#slabs.pop() ?? new Uint8Array(SLAB_BYTES);
  }

  /** Returns a slab. */
  giveSlab(slab: Uint8Array<ArrayBuffer>): void {
    this.#slabs.push(slab);
  }
}
