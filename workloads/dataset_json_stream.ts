/**
 * Reads a JSON array of any size, one element at a time.
 *
 * ShareGPT's file is longer than the longest string V8 can hold (about 512 MiB), so `JSON.parse`
 * cannot read it whole. A small state machine over bytes finds where each element ends (it needs to
 * know strings, escapes and brackets only), and `JSON.parse` reads that piece.
 *
 * @module
 */
import { concat } from "./line_stream.ts";
import { parseJson } from "./dataset_json.ts";

/** One element of the array and where it stands. */
export interface JsonElement {
  /** The element as parsed; `undefined` with a problem. */
  readonly value: unknown;
  /** Why it could not be parsed, completing "it …". */
  readonly problem?: string;
  /** 0-based position in the array. */
  readonly index: number;
  /** Byte at which it begins. */
  readonly offset: number;
  /** Its bytes, without blanks around. */
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

type Expected = "array" | "first" | "element" | "comma" | "nothing";

/** By what is expected and the byte that comes, what is expected next; elements are not in it. */
const NEXT: Readonly<Record<Expected, Readonly<Record<number, Expected>>>> = {
  array: { [OPEN_BRACKET]: "first" },
  first: { [CLOSE_BRACKET]: "nothing" },
  element: {},
  comma: { [COMMA]: "element", [CLOSE_BRACKET]: "nothing" },
  nothing: {},
};

/**
 * Yields the elements of a JSON array. Memory: one chunk and one element. Chunks may be cut anywhere
 * and their buffer may be reused once the next one is asked for.
 *
 * @param options.from byte at which the array begins, inside an object; what follows it is not read.
 * @param options.maxElementBytes longest element accepted (64 MiB), so that a missing brace does not
 *   gather the rest of the file.
 * @throws {SyntaxError} naming the element and the byte, for anything but an array.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readJsonArray } from "@tokometer/tokometer/workloads";
 *
 * const bytes = new TextEncoder().encode('["a", {"id": "b"}]');
 * const values: unknown[] = [];
 * for await (const { value } of readJsonArray([bytes])) values.push(value);
 * assertEquals(values, ["a", { id: "b" }]);
 * ```
 */
export async function* readJsonArray(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly from?: number; readonly maxElementBytes?: number } = {},
): AsyncGenerator<JsonElement> {
  const { from = 0, maxElementBytes = 64 * 2 ** 20 } = options;
  const scanner = new ElementScanner();
  /** What may come next, outside of an element. */
  let expected: Expected = "array";
  let inside = false;
  let index = 0;
  /** Byte of the file at which the chunk begins, and at which the current element began. */
  let base = 0;
  let offset = 0;
  /** What earlier chunks hold of the current element. */
  let parts: Uint8Array[] = [];
  let gathered = 0;

  for await (const chunk of chunks) {
    let at = Math.min(chunk.length, Math.max(0, from - base));
    while (at < chunk.length) {
      if (inside) {
        const end = scanner.scan(chunk, at);
        const whole = scanner.done;
        if (gathered + (end - at) > maxElementBytes) {
          throw new SyntaxError(
            `Element ${index} at byte ${offset} is longer than ${maxElementBytes} bytes: is its closing bracket missing?`,
          );
        }
        if (whole) {
          const last = chunk.subarray(at, end);
          const bytes = parts.length > 0 ? concat([...parts, last]) : last;
          yield { ...parseJson(bytes), index, offset, length: bytes.length };
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
      if ((expected === "first" || expected === "element") && beginsElement(byte)) {
        inside = true;
        offset = position;
        scanner.start(byte);
        continue;
      }
      // Inside an object, the rest of that object follows.
      if (expected === "nothing" && from > 0) break;
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

/** Finds the end of one element that may be spread over several chunks. */
class ElementScanner {
  /** The last scan reached the end. */
  done = false;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** A number, `true`, `null`: it ends where something else begins. */
  #bare = false;

  start(first: number): void {
    this.done = false;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#bare = first !== QUOTE && first !== OPEN_BRACE && first !== OPEN_BRACKET;
  }

  /** Returns the position after the element, or the chunk's length when its end is not here. */
  scan(chunk: Uint8Array, from: number): number {
    if (this.#bare) return this.#scanBare(chunk, from);
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
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) {
            this.done = true;
            break;
          }
        }
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

  #scanBare(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && isBare(chunk[at]!)) at++;
    this.done = at < chunk.length;
    return at;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** A byte of a number or of a word like `null`; NaN of Python's, too. */
function isBare(byte: number): boolean {
  return byte === 0x2b || byte === 0x2d || byte === 0x2e || (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function beginsElement(byte: number): boolean {
  return byte === OPEN_BRACE || byte === QUOTE || byte === OPEN_BRACKET || isBare(byte);
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
    : `element ${index}`;
  return new SyntaxError(`Expected ${wanted}, found ${seen} at byte ${position}`);
}
