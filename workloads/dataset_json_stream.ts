/**
 * Reads a JSON array of objects of any size, one object at a time.
 *
 * ShareGPT's file is longer than the longest string V8 can hold (about 512 MiB), so `JSON.parse`
 * cannot read it whole. A small state machine over bytes finds where each object ends (it needs to
 * know strings, escapes and brackets only), and `JSON.parse` reads that piece.
 *
 * @module
 */
import { concat } from "./line_stream.ts";

/** One object of the array and where it stands. */
export interface JsonElement {
  /** The object as parsed. */
  readonly value: Readonly<Record<string, unknown>>;
  /** 0-based position in the array. */
  readonly index: number;
  /** Byte of its opening brace. */
  readonly offset: number;
  /** Bytes from brace to brace. */
  readonly length: number;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

type Expected = "array" | "first" | "object" | "comma" | "nothing";

/** By what is expected and the byte that comes, what is expected next; objects are not in it. */
const NEXT: Readonly<Record<Expected, Readonly<Record<number, Expected>>>> = {
  array: { [OPEN_BRACKET]: "first" },
  first: { [CLOSE_BRACKET]: "nothing" },
  object: {},
  comma: { [COMMA]: "object", [CLOSE_BRACKET]: "nothing" },
  nothing: {},
};

/**
 * Yields the objects of a JSON array. Memory: one chunk and one object. Chunks may be cut anywhere
 * and their buffer may be reused once the next one is asked for.
 *
 * @param options.maxElementBytes longest object accepted (64 MiB), so that a missing brace does not
 *   gather the rest of the file.
 * @throws {SyntaxError} naming the element and the byte, for anything but an array of objects.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readJsonArray } from "@tokometer/tokometer/workloads";
 *
 * const bytes = new TextEncoder().encode('[{"id": "a"}, {"id": "b"}]');
 * const ids: unknown[] = [];
 * for await (const { value } of readJsonArray([bytes])) ids.push(value.id);
 * assertEquals(ids, ["a", "b"]);
 * ```
 */
export async function* readJsonArray(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly maxElementBytes?: number } = {},
): AsyncGenerator<JsonElement> {
  const { maxElementBytes = 64 * 2 ** 20 } = options;
  const scanner = new ObjectScanner();
  /** What may come next, outside of an object. */
  let expected: Expected = "array";
  let inside = false;
  let index = 0;
  /** Byte of the file at which the chunk begins, and at which the current object began. */
  let base = 0;
  let offset = 0;
  /** What earlier chunks hold of the current object. */
  let parts: Uint8Array[] = [];
  let gathered = 0;

  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      if (inside) {
        const end = scanner.scan(chunk, at);
        const whole = scanner.done;
        if (gathered + (end - at) > maxElementBytes) {
          throw new SyntaxError(
            `Element ${index} at byte ${offset} is longer than ${maxElementBytes} bytes: is its closing brace missing?`,
          );
        }
        if (whole) {
          const last = chunk.subarray(at, end);
          const bytes = parts.length > 0 ? concat([...parts, last]) : last;
          const { length } = bytes;
          yield { value: parseElement(bytes, { index, offset }), index, offset, length };
          parts = [];
          gathered = 0;
          index++;
          inside = false;
          expected = "comma";
        } else {
          parts.push(chunk.slice(at, end));
          gathered += end - at;
        }
        at = end;
        continue;
      }
      const byte = chunk[at]!;
      const position = base + at;
      if ((expected === "first" || expected === "object") && byte === OPEN_BRACE) {
        inside = true;
        offset = position;
        scanner.start();
        continue;
      }
      at++;
      const isMark = expected === "array" && position < 3 && byte === BYTE_ORDER_MARK[position];
      if (isSpace(byte) || isMark) continue;
      const next: Expected | undefined = NEXT[expected][byte];
      if (next === undefined) throw unexpected(byte, { position, expected, index });
      expected = next;
    }
    base += chunk.length;
  }
  if (expected !== "nothing") {
    throw new SyntaxError(
      base === 0
        ? "The file is empty: expected a JSON array"
        : inside
        ? `The file ends at byte ${base} inside element ${index}, which begins at byte ${offset}: it looks cut off`
        : `The file ends at byte ${base} before the array does: it looks cut off`,
    );
  }
}

/** Parses the bytes of one object. @throws {SyntaxError} naming element and byte. */
export function parseElement(
  bytes: Uint8Array,
  place: { readonly index: number; readonly offset: number },
): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : "it is not UTF-8";
    throw new SyntaxError(
      `Cannot read element ${place.index} (bytes ${place.offset} to ${
        place.offset + bytes.length
      }): ${why}`,
    );
  }
}

/** Finds the end of one object that may be spread over several chunks. */
class ObjectScanner {
  /** The last scan reached the closing brace. */
  done = false;
  #depth = 0;
  #inString = false;
  #escaped = false;

  start(): void {
    this.done = false;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
  }

  /** Returns the position after the closing brace, or the chunk's length when it is not here. */
  scan(chunk: Uint8Array, from: number): number {
    // Locals: this loop sees every byte of the file.
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at++]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
        this.done = true;
        break;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    return at;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function unexpected(
  byte: number,
  state: { readonly position: number; readonly expected: Expected; readonly index: number },
): SyntaxError {
  const { position, expected, index } = state;
  const seen = byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
  const wanted = expected === "array"
    ? "a JSON array"
    : expected === "comma"
    ? `"," or "]" after element ${index - 1}`
    : expected === "nothing"
    ? "the end after the array"
    : `an object as element ${index}`;
  const hint = expected !== "array"
    ? ""
    : byte === 0x1f
    ? ": unpack the file first"
    : byte === OPEN_BRACE
    ? ": a file with one object per line is the jsonl dataset"
    : "";
  return new SyntaxError(`Expected ${wanted}, found ${seen} at byte ${position}${hint}`);
}
