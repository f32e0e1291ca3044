/**
 * Where a stream's bytes and stamps are kept while it runs: pooled, so that a read allocates
 * nothing. Memory given back and forth to the collector is what makes the tail of a client's
 * timing error; parsing is not.
 *
 * @module
 */

/**
 * Bodies grow by this much: an open stream of which nothing has come costs nothing, and ten
 * thousand short ones a few megabytes.
 */
export const BLOCK_BYTES = 512;

/** A body longer than this goes on in chunks of as much, which are not kept when it is over. */
const CHUNK_BYTES: number = 2 ** 20;
/** But so many are, so that long answers one after the other find theirs. */
const SPARE_CHUNKS = 8;

/** Tables of stamps grow by so many; an even number. */
const BLOCK_STAMPS = 16;
/** Their times as doubles, behind them their ends, and behind those their widths. */
const STAMP_BLOCK_BYTES: number = BLOCK_STAMPS * 16;

/** Blocks are cut from memory that is taken so many at a time (bodies: a mebibyte) and kept. */
const SEGMENT_BLOCKS: number = 2048;
const SEGMENT_SHIFT: number = Math.log2(SEGMENT_BLOCKS);

/** Up to this, a loop of byte moves is cheaper than the view that `set()` needs. */
const LOOP_COPY_BYTES = 40;
/** Up to this, a loop of sixteen bytes a step is no dearer than `set()`, and leaves no garbage. */
const WORD_COPY_BYTES = 512;

/** No block. */
const NONE = -1;

/** For stamps that are given as numbers. */
const given = new Float64Array(2);

/** What was collected of one body; the arrays are exactly as long as what they hold. */
export interface CollectedBody {
  /** The bytes, without transfer coding. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** When each read came, ms. */
  readonly readMs: Float64Array<ArrayBuffer>;
  /** Bytes there were after each read. */
  readonly readEnds: Uint32Array<ArrayBuffer>;
  /** See {@linkcode BodyLog.stamp}. */
  readonly readWidthMs: Float32Array<ArrayBuffer>;
  /** The body itself, where it is held; the arrays are then empty. */
  readonly held?: HeldBody;
}

/** A finished body that still lies where it was collected, in blocks. */
export interface HeldBody {
  /** Bytes of the body. */
  readonly bytes: number;
  /** Reads that brought some of them. */
  readonly reads: number;
  /** Copies all of it to arrays of exactly that length; the blocks are then used again. Called once. */
  moveTo(target: CollectedBody): void;
}

/** Stands for the arrays of a body that is held. */
const NOT_COLLECTED: CollectedBody = {
  body: new Uint8Array(0),
  readMs: new Float64Array(0),
  readEnds: new Uint32Array(0),
  readWidthMs: new Float32Array(0),
};

/** Takes byte ranges of a buffer that its owner will overwrite after the call. */
export interface BodySink {
  append(source: Uint8Array, from: number, to: number): void;
}

/** What was copied from last: connections share the buffer that they read to. */
let lastSource: Uint8Array | undefined;
/** The same bytes, once they have been copied from twice. */
let lastWords: DataView | undefined;

/** The same memory in several views. */
class Segment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly times: Float64Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly widths: Float32Array<ArrayBuffer>;
  readonly words: DataView<ArrayBuffer>;

  constructor(byteLength: number) {
    const buffer = new ArrayBuffer(byteLength);
    this.bytes = new Uint8Array(buffer);
    this.times = new Float64Array(buffer);
    this.ends = new Uint32Array(buffer);
    this.widths = new Float32Array(buffer);
    this.words = new DataView(buffer);
  }

  /** Gives the memory back at once, not when the collector looks. */
  free(): void {
    this.bytes.buffer.transfer(0);
  }

  /** Copies `source[from, to)` to `at`. */
  copy(at: number, source: Uint8Array, from: number, to: number): void {
    const { bytes } = this;
    if (to - from > LOOP_COPY_BYTES) {
      if (source !== lastSource || to - from > WORD_COPY_BYTES) {
        lastSource = source;
        lastWords = undefined;
        bytes.set(to - from === source.length ? source : source.subarray(from, to), at);
        return;
      }
      lastWords ??= new DataView(source.buffer, source.byteOffset, source.byteLength);
      const wide = (to - from) & ~15;
      copyWords(this.words, at, lastWords, from, wide);
      at += wide;
      from += wide;
    }
    for (; from < to; at++, from++) bytes[at] = source[from]!;
  }
}

/** Copies a multiple of sixteen bytes. */
function copyWords(target: DataView, at: number, source: DataView, from: number, bytes: number) {
  for (const end = from + bytes; from < end; at += 16, from += 16) {
    target.setUint32(at, source.getUint32(from, true), true);
    target.setUint32(at + 4, source.getUint32(from + 4, true), true);
    target.setUint32(at + 8, source.getUint32(from + 8, true), true);
    target.setUint32(at + 12, source.getUint32(from + 12, true), true);
  }
}

/** Where a log without a block writes nothing. */
const NOWHERE = new Segment(0);

/** Blocks known by numbers, so that chains of them need no objects. */
class Blocks {
  /** Blocks that were ever needed at once. */
  made = 0;
  readonly #blockBytes: number;
  readonly #segments: Segment[] = [];
  /** The block behind each block, in its chain or among the free ones. */
  #next = new Int32Array(0);
  #free = NONE;

  /** @param blockBytes size of each; a multiple of 8. */
  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  /** A block of any content, the end of its chain. */
  take(): number {
    let block = this.#free;
    if (block !== NONE) this.#free = this.#next[block]!;
    else {
      block = this.made++;
      if (block === this.#segments.length * SEGMENT_BLOCKS) this.#addSegment();
    }
    this.#next[block] = NONE;
    return block;
  }

  /** Puts `block` behind `last`. */
  link(last: number, block: number): void {
    this.#next[last] = block;
  }

  /** Returns a whole chain. */
  give(first: number, last: number): void {
    this.#next[last] = this.#free;
    this.#free = first;
  }

  next(block: number): number {
    return this.#next[block]!;
  }

  segment(block: number): Segment {
    return this.#segments[block >> SEGMENT_SHIFT]!;
  }

  /** First byte of a block in its segment. */
  offset(block: number): number {
    return (block & (SEGMENT_BLOCKS - 1)) * this.#blockBytes;
  }

  #addSegment(): void {
    this.#segments.push(new Segment(SEGMENT_BLOCKS * this.#blockBytes));
    const blocks = this.#segments.length * SEGMENT_BLOCKS;
    if (blocks <= this.#next.length) return;
    // Doubled: a table per segment would be as much garbage as there is memory.
    const next = new Int32Array(blocks * 2);
    next.set(this.#next);
    this.#next = next;
  }
}

/**
 * The body of one answer and the stamps of its reads. Taken from a {@linkcode LogPool} and
 * returned to it by `finish()`; must not be used afterwards.
 */
export class BodyLog implements BodySink, HeldBody {
  /** Bytes so far. */
  bytes = 0;
  /** Reads that brought at least one byte. */
  reads = 0;
  readonly #pool: LogPool;
  readonly #blocks: Blocks;
  readonly #stampBlocks: Blocks;
  #firstBlock = NONE;
  #lastBlock = NONE;
  /** Where the last block lies, and its free part in there. */
  #segment = NOWHERE;
  #at = 0;
  #end = 0;
  /** What is behind a mebibyte in blocks. */
  readonly #chunks: Segment[] = [];
  /** Bytes that blocks and chunks have room for. */
  #room = 0;
  #firstStamps = NONE;
  #lastStamps = NONE;
  #stampedBytes = 0;
  /** Finished, and not counted by the pool any more. */
  #held = false;

  constructor(pool: LogPool, blocks: Blocks, stampBlocks: Blocks) {
    this.#pool = pool;
    this.#blocks = blocks;
    this.#stampBlocks = stampBlocks;
  }

  /** Copies `source[from, to)` to the end of the body. */
  append(source: Uint8Array, from: number, to: number): void {
    this.bytes += to - from;
    this.#pool.bytes += to - from;
    while (from < to) {
      if (this.#at === this.#end) this.#grow();
      const count = Math.min(to - from, this.#end - this.#at);
      this.#segment.copy(this.#at, source, from, from + count);
      this.#at += count;
      from += count;
    }
  }

  /**
   * Ends a read: what was appended since the last stamp had come at `atMs`, and at most `widthMs`
   * earlier. NaN = nobody knows; negative = its last byte came at `atMs` exactly, what is before it in
   * the same read at most that much earlier. Without bytes, nothing.
   */
  stamp(atMs: number, widthMs: number = NaN): void {
    given[0] = atMs;
    given[1] = widthMs;
    this.stampRead(given);
  }

  /** The same with the two numbers in an array, where they are no objects. */
  stampRead(stamp: Float64Array): void {
    if (this.bytes === this.#stampedBytes) return;
    const slot = this.reads % BLOCK_STAMPS;
    if (slot === 0) this.#growStamps();
    const { times, ends, widths } = this.#stampBlocks.segment(this.#lastStamps);
    const offset = this.#stampBlocks.offset(this.#lastStamps);
    times[offset / 8 + slot] = stamp[0]!;
    ends[offset / 4 + BLOCK_STAMPS * 2 + slot] = this.bytes;
    widths[offset / 4 + BLOCK_STAMPS * 3 + slot] = stamp[1]!;
    this.reads++;
    this.#stampedBytes = this.bytes;
  }

  /** Whether its pool holds more than `maxBytes`, and this log more than its share of it. */
  crowds(maxBytes: number): boolean {
    const { bytes, open } = this.#pool;
    return bytes > maxBytes && this.bytes * open >= bytes;
  }

  /** Ends a read that belongs to the one before: what was appended since then had come with it. */
  extend(): void {
    const slot = (this.reads - 1) % BLOCK_STAMPS;
    const { ends } = this.#stampBlocks.segment(this.#lastStamps);
    const offset = this.#stampBlocks.offset(this.#lastStamps);
    ends[offset / 4 + BLOCK_STAMPS * 2 + slot] = this.bytes;
    this.#stampedBytes = this.bytes;
  }

  /**
   * Ends a read that took the rest of what the one before had no room for: both came at `atMs`, and as
   * much earlier as the first may have.
   *
   * @param exact the last byte came at `atMs` exactly.
   */
  prolong(atMs: number, exact: boolean): void {
    const slot = (this.reads - 1) % BLOCK_STAMPS;
    const { times, widths } = this.#stampBlocks.segment(this.#lastStamps);
    const offset = this.#stampBlocks.offset(this.#lastStamps);
    const widthAt = offset / 4 + BLOCK_STAMPS * 3 + slot;
    const widthMs = Math.abs(widths[widthAt]!) + atMs - times[offset / 8 + slot]!;
    widths[widthAt] = exact ? -widthMs : widthMs;
    times[offset / 8 + slot] = atMs;
    this.extend();
  }

  /** A copy of what came from `start` on. */
  copyFrom(start: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.bytes - start);
    this.#copyTo(copy, start, false);
    return copy;
  }

  /** @param leaving the chunks are not needed any more. */
  #copyTo(copy: Uint8Array, start: number, leaving: boolean): void {
    const words = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
    let blockStart = 0;
    for (let block = this.#firstBlock; block !== NONE; block = this.#blocks.next(block)) {
      const from = Math.max(start, blockStart);
      const to = Math.min(this.bytes, blockStart + BLOCK_BYTES);
      if (from < to) {
        const segment = this.#blocks.segment(block);
        const { bytes } = segment;
        const shift = this.#blocks.offset(block) - blockStart;
        const wide = (to - from) & ~15;
        copyWords(words, from - start, segment.words, from + shift, wide);
        for (let at = from + wide; at < to; at++) copy[at - start] = bytes[at + shift]!;
      }
      blockStart += BLOCK_BYTES;
    }
    for (let i = 0; i < this.#chunks.length; i++, blockStart += CHUNK_BYTES) {
      const from = Math.max(start, blockStart);
      const to = Math.min(this.bytes, blockStart + CHUNK_BYTES);
      if (from >= to) continue;
      const { bytes } = this.#chunks[i]!;
      copy.set(bytes.subarray(from - blockStart, to - blockStart), from - start);
      // Before the copy has grown as large as the original.
      if (leaving) this.#pool.giveChunk(this.#chunks[i]!);
    }
    if (leaving) this.#chunks.length = 0;
  }

  /** Forgets everything and gives its memory back. */
  clear(): void {
    if (!this.#held) this.#pool.bytes -= this.bytes;
    this.#held = false;
    if (this.#firstBlock !== NONE) this.#blocks.give(this.#firstBlock, this.#lastBlock);
    if (this.#firstStamps !== NONE) this.#stampBlocks.give(this.#firstStamps, this.#lastStamps);
    for (const chunk of this.#chunks.splice(0)) this.#pool.giveChunk(chunk);
    this.#segment = NOWHERE;
    this.#firstBlock =
      this.#lastBlock =
      this.#firstStamps =
      this.#lastStamps =
        NONE;
    this.bytes =
      this.reads =
      this.#at =
      this.#end =
      this.#room =
      this.#stampedBytes =
        0;
  }

  /**
   * Ends the body. Its log goes back to its pool at once, all of it copied out in exact size, or, where
   * the pool holds bodies, when it is moved.
   */
  finish(): CollectedBody {
    this.#pool.open--;
    if (this.#pool.holds) {
      this.#pool.bytes -= this.bytes;
      this.#held = true;
      return { ...NOT_COLLECTED, held: this };
    }
    const collected = {
      body: new Uint8Array(this.bytes),
      readMs: new Float64Array(this.reads),
      readEnds: new Uint32Array(this.reads),
      readWidthMs: new Float32Array(this.reads),
    };
    this.moveTo(collected);
    return collected;
  }

  moveTo({ body, readMs, readEnds, readWidthMs }: CollectedBody): void {
    this.#copyTo(body, 0, true);
    let read = 0;
    for (let block = this.#firstStamps; block !== NONE; block = this.#stampBlocks.next(block)) {
      const { times, ends, widths } = this.#stampBlocks.segment(block);
      const offset = this.#stampBlocks.offset(block);
      for (let slot = 0; slot < BLOCK_STAMPS && read < this.reads; slot++, read++) {
        readMs[read] = times[offset / 8 + slot]!;
        readEnds[read] = ends[offset / 4 + BLOCK_STAMPS * 2 + slot]!;
        readWidthMs[read] = widths[offset / 4 + BLOCK_STAMPS * 3 + slot]!;
      }
    }
    this.clear();
    this.#pool.give(this);
  }

  #grow(): void {
    if (this.#room >= CHUNK_BYTES) {
      this.#segment = this.#pool.takeChunk();
      this.#chunks.push(this.#segment);
      this.#at = 0;
      this.#end = CHUNK_BYTES;
      this.#room += CHUNK_BYTES;
      return;
    }
    this.#room += BLOCK_BYTES;
    const block = this.#blocks.take();
    if (this.#firstBlock === NONE) this.#firstBlock = block;
    else this.#blocks.link(this.#lastBlock, block);
    this.#lastBlock = block;
    this.#segment = this.#blocks.segment(block);
    this.#at = this.#blocks.offset(block);
    this.#end = this.#at + BLOCK_BYTES;
  }

  #growStamps(): void {
    const block = this.#stampBlocks.take();
    if (this.#firstStamps === NONE) this.#firstStamps = block;
    else this.#stampBlocks.link(this.#lastStamps, block);
    this.#lastStamps = block;
  }
}

/** Free lists of logs and of their memory; as large as the most that was ever in use at once. */
export class LogPool {
  /** Finished bodies stay in their blocks until they are moved. */
  readonly holds: boolean;
  /** Bytes of all bodies that are being collected. */
  bytes = 0;
  /** Bodies that are being collected. */
  open = 0;
  readonly #logs: BodyLog[] = [];
  readonly #spare: Segment[] = [];
  readonly #blocks = new Blocks(BLOCK_BYTES);
  readonly #stampBlocks = new Blocks(STAMP_BLOCK_BYTES);

  constructor({ holds = false }: { readonly holds?: boolean } = {}) {
    this.holds = holds;
  }

  /** Blocks that were in use at once: for bodies, and for stamps. */
  get blocks(): number {
    return this.#blocks.made + this.#stampBlocks.made;
  }

  /** An empty log: the one returned last, whose memory is still warm, or a new one. */
  take(): BodyLog {
    this.open++;
    return this.#logs.pop() ?? new BodyLog(this, this.#blocks, this.#stampBlocks);
  }

  /** Memory for a mebibyte of a long body. */
  takeChunk(): Segment {
    return this.#spare.pop() ?? new Segment(CHUNK_BYTES);
  }

  giveChunk(chunk: Segment): void {
    if (this.#spare.length < SPARE_CHUNKS) this.#spare.push(chunk);
    else chunk.free();
  }

  /** Takes a log that is empty and no longer used. */
  give(log: BodyLog): void {
    this.#logs.push(log);
  }
}
