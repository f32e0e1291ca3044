/**
 * The requests of a closed load, given out in portions: the count of all is exact, whoever is faster sends
 * more of them.
 *
 * @module
 */
import type { LeasedPortion } from "./agent_share.ts";
import type { LeaseAnswer, LeaseAsk } from "./fleet_messages.ts";

/**
 * A portion is at most this part of what an even deal of the rest would give: small portions at the end keep
 * the users of all agents busy until it.
 */
const PART_OF_EVEN = 0.5;

/** Requests of one load. */
export class LeaseBook {
  readonly #agents: number;
  /** Of the whole load; the first question says it. */
  #limit: number | undefined;
  #given = 0;
  /** The last answer to each agent: a question that is asked again is answered the same. */
  readonly #answers = new Map<number, { readonly number: number; readonly answer: LeaseAnswer }>();

  /** @param agents how many draw on it. */
  constructor(agents: number) {
    this.#agents = agents;
  }

  /** Requests that were given out. */
  get given(): number {
    return this.#given;
  }

  /** Answers a question; `undefined` = it is an old one, or of another load, and nobody waits for it. */
  answer({ agent, want, limit = Infinity, number }: LeaseAsk): LeaseAnswer | undefined {
    const last = this.#answers.get(agent);
    if (last?.number === number) return last.answer;
    if (last !== undefined && number < last.number) return undefined;
    this.#limit ??= limit;
    if (limit !== this.#limit) return undefined;
    const portion = this.#take(want);
    const answer: LeaseAnswer = portion === undefined ? {} : { portion };
    this.#answers.set(agent, { number, answer });
    return answer;
  }

  #take(want: number): LeasedPortion | undefined {
    const left = this.#limit! - this.#given;
    if (left <= 0) return undefined;
    const most = Math.max(1, Math.ceil(PART_OF_EVEN * left / this.#agents));
    const portion = { from: this.#given, count: Math.min(want, most, left) };
    this.#given += portion.count;
    return portion;
  }
}
