/**
 * What prompts of blocks are made of: words that are one token each, wherever they stand. Texts made
 * of them have a known number of tokens without being encoded, and keep it when the server encodes
 * them.
 *
 * @module
 */
import type { TokenCounter } from "./prompt.ts";
import { UserError } from "./user_error.ts";
import syntheticWords from "./dataset_synthetic_words.json" with { type: "json" };
import words from "./session_prompt_words.json" with { type: "json" };

/** 256 tokens, so that a byte is the number of one; with fewer words each stands in it several times. */
export interface UnitTable {
  /** Text of each behind another, its space included. */
  readonly behind: readonly string[];
  /** Text of each at the front of a message, which begins without a space. */
  readonly front: readonly string[];
  /** Token ids of those in `behind`; absent with the estimate. */
  readonly ids?: readonly number[];
}

export const UNITS = 256;
/** With fewer words, blocks of 16 tokens would be alike too often. */
const FEWEST_WORDS = 16;
/** Ids whose texts are looked at where the known words are not enough. */
const SCANNED_IDS = 200_000;
/** Between two joins that no word is dropped for. */
const MOST_TRIES = 8;

/**
 * Chooses the words.
 *
 * With the estimate each has four bytes; they are words that are one token for common tokenizers,
 * too, so that an estimated length is nearly the true one. With a tokenizer each pair of words is
 * checked by encoding it; where the words of the estimate are all found, prompts are the same as with it.
 *
 * @throws {UserError} when the tokenizer has fewer than 16 words of one token.
 */
export function chooseUnits(counter: TokenCounter): UnitTable {
  const { encode } = counter;
  if (encode === undefined) {
    return { behind: BEHIND.map((word) => ` ${word}`), front: FRONT };
  }
  const behind: Word[] = [];
  for (const word of candidates(counter)) {
    const id = idBehind(encode, word);
    if (id !== undefined) behind.push({ word, id });
    if (behind.length === UNITS) break;
  }
  const kept = dropJoining(encode, behind);
  const front = [...FRONT, ...kept.map(({ word }) => word), ...LETTERS].filter((word, i) => {
    const next = kept[i % kept.length];
    return next !== undefined && encode(word).length === 1 &&
      encode(`${word} ${next.word}`)[1] === next.id;
  });
  if (kept.length < FEWEST_WORDS || front.length === 0) {
    throw new UserError(
      `Cannot make prompts of blocks with the tokenizer ${counter.name}: ${kept.length} words ` +
        `that are one token each were found, ${FEWEST_WORDS} are needed; ` +
        "use --token-ids with --vocab N, or leave out --tokenizer",
    );
  }
  const table = Array.from({ length: UNITS }, (_, i) => kept[i % kept.length]!);
  return {
    behind: table.map(({ word }) => ` ${word}`),
    front: table.map((_, i) => front[i % front.length]!),
    ids: table.map(({ id }) => id),
  };
}

interface Word {
  readonly word: string;
  /** Of the token behind another word. */
  readonly id: number;
}

type Encode = (text: string) => number[];

/** The token that a word adds behind another; `undefined` where it adds more than one. */
function idBehind(encode: Encode, word: string): number | undefined {
  const two = encode(`${word} ${word}`);
  const three = encode(`${word} ${word} ${word}`);
  const id = three.at(-1)!;
  return three.length === two.length + 1 && two.at(-1) === id && three.at(-2) === id
    ? id
    : undefined;
}

/** The words without those that become other tokens beside some other word. */
function dropJoining(encode: Encode, words: readonly Word[]): readonly Word[] {
  let kept = words;
  for (let attempt = 0; attempt < MOST_TRIES && kept.length > 0; attempt++) {
    const order = allPairs(kept.length);
    // In front of the first there is one more word, whose own tokens do not matter.
    const lead = kept[0]!.word;
    const given = encode(`${lead} ${order.map((at) => kept[at]!.word).join(" ")}`);
    const skip = encode(lead).length;
    const wrong = order.findIndex((at, i) => given[skip + i] !== kept[at]!.id);
    if (wrong < 0 && given.length === skip + order.length) return kept;
    const dropped = order.at(wrong)!;
    kept = kept.filter((_, at) => at !== dropped);
  }
  return [];
}

/** Numbers below `count` in an order in which each stands behind each, itself included. */
export function allPairs(count: number): number[] {
  const order: number[] = [];
  for (let i = 0; i < count; i++) {
    order.push(i);
    for (let j = i + 1; j < count; j++) order.push(i, j);
  }
  // Around the end: the last stands in front of the first.
  order.push(0);
  return order;
}

/** Words to try, each once: known ones, then those that the tokenizer itself has. */
function* candidates(counter: TokenCounter): Generator<string> {
  const seen = new Set<string>();
  for (const word of [...BEHIND, ...FRONT, ...syntheticWords.join(" ").split(" ")]) {
    if (!seen.has(word)) yield word;
    seen.add(word);
  }
  for (let id = 0; id < SCANNED_IDS; id++) {
    const word = textOf(counter, id)?.trim();
    if (word === undefined) return;
    if (!/^[A-Za-z]{1,24}$/.test(word) || seen.has(word)) continue;
    seen.add(word);
    yield word;
  }
}

/** Text of a token; `undefined` behind the last one. */
function textOf({ decode }: TokenCounter, id: number): string | undefined {
  try {
    return decode?.([id]);
  } catch {
    return undefined;
  }
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];
const BEHIND: readonly string[] = words.behind.join(" ").split(" ");
const FRONT: readonly string[] = words.front.join(" ").split(" ");
