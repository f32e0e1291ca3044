/**
 * Where a thread that both reads and decodes keeps the bodies and stamps of answers in between:
 * pieces of a few large buffers, used again once every answer in them was decoded. Arrays of their
 * own would be taken from the system and given back for each answer.
 *
 * @module
 */
import type { CollectedBody } from "../backends/buffers.ts";
import { collectedBytes, collectInto } from "./load_collected.ts";

/** Room in a buffer, unless one answer alone needs more. */
const BLOCK_BYTES: number = 256 * 1024;
/** Buffers that are kept for later. */
const SPARE_BLOCKS = 8;

/** A buffer and what is in it. */
interface Block {
  readonly memory: ArrayBuffer;
  /** Bytes in use from its start. */
  used: number;
  /** Answers that were not given back. */
  answers: number;
}

/** Memory of answers on their way to the decoder. */
export class AnswerMemory {
  /** Where the next answer goes. */
  #current = newBlock(BLOCK_BYTES);
  /** Others with answers in them. */
  readonly #full = new Map<ArrayBufferLike, Block>();
  readonly #spare: Block[] = [];

  /** For a transport: room for a finished answer. */
  readonly collect = (bytes: number, reads: number): CollectedBody => {
    const size = collectedBytes(bytes, reads);
    if (this.#current.used + size > this.#current.memory.byteLength) this.#next(size);
    const block = this.#current;
    const at = block.used;
    block.used += size;
    block.answers++;
    return collectInto(block.memory, at, bytes, reads);
  };

  /** An answer that was decoded; `memory` is what its arrays are views of. */
  giveBack(memory: ArrayBufferLike): void {
    const block = memory === this.#current.memory ? this.#current : this.#full.get(memory);
    if (block === undefined || --block.answers > 0) return;
    block.used = 0;
    if (block === this.#current) return;
    this.#full.delete(memory);
    if (this.#spare.length < SPARE_BLOCKS && memory.byteLength === BLOCK_BYTES) {
      this.#spare.push(block);
    }
  }

  #next(size: number): void {
    if (this.#current.answers > 0) this.#full.set(this.#current.memory, this.#current);
    this.#current = (size > BLOCK_BYTES ? undefined : this.#spare.pop()) ??
      newBlock(Math.max(size, BLOCK_BYTES));
  }
}

function newBlock(bytes: number): Block {
  return { memory: new ArrayBuffer(bytes), used: 0, answers: 0 };
}
