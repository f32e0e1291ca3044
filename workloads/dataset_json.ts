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
  if (text.length > LONG_TEXT && isDeepText(text)) return { value: undefined, problem: TOO_DEEP };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: undefined, problem: "is not JSON" };
  }
  if (isDeeper(value, MAX_DEPTH)) return { value: undefined, problem: TOO_DEEP };
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

function isDeepText(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === "\\") at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "[" || char === "{") {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === "]" || char === "}") depth--;
  }
  return false;
}

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
