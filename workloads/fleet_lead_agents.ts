/**
 * The agents of a run as their leader sees them: what each has said last, and whether it is still there.
 *
 * @module
 */
import type { RunHeader } from "../metrics/run.ts";
import { agentText } from "./fleet_lead_gather.ts";
import {
  type AgentDone,
  type AgentEnd,
  type Hello,
  POINTS,
  type Prepared,
  type Ready,
  type Update,
} from "./fleet_messages.ts";

/** Why, and since when. */
export interface Loss {
  /** When it was heard last, by the leader's clock. */
  readonly sinceMs: number;
  /** In a clause without a period. */
  readonly reason: string;
}

/** One agent. */
export class LedAgent {
  readonly number: number;
  readonly hello: Hello;
  /** When it was heard last, by the leader's clock. */
  heardMs: number;
  prepared: Prepared | undefined;
  /** How long a request takes alone, for a search. */
  answerMs: number | undefined;
  update: Update | undefined;
  done: AgentDone | undefined;
  lost: Loss | undefined;
  /** It was lost, and heard again. */
  back = false;
  readonly #ends = new Map<number, AgentEnd>();
  readonly #discarded = new Set<number>();
  #load = -1;
  #point = -1;

  constructor({ number, hello, nowMs }: {
    readonly number: number;
    readonly hello: Hello;
    readonly nowMs: number;
  }) {
    this.number = number;
    this.hello = hello;
    this.heardMs = nowMs;
  }

  /** For people: `agent 2 (n3)`. */
  get shown(): string {
    return `agent ${this.number} (${agentText(this.hello)})`;
  }

  /** The same at the beginning of a sentence. */
  get named(): string {
    return `A${this.shown.slice(1)}`;
  }

  /** It is to be waited for. */
  get present(): boolean {
    return this.done === undefined && (this.lost === undefined || this.back);
  }

  get header(): RunHeader | undefined {
    return this.prepared?.header;
  }

  /** It has come to a point before a load. */
  come({ load, point }: Pick<Ready, "load" | "point">): void {
    const at = POINTS.indexOf(point);
    if (load < this.#load || (load === this.#load && at <= this.#point)) return;
    this.#load = load;
    this.#point = at;
  }

  /** Whether it has come to a point before a load, or is beyond it. */
  isAt(load: number, point: Ready["point"]): boolean {
    return this.#load > load || this.hasEnded(load) ||
      (this.#load === load && this.#point >= POINTS.indexOf(point));
  }

  /** A load has ended on it; the first word counts. */
  addEnd(end: AgentEnd): boolean {
    if (this.#ends.has(end.end.load)) return false;
    this.#ends.set(end.end.load, end);
    return true;
  }

  /** A load has ended on it, whether that could be read or not. */
  hasEnded(load: number): boolean {
    return this.#ends.has(load) || this.#discarded.has(load);
  }

  /** Its results of a load cannot be read: that it has ended is all that is known. */
  discardEnd(load: number): void {
    this.#discarded.add(load);
  }

  /** The end of a load whose results count; absent = it told none that could be read. */
  countedEndOf(load: number): AgentEnd | undefined {
    return this.#discarded.has(load) ? undefined : this.#ends.get(load);
  }

  /** Forgets what was told of the loads up to this one: their results are large. */
  forget(load: number): void {
    for (const [number, end] of this.#ends) {
      if (number <= load) this.#ends.set(number, { ...end, state: undefined });
    }
  }
}
