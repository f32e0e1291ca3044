/**
 * Prompts as the simulated engine sees them: four UTF-8 bytes of text are a token, and blocks of tokens
 * have keys that say what they and all before them hold.
 *
 * @module
 */
import type { SimJob } from "./sim_protocol.ts";

const encoder = new TextEncoder();
const BYTES_PER_TOKEN = 4;

/** Where texts are laid out, one after the other; larger when one needs it, up to what is kept. */
let words = new Uint32Array(2 ** 16);
/** A larger one is given up after use: 16 MiB. */
const KEPT_WORDS = 2 ** 22;

/** Tokens of texts behind each other: ⌈UTF-8 bytes ÷ 4⌉ of all together, at least 1. */
export function simPromptTokens(...texts: readonly string[]): number {
  const bytes = layOut(texts);
  return Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN));
}

/**
 * Writes the texts into the words.
 *
 * @param borders gets where each text but the first begins, in bytes.
 * @returns bytes in all.
 */
function layOut(texts: readonly string[], borders?: number[]): number {
  let most = 0;
  // A UTF-16 unit is at most three bytes.
  for (const text of texts) most += 3 * text.length;
  if (most > words.byteLength) {
    words = new Uint32Array(2 ** Math.ceil(Math.log2(most / BYTES_PER_TOKEN)));
  } else if (words.length > KEPT_WORDS && most <= KEPT_WORDS * BYTES_PER_TOKEN) {
    words = new Uint32Array(KEPT_WORDS);
  }
  const bytes = new Uint8Array(words.buffer);
  let at = 0;
  for (const text of texts) {
    if (at > 0) borders?.push(at);
    at += encoder.encodeInto(text, bytes.subarray(at)).written;
  }
  return at;
}

/** Keys of the blocks of a prompt, each in two halves; the first `count` are of the latest prompt. */
export interface BlockKeys {
  high: Uint32Array;
  low: Uint32Array;
  count: number;
}

/** An empty list of keys, for {@linkcode blockKeys}. */
export function noKeys(): BlockKeys {
  return { high: new Uint32Array(64), low: new Uint32Array(64), count: 0 };
}

/** Marks that ids are no text, and where a message begins; no id or word of text is likely to be one. */
const IDS = 0xfffffffe;
const BORDER = 0xffffffff;

/**
 * Computes the keys of the whole blocks of a prompt. A key follows from the tokens of its block and of all
 * before it, and from where messages begin, at the block's own beginning or before it: a message that
 * goes on in one prompt and ends in another is the same up to the last whole block.
 */
export function blockKeys(
  { promptIds, promptTexts = [] }: Pick<SimJob, "promptIds" | "promptTexts">,
  blockTokens: number,
  keys: BlockKeys,
): void {
  const borders: number[] = [];
  let tokens: ArrayLike<number>;
  let length: number;
  const hash = new PrefixHash();
  if (promptIds !== undefined) {
    tokens = promptIds;
    length = promptIds.length;
    hash.add(IDS);
  } else {
    length = Math.floor(layOut(promptTexts, borders) / BYTES_PER_TOKEN);
    tokens = words;
  }
  keys.count = Math.floor(length / blockTokens);
  if (keys.count > keys.high.length) {
    keys.high = new Uint32Array(2 * keys.count);
    keys.low = new Uint32Array(2 * keys.count);
  }
  let nextBorder = 0;
  for (let block = 0; block < keys.count; block++) {
    const start = block * blockTokens;
    while (nextBorder < borders.length && borders[nextBorder]! <= start * BYTES_PER_TOKEN) {
      hash.add(BORDER);
      hash.add(borders[nextBorder++]!);
    }
    hash.addAll(tokens, start, start + blockTokens);
    keys.high[block] = hash.high();
    keys.low[block] = hash.low();
  }
}

/** Two hashes of 32 bits over the same words, that go on from block to block. */
class PrefixHash {
  #a = 0x9747b28c;
  #b = 0x3c6ef372;

  add(word: number): void {
    this.addAll([word], 0, 1);
  }

  /** The steps of MurmurHash3, with its constants and with others. */
  addAll(from: ArrayLike<number>, start: number, end: number): void {
    let a = this.#a;
    let b = this.#b;
    for (let i = start; i < end; i++) {
      const word = from[i]!;
      let k = Math.imul(word, 0xcc9e2d51);
      k = (k << 15) | (k >>> 17);
      a ^= Math.imul(k, 0x1b873593);
      a = (a << 13) | (a >>> 19);
      a = (Math.imul(a, 5) + 0xe6546b64) | 0;
      k = Math.imul(word, 0x239b961b);
      k = (k << 16) | (k >>> 16);
      b ^= Math.imul(k, 0xab0e9789);
      b = (b << 17) | (b >>> 15);
      b = (Math.imul(b, 5) + 0x38b34ae5) | 0;
    }
    this.#a = a;
    this.#b = b;
  }

  high(): number {
    return mixed(this.#a);
  }

  low(): number {
    return mixed(this.#b);
  }
}

/** Every bit depends on every bit. */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
