/**
 * Marks that keep a server's prefix cache from knowing prompts of earlier loads and sessions.
 *
 * @module
 */
import type { Message } from "../backends/protocol.ts";
import { marked } from "./dataset_salt.ts";

/** What a mark is renewed for. */
export type SaltScope = "load" | "session" | "request" | "none";

/** A mark in a prompt. */
export interface Salt {
  /** Prompts with the same mark may share what stands behind it. */
  readonly mark: string;
  /** Token before which it stands: 0 = the very front. */
  readonly at: number;
}

/** What a mark follows from: plain facts of the run, so that any number of threads gives the same. */
export interface SaltFacts {
  /** Drawn once a run, so that no earlier run is known to the server. */
  readonly run: string;
  /** Position of the load. */
  readonly load: number;
  /** Name of the session's use, e.g. `trace_0274#2`. */
  readonly session: string;
  /** Position of the request among the session's turns. */
  readonly turn: number;
  /** Tokens before the first message of the user. */
  readonly systemTokens: number;
}

/**
 * The mark of a request of a session. `load` stands at the very front, so that requests share what they
 * share; `session` behind the system message, which sessions may share; `request` at the front.
 */
export function saltOf(scope: SaltScope, facts: SaltFacts): Salt | undefined {
  const { run, load, session, turn, systemTokens } = facts;
  switch (scope) {
    case "none":
      return undefined;
    case "load":
      return { mark: `${run}.${load}`, at: 0 };
    case "session":
      return { mark: `${run}.${load}.${session}`, at: systemTokens };
    case "request":
      return { mark: `${run}.${load}.${session}.${turn}`, at: 0 };
  }
}

/**
 * Written messages with a mark, which adds to their length: of a session in front of the first message
 * of the user, else at the very front.
 */
export function markMessages(
  messages: readonly Message[],
  scope: SaltScope,
  mark: string,
): readonly Message[] {
  if (scope === "none") return messages;
  const user = scope === "session" ? messages.findIndex(({ role }) => role === "user") : 0;
  const at = Math.max(0, user);
  return messages.map((message, i) => i === at ? marked(message, mark) : message);
}
