/**
 * Steps through a Protocol Buffers message without building anything: for the few fields of a
 * message that comes once per token. The tables of `protobuf.ts` stay the reference: where a scan
 * meets something unusual, it gives up and they read the message.
 *
 * @module
 */
import { decodeText } from "./protobuf_wire.ts";

/** A position in a message. Methods set `ok` to false instead of throwing. */
export class WireScan {
  /** Nothing was wrong or unusual so far. */
  ok = true;
  at = 0;
  /** End of the delimited part that was entered last. */
  end = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  /** Begins with the first byte of a message. */
  start(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
    this.ok = true;
  }

  get more(): boolean {
    return this.ok && this.at < this.end;
  }

  /** A varint of at most 28 bits: tags, lengths, status codes. Gives up on larger ones. */
  small(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 28 && this.at < this.end; shift += 7) {
      const byte = bytes[this.at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    this.ok = false;
    return 0;
  }

  /**
   * Enters a delimited part. Returns where the enclosing message ends, for
   * {@linkcode WireScan.leave}.
   */
  enter(): number {
    const outer = this.end;
    const length = this.small();
    if (this.at + length > outer) this.ok = false;
    else this.end = this.at + length;
    return outer;
  }

  /** Continues behind the part that was entered. */
  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  skip(tag: number): void {
    if (tag < 8) this.ok = false;
    switch (tag & 7) {
      case 0:
        this.varints(1);
        return;
      case 1:
        this.at += 8;
        break;
      case 2: {
        const length = this.small();
        this.at += length;
        break;
      }
      case 5:
        this.at += 4;
        break;
      default:
        this.ok = false;
    }
    if (this.at > this.end) this.ok = false;
  }

  /** Steps over varints up to the end of what was entered, or `most` of them; returns how many. */
  varints(most: number = Infinity): number {
    let count = 0;
    let length = 0;
    while (count < most && this.at < this.end) {
      length++;
      if (this.#bytes[this.at++]! < 128) {
        count++;
        length = 0;
      } else if (length === 10) this.ok = false;
    }
    if (length > 0 || (most === 1 && count === 0)) this.ok = false;
    return count;
  }

  text(): string {
    const outer = this.enter();
    if (!this.ok) return "";
    const { at, end } = this;
    this.leave(outer);
    return decodeText(this.#bytes, at, end);
  }

  /** Whether the delimited part consists of exactly these bytes. */
  isBytes(expected: Uint8Array): boolean {
    const outer = this.enter();
    if (!this.ok) return false;
    const { at, end } = this;
    this.leave(outer);
    if (end - at !== expected.length) return false;
    for (let i = 0; i < expected.length; i++) {
      if (this.#bytes[at + i] !== expected[i]) return false;
    }
    return true;
  }

  /** Little-endian, 32 bits, at a position. */
  uint32At(at: number): number {
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
      (bytes[at + 3]! << 24)) >>>
      0;
  }
}
