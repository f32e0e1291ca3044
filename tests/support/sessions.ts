/**
 * Recorded sessions of a test's own making, and a server that answers them in no time of ours.
 *
 * @module
 */
import type { Chain, TraceSession, Turn } from "../../workloads/trace.ts";
import type { DueTurn, TurnEnd, TurnSource } from "../../workloads/session_turn.ts";
import { blockIdsOf } from "./block_ids.ts";

/** A turn: what differs from one that waits for the turn before it. */
export interface TurnSketch extends Partial<Omit<Turn, "prompt">> {
  readonly inputTokens?: number;
  readonly ids?: readonly number[];
}

/** A session whose turns wait for the one before, unless they say otherwise. */
export function sessionOf(
  id: string,
  sketches: readonly TurnSketch[],
  chains: readonly Chain[] = [{ name: "main", depth: 0, systemTokens: 0 }],
): TraceSession {
  const turns = sketches.map(({ inputTokens = 64, ids = [], ...turn }, position): Turn => ({
    atMs: position * 1000,
    waitsFor: position === 0 ? [] : [position - 1],
    delayMs: 0,
    chain: 0,
    number: position + 1,
    outputTokens: 4,
    ...turn,
    prompt: { kind: "blocks", inputTokens, blocks: blockIdsOf(ids) },
  }));
  return { id, scope: id, chains, turns, models: [] };
}

/** A planner that starts two helpers, waits for both and goes on; a third one runs in the background. */
export function plannerSession(id = "planner"): TraceSession {
  const helper = { parent: 0, depth: 1, systemTokens: 0 };
  return sessionOf(id, [
    { delayMs: 0 },
    { chain: 1, number: 1, waitsFor: [0], delayMs: 10 },
    { chain: 1, number: 2, waitsFor: [1], delayMs: 20 },
    { chain: 2, number: 1, waitsFor: [0], delayMs: 15 },
    { chain: 0, number: 2, waitsFor: [2, 3], delayMs: 5 },
    { chain: 3, number: 1, waitsFor: [4], delayMs: 1 },
  ], [
    { name: "main", depth: 0, systemTokens: 0 },
    ...["a", "b", "background"].map((name) => ({ name, ...helper })),
  ]);
}

/** What was sent of one turn. */
export interface Sent {
  readonly turn: DueTurn;
  readonly startMs: number;
  readonly endMs: number;
  readonly how: TurnEnd;
}

/** What a server of the test does with a turn. */
export interface Answer {
  readonly ms: number;
  readonly how?: TurnEnd;
}

/** Sends all that a source has, each at its instant, until nothing is left, or until `stopMs`. */
export function play(
  source: TurnSource,
  answer: (turn: DueTurn) => Answer,
  { stopMs = Infinity }: { readonly stopMs?: number } = {},
): readonly Sent[] {
  const sent: Sent[] = [];
  const running: Sent[] = [];
  for (let stopped = false;;) {
    const dueMs = source.nextDueMs() ?? Infinity;
    running.sort((a, b) => a.endMs - b.endMs);
    const endMs = running[0]?.endMs ?? Infinity;
    if (!stopped && Math.min(dueMs, endMs) >= stopMs) {
      stopped = true;
      source.stop();
      continue;
    }
    if (dueMs === Infinity && endMs === Infinity) return sent;
    if (dueMs <= endMs) {
      const turn = source.take()!;
      if (!source.give(turn.index)) continue;
      const { ms, how = "ok" } = answer(turn);
      const one = { turn, startMs: dueMs, endMs: dueMs + ms, how };
      sent.push(one);
      running.push(one);
    } else {
      const { turn, how } = running.shift()!;
      source.ended(turn.index, endMs, how);
    }
  }
}

/** `planner 4` of each that was sent. */
export function namesOf(sent: readonly Sent[]): readonly string[] {
  return sent.map(({ turn: { use, position } }) => `${use.name} ${position}`);
}
