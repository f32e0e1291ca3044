/**
 * Marks in front of prompts: a server's prefix cache knows none of a prompt whose beginning is new.
 *
 * @module
 */
import { createRandom, integerBelow } from "../backends/random.ts";
import type { TokenCounter } from "./prompt.ts";

/** With the line feed, two tokens by the estimate. */
const LETTERS = 7;
/** Draws until a mark has as many tokens as the first one. */
const DRAWS = 1000;

/** The marks of a run, all of which have the same number of tokens. */
export interface Marks {
  /** Tokens of a mark. */
  readonly tokens: number;
  /**
   * The mark of something that is named in the run, e.g. `load/0`: letters and a line feed, behind which
   * tokenizers begin anew. The same for the same salt and name.
   */
  of(name: string): string;
}

/** Marks that follow from a salt. */
export function marksOf(salt: string, counter: Pick<TokenCounter, "count">): Marks {
  const first = draw(salt, "load/0", () => true);
  const tokens = counter.count(first);
  return {
    tokens,
    of: (name) =>
      name === "load/0" ? first : draw(salt, name, (text) => counter.count(text) === tokens),
  };
}

function draw(salt: string, name: string, fits: (mark: string) => boolean): string {
  const random = createRandom(0, `salt/${salt}/${name}`);
  for (let drawn = 1;; drawn++) {
    let mark = "";
    for (let i = 0; i < LETTERS; i++) mark += String.fromCharCode(97 + integerBelow(random, 26));
    mark += "\n";
    if (drawn === DRAWS || fits(mark)) return mark;
  }
}
