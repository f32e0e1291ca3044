/**
 * Shares of a load: which class a request is of, or which model it asks for, by weight and seed alone.
 *
 * @module
 */
import { createRandom, type Random, shuffled } from "../backends/random.ts";
import type { RunShare } from "../metrics/run.ts";
import { UserError } from "./user_error.ts";

/** Most names of one list: each has a row in every table. */
const MOST_NAMES = 1000;
/** Requests of a deck where no smaller one holds the weights exactly. */
const DECK_CARDS = 100;

/**
 * Gives out positions in a list of weights, one after another.
 *
 * They come from decks: each deck holds every position as often as its weight says, in an order drawn
 * from the seed. So shares hold in every stretch of a load to within a deck, and no position keeps step
 * with the users. A last deck that is cut short holds the shares of what it is cut to: `count` requests
 * have theirs to within one request.
 */
export class ShareDeck {
  readonly #weights: readonly number[];
  readonly #random: Random;
  readonly #cards: number;
  /** Requests that are still to come; absent = nobody knows. */
  #left: number;
  #deck: number[] = [];
  readonly #given: number[];
  #all = 0;

  /**
   * @param weights each above 0.
   * @param count requests in all, where that is known.
   */
  constructor(
    weights: readonly number[],
    { seed, label, count = Infinity }: {
      readonly seed: number;
      readonly label: string;
      readonly count?: number;
    },
  ) {
    this.#weights = weights;
    this.#random = createRandom(seed, label);
    this.#cards = deckSize(weights);
    this.#left = count;
    this.#given = weights.map(() => 0);
  }

  /** The position of the next request. */
  next(): number {
    if (this.#deck.length === 0) this.#fill();
    return this.#deck.pop()!;
  }

  #fill(): void {
    const cards = Math.min(this.#cards, this.#left) || this.#cards;
    this.#left -= cards;
    this.#all += cards;
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    // What is owed, whole cards first; the largest remainders take what is left over.
    const owed = this.#weights.map((weight, i) => this.#all * weight / total - this.#given[i]!);
    const counts = owed.map((one) => Math.max(0, Math.floor(one + 1e-9)));
    let open = cards - counts.reduce((sum, one) => sum + one, 0);
    const byRest = owed.map((one, i) => ({ i, rest: one - counts[i]! }))
      .sort((a, b) => b.rest - a.rest || a.i - b.i);
    for (let k = 0; open > 0; k = (k + 1) % byRest.length, open--) counts[byRest[k]!.i]!++;
    const deck = counts.flatMap((count, i) => Array.from({ length: count }, () => i))
      .slice(0, cards);
    for (const i of deck) this.#given[i]!++;
    this.#deck = shuffled(this.#random, deck);
  }
}

/**
 * A position in `weights` for each request of a pool whose loads take stretches of it one after
 * another: each stretch has its own decks, so that each load has its shares to within one request.
 *
 * @param stretches their lengths.
 */
export function dealShares(
  weights: readonly number[],
  { seed, label, stretches }: {
    readonly seed: number;
    readonly label: string;
    readonly stretches: readonly number[];
  },
): Uint32Array<ArrayBuffer> {
  const dealt = new Uint32Array(stretches.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const [i, count] of stretches.entries()) {
    const deck = new ShareDeck(weights, { seed, label: `${label}/${i}`, count });
    for (const end = at + count; at < end; at++) dealt[at] = deck.next();
  }
  return dealt;
}

/** The smallest deck that holds whole numbers of each, up to {@linkcode DECK_CARDS}. */
function deckSize(weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (let cards = weights.length; cards <= DECK_CARDS; cards++) {
    if (weights.every((weight) => isWhole(cards * weight / total))) return cards;
  }
  return Math.max(DECK_CARDS, weights.length);
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-9;
}

/**
 * `base:70,sql:20,chat:10` as names and weights; a name without one weighs 1.
 *
 * @param option its name, for messages: `--models`.
 * @throws {UserError} for a bad weight, a name that is there twice, or one name alone.
 */
export function parseShares(text: string, option: string): readonly RunShare[] {
  const parts = text.split(",").map((part) => part.trim());
  return checkShares(parts.map((part) => parseShare(part, option)), option);
}

/** `sql:20`: what is behind the last colon is a weight where it is a number. */
export function parseShare(text: string, option: string): RunShare {
  const [, name = text, weight] = /^([^]*):([-+\d.e]+)$/i.exec(text) ?? [];
  const share = { name: name.trim(), weight: weight === undefined ? 1 : Number(weight) };
  if (share.name === "") {
    throw new UserError(`Cannot use ${option} with an empty name: write it as "a:70,b:30"`);
  }
  if (!(share.weight > 0 && share.weight <= 1e9)) {
    throw new UserError(
      `Cannot use the weight ${weight} of "${share.name}" in ${option}: give a number above 0`,
    );
  }
  return share;
}

/** @throws {UserError} where a name is there twice, or there are too many. */
export function checkShares<T extends RunShare>(
  shares: readonly T[],
  option: string,
): readonly T[] {
  const names = shares.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new UserError(`Cannot use "${twice}" twice in ${option}: give each name once`);
  }
  if (names.length > MOST_NAMES) {
    throw new UserError(`Cannot use ${names.length} names in ${option}: ${MOST_NAMES} is the most`);
  }
  return shares;
}
