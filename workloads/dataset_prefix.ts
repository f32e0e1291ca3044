/**
 * Beginnings that synthetic prompts have in common, so that a prefix cache has something to find.
 *
 * @module
 */
import { createRandom, integerBelow, type Random } from "../backends/random.ts";
import { composeExact, type Vocabulary } from "./dataset_words.ts";
import type { TokenCounter } from "./prompt.ts";
import { UserError } from "./user_error.ts";

/** Most prefixes: a table of their shares is kept. */
const MOST_POOLS = 1_000_000;
const FORM = "write it as G:TOKENS or G:TOKENS:zipf=S, e.g. 4:1000 or 100:2000:zipf=1.1";

/** Which prefix each prompt begins with, and how long it is. */
export interface PrefixPlan {
  /** Number of different prefixes. */
  readonly pools: number;
  /** The prefix of the prompt at that position, 0-based. */
  readonly poolOf: (index: number) => number;
  /** Tokens of the prefix of a prompt for which `--input-tokens` gives that length. */
  readonly tokensOf: (inputTokens: number) => number;
  /** Length of the whole prompt, the prefix included. */
  readonly lengthOf: (inputTokens: number) => number;
  /** For the name of the dataset, e.g. `4 prefixes of 1000 tokens`. */
  readonly title: string;
  /** Share of the tokens that is asked to be cached, 0 to 1; absent = what the lengths make of it. */
  readonly share?: number;
}

/**
 * The prefixes that options ask for; absent = none.
 *
 * @throws {UserError} for a form that is none, and where the two options contradict each other.
 */
export function planPrefixes(
  { prefixPools, cachedShare }: {
    readonly prefixPools: string | undefined;
    readonly cachedShare: number | undefined;
  },
  seed: number,
): PrefixPlan | undefined {
  if (prefixPools === undefined && cachedShare === undefined) return undefined;
  const { count, tokens, zipf } = parsePools(prefixPools ?? "1");
  const common = { pools: count, poolOf: drawOf({ count, zipf }, seed) };
  const law = zipf === undefined ? "" : `, Zipf ${zipf}`;
  const prefixes = count === 1 ? "1 prefix" : `${count} prefixes`;
  if (cachedShare === undefined) {
    if (tokens === undefined) {
      throw new UserError(`Cannot use --prefix-pools ${prefixPools}: ${FORM}`);
    }
    return {
      ...common,
      tokensOf: () => tokens,
      lengthOf: (inputTokens) => tokens + inputTokens,
      title: `${prefixes} of ${tokens} tokens${law}`,
    };
  }
  if (tokens !== undefined) {
    throw new UserError(
      `Cannot use --cached-share ${cachedShare} with --prefix-pools ${prefixPools}: the share ` +
        `decides how long the prefixes are, give their number alone (--prefix-pools ${count})`,
    );
  }
  const share = cachedShare / 100;
  return {
    ...common,
    tokensOf: (inputTokens) => Math.min(inputTokens - 1, Math.round(share * inputTokens)),
    lengthOf: (inputTokens) => inputTokens,
    title: `${cachedShare} % of each from ${prefixes}${law}`,
    share,
  };
}

interface Pools {
  readonly count: number;
  readonly tokens?: number | undefined;
  readonly zipf?: number | undefined;
}

function parsePools(text: string): Pools {
  const match = /^(\d+)(?::(\d+))?(?::zipf=(\d+(?:\.\d+)?))?$/.exec(text.trim());
  const [count, tokens, zipf] = (match ?? []).slice(1)
    .map((part) => part === undefined ? undefined : Number(part));
  const whole = count !== undefined && count >= 1 && count <= MOST_POOLS;
  if (!whole || tokens === 0 || zipf === 0) {
    throw new UserError(`Cannot use --prefix-pools "${text}": ${FORM}`);
  }
  return { count, tokens, zipf };
}

/** Follows from the seed alone: every run has the same mix of prefixes. */
function drawOf({ count, zipf }: Pools, seed: number): (index: number) => number {
  const randomOf = (index: number) => createRandom(seed, `prefix-pool/${index}`);
  if (zipf === undefined) return (index) => integerBelow(randomOf(index), count);
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 1; rank <= count; rank++) sums[rank - 1] = sum += rank ** -zipf;
  return (index) => {
    const drawn = randomOf(index).next() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** A prefix made of words. Shorter ones are the beginning of longer ones, but for their last word. */
export class TextPrefix {
  readonly #random: Random;
  readonly #counter: TokenCounter;
  readonly #vocabulary: Vocabulary;
  readonly #words: string[];
  /** Of the words so far, by their costs alone. */
  #cost = 0;
  readonly #cuts = new Map<number, string>();

  /** @param opening its first word, e.g. a mark. */
  constructor(
    opening: string,
    { random, counter, vocabulary }: {
      readonly random: Random;
      readonly counter: TokenCounter;
      readonly vocabulary: Vocabulary;
    },
  ) {
    this.#random = random;
    this.#counter = counter;
    this.#vocabulary = vocabulary;
    this.#words = [opening];
  }

  /** Exactly so many tokens of it. @throws {UserError} as {@linkcode composeExact}. */
  cut(tokens: number): string {
    if (tokens === 0) return "";
    let text = this.#cuts.get(tokens);
    if (text === undefined) this.#cuts.set(tokens, text = this.#make(tokens));
    return text;
  }

  #make(tokens: number): string {
    const { words } = this.#vocabulary;
    while (this.#cost < tokens) {
      const { word, cost } = words[integerBelow(this.#random, words.length)]!;
      this.#words.push(word);
      this.#cost += cost;
    }
    const textOf = (count: number) => this.#words.slice(0, count).join(" ");
    let low = 0;
    let high = this.#words.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#counter.count(textOf(middle)) <= tokens) low = middle;
      else high = middle - 1;
    }
    return composeExact({
      random: createRandom(0, `prefix-end/${this.#words[0]}/${tokens}`),
      openings: [textOf(low)],
      tokens,
      counter: this.#counter,
      vocabulary: this.#vocabulary,
    });
  }
}
