/**
 * The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the codes follow from their
 * lengths.
 *
 * @module
 */

/** Length in bits of the code of each byte; the last one is the end-of-string mark. */
// deno-fmt-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

const LONGEST = 30;
const END_OF_STRING = 256;

/** Bytes in the order of their codes. */
const SYMBOLS: readonly number[] = Array.from(LENGTHS.keys())
  .sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
/** For each length: its first code, how many codes there are, and where their bytes begin. */
const FIRST_CODE: number[] = [];
const COUNT: number[] = [];
const FIRST_SYMBOL: number[] = [];

for (let length = 0, code = 0, symbol = 0; length <= LONGEST; length++) {
  code *= 2;
  FIRST_CODE[length] = code;
  FIRST_SYMBOL[length] = symbol;
  COUNT[length] = LENGTHS.filter((one) => one === length).length;
  code += COUNT[length]!;
  symbol += COUNT[length]!;
}

/**
 * Decodes `bytes[from, to)`, one character a byte.
 *
 * @throws {SyntaxError} when it holds the end mark, or ends in something else than padding.
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  let code = 0;
  let length = 0;
  for (let at = from; at < to; at++) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((bytes[at]! >> bit) & 1);
      length++;
      const offset = code - FIRST_CODE[length]!;
      if (offset < COUNT[length]!) {
        const symbol = SYMBOLS[FIRST_SYMBOL[length]! + offset]!;
        if (symbol === END_OF_STRING) throw new SyntaxError("a Huffman code holds the end mark");
        text += String.fromCharCode(symbol);
        code = length = 0;
      }
    }
  }
  // Padding is the beginning of the end mark: ones only, and less than a byte.
  if (length > 7 || code !== 2 ** length - 1) {
    throw new SyntaxError("a Huffman code ends inside a character");
  }
  return text;
}
