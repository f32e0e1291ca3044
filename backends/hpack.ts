/**
 * HPACK (RFC 7541), the header compression of HTTP/2. The decoder is complete: static and dynamic
 * table, Huffman code, changes of the table's size. The encoder is stateless: it refers to the
 * static table and writes everything else literally, so that a block is made once and sent often.
 *
 * @module
 */
import { decodeHuffman } from "./hpack_huffman.ts";
import { decodeLatin1 } from "./latin1.ts";
import { showBytes } from "./limits.ts";

export type Field = readonly [name: string, value: string];

/** Appendix A; the first entry has index 1. */
const STATIC: readonly Field[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...("accept-language accept-ranges accept access-control-allow-origin age allow authorization " +
    "cache-control content-disposition content-encoding content-language content-length " +
    "content-location content-range content-type cookie date etag expect expires from host " +
    "if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link " +
    "location max-forwards proxy-authenticate proxy-authorization range referer refresh " +
    "retry-after server set-cookie strict-transport-security transfer-encoding user-agent " +
    "vary via www-authenticate")
    .split(" ").map((name): Field => [name, ""]),
];

/** Size of an entry besides its characters, by the RFC. */
const ENTRY_OVERHEAD = 32;
/** Initial size of the dynamic table in HTTP/2, which we never change. */
const TABLE_BYTES = 4096;
/** Largest total size of a block's fields: few bytes of a block can stand for many. */
export const FIELDS_LIMIT: number = 256 * 1024;
/** Larger integers are refused: no block needs them, and they would overflow. */
const INTEGER_LIMIT = 2 ** 28;

/** Reads the blocks of one connection, in the order in which they arrive. */
export class HpackDecoder {
  /** The newest entry comes first. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  #tableLimit = TABLE_BYTES;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #to = 0;

  /**
   * Reads the block `bytes[from, to)`.
   *
   * @throws {SyntaxError} when it is malformed; the connection cannot be read any further.
   * @throws {RangeError} when it exceeds {@linkcode FIELDS_LIMIT}; neither can it then.
   */
  decode(bytes: Uint8Array, from: number, to: number): Field[] {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
    const fields: Field[] = [];
    let size = 0;
    const keep = (field: Field) => {
      size += sizeOf(field);
      if (size > FIELDS_LIMIT) {
        throw new RangeError(
          `the headers are larger than ${showBytes(FIELDS_LIMIT)} when unpacked`,
        );
      }
      fields.push(field);
    };
    while (this.#at < to) {
      const byte = bytes[this.#at]!;
      if (byte >= 0x80) keep(this.#entry(this.#integer(7)));
      else if (byte >= 0x40) {
        const field = this.#literal(6);
        keep(field);
        this.#add(field);
      } else if (byte >= 0x20) {
        if (fields.length > 0) throw new SyntaxError("the table's size changes inside a block");
        const limit = this.#integer(5);
        if (limit > TABLE_BYTES) throw new SyntaxError(`a table of ${limit} bytes is too large`);
        this.#tableLimit = limit;
        this.#evict(0);
      } else keep(this.#literal(4));
    }
    return fields;
  }

  #literal(prefixBits: number): Field {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#text() : this.#entry(index)[0];
    return [name, this.#text()];
  }

  #entry(index: number): Field {
    const field = index <= STATIC.length
      ? STATIC[index - 1]
      : this.#table[index - STATIC.length - 1];
    if (field === undefined) throw new SyntaxError(`the header table has no entry ${index}`);
    return field;
  }

  #add(field: Field): void {
    const size = sizeOf(field);
    this.#evict(size);
    // A field that is larger than the table only empties it.
    if (size > this.#tableLimit) return;
    this.#table.unshift(field);
    this.#tableBytes += size;
  }

  /** Makes room for so many bytes. */
  #evict(bytes: number): void {
    while (this.#table.length > 0 && this.#tableBytes + bytes > this.#tableLimit) {
      this.#tableBytes -= sizeOf(this.#table.pop()!);
    }
  }

  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let factor = 1;; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (value > INTEGER_LIMIT || factor > INTEGER_LIMIT) {
        throw new SyntaxError("an integer of a header block is too large");
      }
      if (byte < 128) return value;
    }
  }

  #text(): string {
    const huffman = this.#at < this.#to && this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    const end = from + length;
    if (end > this.#to) throw new SyntaxError("a text goes beyond the end of its header block");
    this.#at = end;
    if (huffman) return decodeHuffman(this.#bytes, from, end);
    return decodeLatin1(this.#bytes, from, end);
  }

  #byte(): number {
    if (this.#at >= this.#to) throw new SyntaxError("a header block is cut short");
    return this.#bytes[this.#at++]!;
  }
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

/** Fields that no proxy may put into a table, where their values could be guessed. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** Makes a block of fields whose characters are bytes; uses no dynamic table. */
export function encodeHpack(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const [name, value] of fields) {
    const whole = STATIC.findIndex((entry) => entry[0] === name && entry[1] === value);
    if (whole >= 0 && value !== "") {
      putInteger(bytes, 0x80, 7, whole + 1);
      continue;
    }
    const named = STATIC.findIndex((entry) => entry[0] === name);
    putInteger(bytes, SECRET.has(name) ? 0x10 : 0, 4, named + 1);
    if (named < 0) putText(bytes, name);
    putText(bytes, value);
  }
  return Uint8Array.from(bytes);
}

function putInteger(bytes: number[], pattern: number, prefixBits: number, value: number): void {
  const most = (1 << prefixBits) - 1;
  if (value < most) {
    bytes.push(pattern | value);
    return;
  }
  bytes.push(pattern | most);
  let rest = value - most;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
}

function putText(bytes: number[], text: string): void {
  putInteger(bytes, 0, 7, text.length);
  for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i));
}
