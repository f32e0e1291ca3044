/**
 * Parses one row of a file: JSON of any shape, with a reason where it is none.
 *
 * @module
 */

/** What was read, or why nothing was. */
export interface ParsedJson {
  /** `undefined` with a problem. */
  readonly value: unknown;
  /** Completes "it …", the same words for all rows with this mistake. */
  readonly problem?: string;
}

/** Deeper values would overflow the stack of those who write them again. */
const MAX_DEPTH = 200;

const TOO_DEEP = `is nested deeper than ${MAX_DEPTH} levels`;

/** Longer texts are looked at before they are parsed: a level takes thirty times its bytes. */
const LONG_TEXT = 2 ** 16;

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Parses bytes or text. Halves of surrogate pairs, which no server can read, become U+FFFD. */
export function parseJson(source: Uint8Array | string | undefined): ParsedJson {
  const text = typeof source === "string" ? source : decode(source);
  if (text === undefined) return { value: undefined, problem: NOT_UTF8 };
  const isLong = text.length > LONG_TEXT;
  if (isLong && isDeepText(text)) return { value: undefined, problem: TOO_DEEP };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: undefined, problem: "is not JSON" };
  }
  if (!isLong && isDeeper(value, MAX_DEPTH)) return { value: undefined, problem: TOO_DEEP };
  // Raw UTF-8 cannot hold a half: it was written as an escape.
  return { value: /\\ud[89a-f]/i.test(text) ? wellFormed(value) : value };
}

/** Of bytes that are not UTF-8; most often they are Latin-1. */
export const NOT_UTF8 = "is not UTF-8 (convert Latin-1 with iconv -f LATIN1 -t UTF-8)";

function decode(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  try {
    return DECODER.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Looks at codes: a character of its own for each takes many times as long. */
function isDeepText(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/** The value with whole characters only; at most {@linkcode MAX_DEPTH} levels. */
function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.toWellFormed(), wellFormed(item)]),
  );
}
