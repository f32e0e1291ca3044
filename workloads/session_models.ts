/**
 * Which of a run's models the requests of a recording ask for.
 *
 * @module
 */
import type { RunShare } from "../metrics/run.ts";
import { ShareDeck } from "./dataset_shares.ts";
import type { SessionUse } from "./session_turn.ts";
import type { Trace, TraceSession } from "./trace.ts";

/**
 * How a request or a session gets its model: drawn by weight, by turns, or `recorded`: the recording's
 * first model is the run's first, the second its second, and around.
 */
export type ModelAssignment = "random" | "round-robin" | "recorded";

/** The way without a word of the user: as recorded, where there are several and no weights. */
export function usualAssignment(
  models: readonly RunShare[],
  trace: Pick<Trace, "sessions"> | undefined,
): ModelAssignment {
  if (trace === undefined) return "random";
  const recorded = new Set(trace.sessions.flatMap(({ models }) => models));
  const equal = models.every(({ weight }) => weight === models[0]!.weight);
  return equal && recorded.size > 1 ? "recorded" : "random";
}

/** What the assignment follows from. */
export interface SessionModelsOptions {
  readonly models: readonly RunShare[];
  readonly assignment: ModelAssignment;
  readonly seed: number;
  /** Number of the load. */
  readonly load: number;
  readonly trace: Pick<Trace, "hasSessions" | "sessions">;
}

/**
 * The models of a load's sessions. All requests of a session ask for one, unless its record has several:
 * these are as many of the run's, beginning with the session's own.
 */
export class SessionModels {
  readonly #names: readonly string[];
  readonly #assignment: ModelAssignment;
  readonly #deck: ShareDeck;
  /** Drawn for the sessions so far, by their order. */
  readonly #drawn: number[] = [];
  /** Of models in the recording, where requests know nothing of sessions. */
  readonly #places: ReadonlyMap<string, number>;

  constructor({ models, assignment, seed, load, trace }: SessionModelsOptions) {
    this.#names = models.map(({ name }) => name);
    this.#assignment = assignment;
    this.#deck = new ShareDeck(models.map(({ weight }) => weight), {
      ...{ seed, label: `session-models/${load}` },
    });
    this.#places = placesOf(trace);
  }

  /** @param position of the model in its session. */
  of({ session, order }: Pick<SessionUse, "session" | "order">, position: number): string {
    const name = session.models[position];
    const place = name === undefined ? 0 : this.#places.get(name) ?? position;
    return this.#names[(this.#firstOf(order) + place) % this.#names.length]!;
  }

  #firstOf(order: number): number {
    switch (this.#assignment) {
      case "recorded":
        return 0;
      case "round-robin":
        return order % this.#names.length;
      case "random":
        // In their order, whichever of them asks first.
        while (this.#drawn.length <= order) this.#drawn.push(this.#deck.next());
        return this.#drawn[order]!;
    }
  }
}

function placesOf(
  { hasSessions, sessions }: {
    readonly hasSessions: boolean;
    readonly sessions: readonly TraceSession[];
  },
): ReadonlyMap<string, number> {
  if (hasSessions) return new Map();
  const names = new Set(sessions.flatMap(({ models }) => models));
  return new Map([...names].map((name, place) => [name, place]));
}
