/**
 * The order in which sessions are taken, and where in their records they begin.
 *
 * @module
 */
import { createRandom, shuffled } from "../backends/random.ts";
import { type AgentShare, isOwn, WHOLE } from "./agent_share.ts";
import type { SessionUse } from "./session_turn.ts";
import type { TraceSession } from "./trace.ts";

/** What the order follows from. */
export interface QueueOptions {
  readonly seed: number;
  /** Position of the load in its run: each has an order of its own. */
  readonly load: number;
  /** Sessions are used again when all were; otherwise each is used once. */
  readonly repeats: boolean;
  /** Other machines send the other ones; absent = all are sent here. */
  readonly share?: AgentShare;
}

/**
 * All sessions in an order drawn by the seed; when they are used again, in another one. Of several machines
 * each takes every so many of them.
 */
export function* sessionQueue(
  sessions: readonly TraceSession[],
  { seed, load, repeats, share = WHOLE }: QueueOptions,
): Generator<SessionUse> {
  let next = 0;
  for (let number = 1; number === 1 || repeats && sessions.length > 0; number++) {
    for (const session of shuffled(createRandom(seed, `sessions:${load}:${number}`), sessions)) {
      const order = next++;
      if (!isOwn(order, share)) continue;
      yield {
        session,
        order,
        number,
        name: number === 1 ? session.id : `${session.id}#${number}`,
      };
    }
  }
}

/** Requests of the sessions that a machine sends, each once. */
export function countOwnTurns(sessions: readonly TraceSession[], options: QueueOptions): number {
  let turns = 0;
  for (const { session } of sessionQueue(sessions, { ...options, repeats: false })) {
    turns += session.turns.length;
  }
  return turns;
}

/** Which turns of a session are sent. */
export type TurnPart = "measured" | "warmup" | "left out";

/**
 * The parts of a session that begins at an instant of its record. What each agent had sent last goes out
 * as warm-up where the agent goes on: its prompt holds all that came before.
 *
 * @param share of the record, 0 to 1.
 */
export function partsFrom(session: TraceSession, share: number): readonly TurnPart[] {
  const { turns } = session;
  const fromMs = share * Math.max(0, ...turns.map(({ atMs }) => atMs));
  const goesOn = new Set(turns.filter(({ atMs }) => atMs >= fromMs).map(({ chain }) => chain));
  const parts: TurnPart[] = turns.map(({ atMs }) => atMs < fromMs ? "left out" : "measured");
  const lastBefore = new Map<number, number>();
  for (const [position, { chain }] of turns.entries()) {
    if (parts[position] === "left out" && goesOn.has(chain)) lastBefore.set(chain, position);
  }
  for (const position of lastBefore.values()) parts[position] = "warmup";
  return parts;
}
