/**
 * The bytes of events that differ in their text only, as an HTTP chunk that is built once per stream:
 * a token then costs neither JSON nor garbage, and the engine stays within microseconds of its plan.
 *
 * @module
 */
import type { EventFrame, SimToken } from "./sim_protocol.ts";

const encoder = new TextEncoder();
const CR = 13;
const LF = 10;
/** Longest text of a token, in JSON. */
const MAX_TEXT_BYTES = 64;

/** Texts of the vocabulary as JSON bytes. */
const texts = new Map<string, Uint8Array>();

function jsonBytes(text: string): Uint8Array {
  let bytes = texts.get(text);
  if (bytes === undefined) texts.set(text, bytes = encoder.encode(JSON.stringify(text)));
  return bytes;
}

/** A chunk that is filled with one token after another. */
export class FramedChunk {
  /** The chunk, up to the length that {@linkcode FramedChunk.fill} returned. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #before: Uint8Array;
  readonly #after: Uint8Array;
  /** Hexadecimal digits of the chunk's length at the start of the bytes. */
  #digits = 0;

  constructor({ before, after }: EventFrame) {
    this.#before = encoder.encode(before);
    this.#after = encoder.encode(`${after}\r\n`);
    const length = this.#before.length + this.#after.length;
    // Plus room for the chunk's length in hexadecimal.
    this.bytes = new Uint8Array(length + MAX_TEXT_BYTES + 10);
  }

  /** Inserts the token's text; returns the length of the chunk. */
  fill({ text }: SimToken): number {
    const json = jsonBytes(text);
    const { bytes } = this;
    const size = this.#before.length + json.length + this.#after.length - 2;
    const digits = size < 0x100 ? size < 0x10 ? 1 : 2 : size < 0x1000 ? 3 : 4;
    if (digits !== this.#digits) {
      this.#digits = digits;
      bytes[digits] = CR;
      bytes[digits + 1] = LF;
      bytes.set(this.#before, digits + 2);
    }
    for (let at = digits - 1, left = size; at >= 0; at--, left >>>= 4) {
      const digit = left & 15;
      bytes[at] = digit + (digit < 10 ? 48 : 87);
    }
    const textAt = digits + 2 + this.#before.length;
    bytes.set(json, textAt);
    bytes.set(this.#after, textAt + json.length);
    return digits + 4 + size;
  }
}
