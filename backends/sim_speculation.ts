/**
 * Speculative decoding of the simulated engine: each step checks so many guessed tokens, and those up
 * to the first wrong one come together with the token that the model itself gives.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** How an engine guesses. */
export interface SimSpeculation {
  /** Tokens guessed for each step. */
  readonly draft: number;
  /** Probability that one is right where all before it are. */
  readonly acceptance: number;
}

/** Form that {@linkcode parseSpeculation} reads, for help texts and errors. */
export const SPECULATION_FORM = "N:P";

/** More than any engine guesses. */
const MOST_DRAFT = 64;

/**
 * Reads `3:0.7`.
 *
 * @throws {SyntaxError} when the text has another form.
 * @throws {RangeError} when a number makes no sense.
 */
export function parseSpeculation(spec: string): SimSpeculation {
  const [, count = "", share = ""] = /^(\d+):(\d*\.?\d+)$/.exec(spec.trim()) ?? [];
  if (count === "") {
    throw new SyntaxError(
      `Cannot read the speculation ${
        JSON.stringify(spec)
      }: give ${SPECULATION_FORM}, e.g. 3:0.7 for 3 tokens of which each is right with probability 0.7`,
    );
  }
  const [draft, acceptance] = [Number(count), Number(share)];
  if (draft < 1 || draft > MOST_DRAFT || acceptance > 1) {
    throw new RangeError(
      `Cannot use the speculation "${spec}": give 1 to ${MOST_DRAFT} tokens and a probability in 0…1`,
    );
  }
  return { draft, acceptance };
}

/** How many guessed tokens of a step are right. */
export function acceptedOf({ draft, acceptance }: SimSpeculation, random: Random): number {
  let accepted = 0;
  while (accepted < draft && random.next() < acceptance) accepted++;
  return accepted;
}
