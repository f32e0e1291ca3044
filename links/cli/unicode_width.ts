/**
 * Columns that a text takes on a terminal. Without a package, as the command line loads this at each
 * start: `npm:string-width` took 40 ms of it.
 *
 * @module
 */

/** Columns of a text without control sequences: 2 for wide characters, 0 for combining ones. */
export function unicodeWidth(str: string): number {
  if (PLAIN.test(str)) return str.length;
  let width = 0;
  for (const letter of str) {
    if (PLAIN.test(letter)) width++;
    else width += invisible().test(letter) ? 0 : wide().test(letter) ? 2 : 1;
  }
  return width;
}

/** ASCII, the ellipsis, and what bars and frames are drawn with. */
const PLAIN = /^[\x20-\x7e\u2026\u2500-\u259f]*$/;

// Made when a text first needs them: properties of Unicode take milliseconds to compile.
let invisibleLetters: RegExp | undefined;
let wideLetters: RegExp | undefined;

/** Control characters, formats, and marks that stand on another character. */
function invisible(): RegExp {
  return invisibleLetters ??= /[\p{Cc}\p{Cf}\p{Mn}\p{Me}\u115f-\u11ff\u3164]/u;
}

/** What UAX #11 calls wide or fullwidth. */
function wide(): RegExp {
  const ranges =
    "2329-232a 2e80-303e 3041-a4cf a960-a97c ac00-d7a3 f900-faff fe10-fe19 fe30-fe6b " +
    "1100-115e ff01-ff60 ffe0-ffe6 16fe0-18dff 1aff0-1b2fb 1f200-1f265 20000-3fffd";
  const letters = ranges.replace(/([0-9a-f]+)-([0-9a-f]+) ?/g, "\\u{$1}-\\u{$2}");
  return wideLetters ??= new RegExp(`[\\p{Emoji_Presentation}${letters}]`, "u");
}
