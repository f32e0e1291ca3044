/**
 * Reads and writes tags and scalar values of Protocol Buffers, which `protobuf.ts` builds messages
 * from.
 *
 * @module
 */

/** Scalar types; `enum` is a number, 64-bit integers are bigints. */
export type Scalar =
  | "bool"
  | "bytes"
  | "double"
  | "enum"
  | "float"
  | "int32"
  | "int64"
  | "string"
  | "uint32"
  | "uint64";

/** Wire types of the format: how many bytes follow the tag. */
const VARINT = 0;
const FIXED64 = 1;
/** A length and as many bytes: texts, bytes, messages, packed lists. */
export const DELIMITED = 2;
const FIXED32 = 5;

export const WIRE_TYPES: Readonly<Record<Scalar, number>> = {
  bool: VARINT,
  bytes: DELIMITED,
  double: FIXED64,
  enum: VARINT,
  float: FIXED32,
  int32: VARINT,
  int64: VARINT,
  string: DELIMITED,
  uint32: VARINT,
  uint64: VARINT,
};

/** What an absent field of this type reads as. */
export function defaultScalar(type: Scalar): bigint | boolean | number | string | Uint8Array {
  switch (type) {
    case "bool":
      return false;
    case "bytes":
      return new Uint8Array(0);
    case "int64":
    case "uint64":
      return 0n;
    case "string":
      return "";
    default:
      return 0;
  }
}

const UTF8_ENCODER = new TextEncoder();
/** A byte order mark at the start of a text is text: a token may consist of it. */
const UTF8_DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Shared for conversions between numbers and their bits. */
const BITS = new DataView(new ArrayBuffer(8));

/** Writes tags and values one after another. */
export class WireWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Number and wire type of the field that follows. */
  tag(number: number, wire: number): void {
    this.varint(((number << 3) | wire) >>> 0, 0);
  }

  /** An unsigned 64-bit number in two halves. */
  varint(low: number, high: number): void {
    this.#reserve(10);
    while (high > 0 || low > 127) {
      this.#bytes[this.#length++] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#bytes[this.#length++] = low;
  }

  delimited(bytes: Uint8Array): void {
    this.varint(bytes.length, 0);
    this.#append(bytes);
  }

  /** A value without its tag. @throws {RangeError | TypeError} when it is not of its type. */
  scalar(type: Scalar, value: unknown): void {
    switch (type) {
      case "bool":
        return this.varint(expect(value, "boolean", type) ? 1 : 0, 0);
      case "uint32":
        return this.varint(expectInteger(value, 0, 0xffff_ffff, type), 0);
      case "enum":
      case "int32": {
        const number = expectInteger(value, -0x8000_0000, 0x7fff_ffff, type);
        return this.varint(number >>> 0, number < 0 ? 0xffff_ffff : 0);
      }
      case "uint64":
        return this.#varint64(expectBigint(value, 0n, 0xffff_ffff_ffff_ffffn, type));
      case "int64":
        return this.#varint64(expectBigint(value, -(1n << 63n), (1n << 63n) - 1n, type));
      case "float":
        BITS.setFloat32(0, expect(value, "number", type), true);
        return this.#append(new Uint8Array(BITS.buffer, 0, 4));
      case "double":
        BITS.setFloat64(0, expect(value, "number", type), true);
        return this.#append(new Uint8Array(BITS.buffer, 0, 8));
      case "string":
        return this.delimited(UTF8_ENCODER.encode(expect(value, "string", type)));
      case "bytes":
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(`Cannot encode ${show(value)} as bytes`);
        }
        return this.delimited(value);
    }
  }

  #varint64(value: bigint): void {
    const bits = BigInt.asUintN(64, value);
    this.varint(Number(bits & 0xffff_ffffn), Number(bits >> 32n));
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads tags and values one after another. */
export class WireReader {
  readonly bytes: Uint8Array;
  at = 0;
  /** Upper half of the last varint. */
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Lower 32 bits of a varint, as the format truncates them. */
  uint32(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.at];
      if (byte === undefined) {
        throw new SyntaxError(`Cannot read a number: message ends at byte ${this.at}`);
      }
      this.at++;
      const group = byte & 127;
      if (shift < 28) low |= group << shift;
      else if (shift === 28) {
        low |= group << 28;
        high = group >>> 4;
      } else high |= group << (shift - 32);
      if (byte < 128) {
        this.#high = high >>> 0;
        return low >>> 0;
      }
    }
    throw new SyntaxError(`Cannot read a number of more than 10 bytes before byte ${this.at}`);
  }

  /** A view of the bytes of a length-delimited value. */
  delimited(): Uint8Array {
    const length = this.uint32();
    const from = this.at;
    const left = this.bytes.length - from;
    if (length > left) {
      throw new SyntaxError(`Cannot read ${length} bytes at byte ${from}: ${left} are left`);
    }
    this.at = from + length;
    return this.bytes.subarray(from, this.at);
  }

  /** A value without its tag. */
  scalar(type: Scalar): unknown {
    switch (type) {
      case "bool":
        return (this.uint32() | this.#high) !== 0;
      case "uint32":
        return this.uint32();
      case "enum":
      case "int32":
        return this.uint32() | 0;
      case "uint64":
        return this.#uint64();
      case "int64":
        return BigInt.asIntN(64, this.#uint64());
      case "float":
        return this.#fixed(4).getFloat32(0, true);
      case "double":
        return this.#fixed(8).getFloat64(0, true);
      case "string": {
        const bytes = this.delimited();
        return decodeText(bytes, 0, bytes.length);
      }
      case "bytes":
        return this.delimited();
    }
  }

  /** Skips a field that is not in the table. */
  skip(tag: number): void {
    if (tag >>> 3 === 0) {
      throw new SyntaxError(`Cannot read field number 0 before byte ${this.at}`);
    }
    switch (tag & 7) {
      case VARINT:
        this.uint32();
        return;
      case FIXED64:
        this.#fixed(8);
        return;
      case DELIMITED:
        this.delimited();
        return;
      case FIXED32:
        this.#fixed(4);
        return;
      default:
        // Groups (3, 4) do not exist in proto3; 6 and 7 never existed.
        throw new SyntaxError(`Cannot read wire type ${tag & 7} before byte ${this.at}`);
    }
  }

  #uint64(): bigint {
    const low = this.uint32();
    // Most ids and shapes are small, and a bigint of one number is cheaper than of two.
    return this.#high === 0 ? BigInt(low) : (BigInt(this.#high) << 32n) | BigInt(low);
  }

  #fixed(length: number): DataView {
    const from = this.at;
    const left = this.bytes.length - from;
    if (length > left) {
      throw new SyntaxError(`Cannot read ${length} bytes at byte ${from}: ${left} are left`);
    }
    this.at = from + length;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + from, length);
  }
}

/** Texts of tokens are short and mostly ASCII, where a TextDecoder costs more than its work. */
const SHORT_TEXT = 24;

/** The text whose UTF-8 is `bytes[from, to)`. */
export function decodeText(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > SHORT_TEXT) return UTF8_DECODER.decode(bytes.subarray(from, to));
  let text = "";
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte > 127) return UTF8_DECODER.decode(bytes.subarray(from, to));
    text += String.fromCharCode(byte);
  }
  return text;
}

interface Primitives {
  boolean: boolean;
  number: number;
  string: string;
}

function expect<K extends keyof Primitives>(value: unknown, kind: K, type: Scalar): Primitives[K] {
  const actual: string = typeof value;
  if (actual !== kind) throw new TypeError(`Cannot encode ${show(value)} as ${type}`);
  return value as Primitives[K];
}

function expectInteger(value: unknown, min: number, max: number, type: Scalar): number {
  const number = expect(value, "number", type);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new RangeError(
      `Cannot encode ${number} as ${type}: must be a whole number ${min}…${max}`,
    );
  }
  return number;
}

function expectBigint(value: unknown, min: bigint, max: bigint, type: Scalar): bigint {
  // Options come from JSON, where 64-bit fields are plain numbers.
  const number = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof number !== "bigint") throw new TypeError(`Cannot encode ${show(value)} as ${type}`);
  if (number < min || number > max) {
    throw new RangeError(`Cannot encode ${number} as ${type}: must be ${min}…${max}`);
  }
  return number;
}

export function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
