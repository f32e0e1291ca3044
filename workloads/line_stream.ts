/**
 * Cuts a stream of bytes into lines.
 *
 * @module
 */

/** One line, without its line break. */
export interface Line {
  /** Its text, or `undefined` when it is not UTF-8, or too long and left out. */
  readonly text: string | undefined;
  /** 1-based. */
  readonly number: number;
  /** Byte where it begins. */
  readonly offset: number;
  /** Bytes, without the line break. */
  readonly length: number;
  /** `false` for a last line without a line break, which may have been cut short. */
  readonly whole: boolean;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Yields the lines of a stream; the last one may lack its line break. A byte order mark is dropped.
 * Memory: one chunk and one line. Chunks may be cut anywhere and reused once the next is asked for.
 *
 * @param options.maxLineBytes longest line accepted (64 MiB).
 * @param options.leaveOutLong a longer line behind the first has no text, instead of an error; it is
 * not kept.
 * @throws {SyntaxError} for a longer line.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly maxLineBytes?: number; readonly leaveOutLong?: boolean } = {},
): AsyncGenerator<Line> {
  const { maxLineBytes = 64 * 2 ** 20, leaveOutLong = false } = options;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 1;
  let offset = 0;
  let parts: Uint8Array[] = [];
  let gathered = 0;

  function line(rest: Uint8Array, whole: boolean): Line {
    if (gathered + rest.length > maxLineBytes) {
      const length = gathered + rest.length;
      const left = { text: undefined, number, offset, length, whole };
      next(length);
      return left;
    }
    const bytes = parts.length === 0 ? rest : concat([...parts, rest]);
    const length = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
    const found = { text: decode(bytes.subarray(0, length)), number, offset, length, whole };
    next(bytes.length);
    return found;
  }
  function next(length: number): void {
    number++;
    offset += length + 1;
    parts = [];
    gathered = 0;
  }
  function decode(bytes: Uint8Array): string | undefined {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  }

  for await (const chunk of chunks) {
    let start = 0;
    while (true) {
      const end = chunk.indexOf(LINE_FEED, start);
      const long = gathered + (end < 0 ? chunk.length : end) - start > maxLineBytes;
      if (long && !(leaveOutLong && number > 1)) {
        throw new SyntaxError(`Line ${number} is longer than ${maxLineBytes} bytes`);
      }
      if (end < 0) break;
      yield line(chunk.subarray(start, end), true);
      start = end + 1;
    }
    if (start < chunk.length) {
      gathered += chunk.length - start;
      if (gathered <= maxLineBytes) parts.push(chunk.slice(start));
      else parts = [];
    }
  }
  if (gathered > 0) yield line(new Uint8Array(), false);
}

/** The bytes of all parts, one after the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
