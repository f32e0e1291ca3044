/**
 * Prompts by block, as a pure function: the same id gives the same tokens in every prompt, turn, and
 * run of one seed. No corpus is built, kept, or cached.
 *
 * @module
 */
import { createRandom, type Random } from "../backends/random.ts";
import type { PromptSpec } from "./session.ts";

/** Tokens of a prompt, one number each. */
export type TokenArray = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/**
 * Fills `tokens` from `start` to `end` with what a stream gives. Of the same stream, a longer filling
 * begins with a shorter one.
 */
export type FillTokens<T extends TokenArray> = (
  tokens: T,
  range: { readonly start: number; readonly end: number },
  random: Random,
) => void;

/** Tokens that a mark takes the place of: 64 bits of it, in bytes. */
export const SALT_TOKENS = 8;

/**
 * Lays the tokens of a prompt: its blocks, behind them its own filler, and last the mark over the tokens
 * at its place. A block follows from seed, scope, and id alone; a cut one is the front of the whole one.
 *
 * @param tokens as many as the prompt has; all are written.
 */
export function layTokens<T extends TokenArray>(
  tokens: T,
  { spec, seed, fill }: {
    readonly spec: PromptSpec;
    readonly seed: number;
    readonly fill: FillTokens<T>;
  },
): T {
  const { blocks, blockTokens, scope, filler, inputTokens, salt } = spec;
  let start = 0;
  for (const id of blocks) {
    const end = Math.min(inputTokens, start + blockTokens);
    if (start >= end) break;
    fill(tokens, { start, end }, createRandom(seed, `block ${id} of ${scope}`));
    start = end;
  }
  if (start < inputTokens) {
    fill(tokens, { start, end: inputTokens }, createRandom(seed, `filler of ${filler}`));
  }
  if (salt !== undefined) {
    const end = Math.min(inputTokens, salt.at + SALT_TOKENS);
    if (salt.at < end) {
      fill(tokens, { start: salt.at, end }, createRandom(0, `salt ${salt.mark}`));
    }
  }
  return tokens;
}

/** Numbers of a unit table: four from each draw. */
export const fillUnits: FillTokens<Uint8Array<ArrayBuffer>> = (tokens, { start, end }, random) => {
  let draw = 0;
  for (let at = start; at < end; at++) {
    draw = (at - start) % 4 === 0 ? random.uint32() : draw >>> 8;
    tokens[at] = draw;
  }
};

/** Token ids of a vocabulary. Its ends are left out: special tokens live there. */
export function fillIds(vocabulary: number): FillTokens<Uint32Array<ArrayBuffer>> {
  const low = Math.floor(vocabulary / 8);
  const count = vocabulary - 2 * low;
  return (tokens, { start, end }, random) => {
    for (let at = start; at < end; at++) {
      tokens[at] = low + Math.floor(random.uint32() / 2 ** 32 * count);
    }
  };
}
