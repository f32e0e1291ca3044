/**
 * Texts of exactly so many tokens, made of words.
 *
 * @module
 */
import { integerBelow, type Random } from "../backends/random.ts";
import type { TokenCounter } from "./prompt.ts";
import { UserError } from "./user_error.ts";
import words from "./dataset_synthetic_words.json" with { type: "json" };

/** Words that texts are made of, with what each costs. */
export interface Vocabulary {
  /** Words and what each adds behind another one, in tokens, cheapest first. */
  readonly words: readonly { readonly word: string; readonly cost: number }[];
  readonly maxCost: number;
}

/** The words with their costs by that counter; these may be fractions, as an estimate counts bytes. */
export function measureWords(counter: TokenCounter): Vocabulary {
  const times = 8;
  const start = counter.count("so");
  const words = WORDS.map((word) => ({
    word,
    cost: (counter.count("so" + ` ${word}`.repeat(times)) - start) / times,
  })).filter(({ cost }) => cost > 0).sort((a, b) => a.cost - b.cost);
  return { words, maxCost: words.at(-1)?.cost ?? 1 };
}

/** What a text is made of. */
export interface Composing {
  readonly random: Random;
  /** Beginnings, best first; the first one that fits is used. */
  readonly openings: readonly string[];
  readonly tokens: number;
  readonly counter: TokenCounter;
  readonly vocabulary: Vocabulary;
}

/**
 * A text of exactly so many tokens, counted as a whole in the end: text decoded from random ids would
 * encode to another number of tokens (T33 in docs/python-scripts.md). Words are added by their known
 * cost; what is then missing is filled with shorter words and letters.
 *
 * @throws {UserError} where the tokenizer leaves no way to that length.
 */
export function composeExact(request: Composing): string {
  const { tokens, counter } = request;
  for (let drawn = 0; drawn < DRAWS; drawn++) {
    const text = compose(request);
    if (text !== undefined) return text;
  }
  throw new UserError(
    `Cannot make a prompt of exactly ${tokens} tokens with the tokenizer ${counter.name}: use another length, or --token-ids`,
  );
}

/** A tokenizer that joins words across blanks may leave a draw no way to its length. */
const DRAWS = 50;

/** One draw; absent where it did not come to the length. */
function compose({ random, openings, tokens, counter, vocabulary }: Composing): string | undefined {
  const { words, maxCost } = vocabulary;
  const opening = openings.find((text) => counter.count(text) <= tokens) ?? "";
  let text = opening;
  let left = tokens - counter.count(text);
  for (let attempt = 0; attempt < 200; attempt++) {
    // Joined at the end: each word added to the text would be an object.
    const parts = text === "" ? [] : [text];
    while (true) {
      const affordable = left >= maxCost ? words.length : countAffordable(words, left);
      if (affordable === 0) break;
      const { word, cost } = words[integerBelow(random, affordable)]!;
      parts.push(word);
      left -= cost;
    }
    text = parts.join(" ");
    left = tokens - counter.count(text);
    if (left === 0) return text;
    if (left < 0) text = opening + shortened(text.slice(opening.length), tokens / (tokens - left));
    else if (countAffordable(words, left) === 0) text += letterOf(random);
    if (left < 0) left = tokens - counter.count(text);
  }
  return undefined;
}

/** The share of a text's words that comes to the length, by their mean; one word less at least. */
function shortened(text: string, share: number): string {
  const words = text.split(" ");
  return words.slice(0, Math.min(words.length - 1, Math.floor(words.length * share))).join(" ");
}

function countAffordable(words: Vocabulary["words"], left: number): number {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle] as Vocabulary["words"][number]).cost <= left) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Eight letters: two of 100,000 prompts are equal in one of forty runs. */
export function codeOf(random: Random): string {
  let code = "";
  for (let i = 0; i < 8; i++) {
    code += String.fromCharCode(97 + integerBelow(random, 26));
  }
  return code;
}

/** A letter that seldom becomes one token with the word before it. */
function letterOf(random: Random): string {
  return "qxzjvk"[integerBelow(random, 6)]!;
}

const WORDS: readonly string[] = words.join(" ").split(" ");
