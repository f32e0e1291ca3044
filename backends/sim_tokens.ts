/**
 * The simulated vocabulary: short English words, and bytes for characters that are not in it.
 *
 * @module
 */
import { createRandom } from "./random.ts";
import type { SimToken } from "./sim_protocol.ts";

const WORDS: readonly string[] =
  (" the of and a to in is it that for was on are as with they at be" +
    " this from have or by one had not but what all were when we there can an your which their" +
    " said if do will each about how up out them then she many some so these would other into has" +
    " more her two like him see time could no make than first been its who now people my made over" +
    " did down only way find use may water long little very after words called just where most know")
    .split(" ").filter((word) => word !== "").map((word) => ` ${word}`);

/** Characters of 2, 3 and 4 bytes in UTF-8, spelled by as many tokens. */
const CHARACTERS: readonly string[] = ["é", "ß", "ñ", "漢", "字", "語", "한", "€", "😀", "🚀"];

/** First id of a byte, after three special tokens. */
const FIRST_BYTE_ID = 3;
/** First id of a word, after 256 byte tokens. */
const FIRST_WORD_ID = FIRST_BYTE_ID + 256;

const WORD_TOKENS: readonly SimToken[] = WORDS.map((text, index) => ({
  id: FIRST_WORD_ID + index,
  text,
  reasoning: false,
}));
const THOUGHT_TOKENS: readonly SimToken[] = WORD_TOKENS.map((token) => ({
  ...token,
  reasoning: true,
}));

/** Number of ids: three special, 256 bytes, the words. */
export const VOCABULARY_SIZE: number = FIRST_WORD_ID + WORDS.length;

/** The text of ids: words, and bytes as the characters that they spell; unknown ids have none. */
export function textOfTokens(ids: Iterable<number>): string {
  const bytes: number[] = [];
  for (const id of ids) {
    if (id >= FIRST_WORD_ID) bytes.push(...encoder.encode(WORDS[id - FIRST_WORD_ID] ?? ""));
    else if (id >= FIRST_BYTE_ID) bytes.push(id - FIRST_BYTE_ID);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

const encoder = new TextEncoder();

/** What determines a request's text. */
export interface TokenTextOptions {
  readonly seed: number;
  /** Number of the request. */
  readonly serial: number;
  /** Number of reasoning tokens at the start. */
  readonly reasoning: number;
  /** About every third word becomes a character in bytes, whose text is held back. */
  readonly bytes: boolean;
}

/**
 * The endless answer of one request, one token per call. `leftTokens` = tokens that may still follow,
 * this one included: a character is started only when there is room to complete it.
 */
export function tokenSource(options: TokenTextOptions): (leftTokens: number) => SimToken {
  const { bytes, reasoning } = options;
  const random = createRandom(options.seed, `sim-tokens:${options.serial}`);
  const spelled: SimToken[] = [];
  let made = 0;
  return (leftTokens) => {
    const thinking = made++ < reasoning;
    const half = spelled.shift();
    if (half !== undefined) return half;
    const draw = random.uint32();
    if (bytes && !thinking && draw % 3 === 0) {
      const character = CHARACTERS[(draw >>> 8) % CHARACTERS.length] ?? "é";
      const codes = encoder.encode(character);
      if (codes.length <= leftTokens) {
        codes.forEach((code, index) => {
          const text = index === codes.length - 1 ? character : "";
          spelled.push({ id: FIRST_BYTE_ID + code, text, reasoning: false });
        });
        return spelled.shift()!;
      }
    }
    const words = thinking ? THOUGHT_TOKENS : WORD_TOKENS;
    return words[(draw >>> 4) % words.length]!;
  };
}
