/**
 * Many whole numbers as a short text: base64 VLQ, as source maps have them. Small ones take one
 * character, there is nothing between them, and what is read is whole by construction.
 *
 * @module
 */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** A digit has five bits of a number; this one says that more follow. */
const MORE = 32;

const NO_DIGIT = 255;
const VALUES = new Uint8Array(128).fill(NO_DIGIT);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;

/** Numbers up to here, positive and negative, are exact with a bit for the sign. */
export const LARGEST_PACKED: number = 2 ** 52 - 1;

/** Whole numbers as text; others are rounded, and those beyond {@linkcode LARGEST_PACKED} are cut to it. */
export function packNumbers(numbers: Iterable<number>): string {
  let text = "";
  for (const number of numbers) {
    const size = Math.min(LARGEST_PACKED, Math.round(Math.abs(number)) || 0);
    let rest = 2 * size + (number < 0 && size > 0 ? 1 : 0);
    while (rest >= MORE) {
      text += DIGITS[MORE + rest % MORE];
      rest = Math.floor(rest / MORE);
    }
    text += DIGITS[rest];
  }
  return text;
}

/** What {@linkcode packNumbers} was given. @throws {TypeError} for anything else, and more numbers. */
export function unpackNumbers(text: unknown, most: number): Float64Array {
  if (typeof text !== "string") throw new TypeError("it is no text of numbers");
  const { length } = text;
  // Each has a digit at least.
  const numbers = new Float64Array(Math.min(length, most));
  let count = 0;
  for (let at = 0; at < length;) {
    if (count === most) throw new TypeError(`it has more than ${most} numbers`);
    let digit = digitAt(text, at++);
    // Nearly all are small: bits take a fraction of the time of floats.
    let low = digit & MORE - 1;
    for (let shift = 5; digit >= MORE && shift < 30; shift += 5) {
      digit = digitAt(text, at++);
      low |= (digit & MORE - 1) << shift;
    }
    let size = low >> 1;
    for (let place = 2 ** 29; digit >= MORE; place *= MORE) {
      // Beyond this place a number is not exact.
      if (place > 2 ** 50) throw new TypeError("it is no text of numbers");
      digit = digitAt(text, at++);
      size += (digit & MORE - 1) * place;
    }
    if (size > LARGEST_PACKED) throw new TypeError("a number of it is too large");
    numbers[count++] = (low & 1) === 0 ? size : 0 - size;
  }
  return numbers.subarray(0, count);
}

function digitAt(text: string, at: number): number {
  // Behind the end there is none.
  const code = text.charCodeAt(at);
  const digit = code < 128 ? VALUES[code]! : NO_DIGIT;
  if (digit === NO_DIGIT) throw new TypeError("it is no text of numbers");
  return digit;
}

/** Counts by position, most of them 0: pairs of the distance to the one before and the count. */
export function packSparse(counts: ArrayLike<number>, unit = 1): string {
  const pairs: number[] = [];
  let last = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    pairs.push(i - last, counts[i]! * unit);
    last = i;
  }
  return packNumbers(pairs);
}

/** Position and count in turn, by position. @throws {TypeError} for a position of `length` or more. */
export function unpackSparse(text: unknown, length: number): Float64Array {
  const pairs = unpackNumbers(text, 2 * length);
  if (pairs.length % 2 !== 0) throw new TypeError("a count of it is missing");
  let at = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    const distance = pairs[i]!;
    if (distance < (i === 0 ? 0 : 1)) throw new TypeError("its positions do not ascend");
    at += distance;
    if (at >= length) throw new TypeError(`a position of it is not below ${length}`);
    pairs[i] = at;
  }
  return pairs;
}
