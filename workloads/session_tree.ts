/**
 * A session that has a slot, and what has become of its turns.
 *
 * @module
 */
import type { SessionEnd } from "../metrics/run_replay.ts";
import { partsFrom, type TurnPart } from "./session_queue.ts";
import type { DueTurn, SessionUse } from "./session_turn.ts";
import type { TraceSession } from "./trace.ts";

/** `waiting` for others, `ready` to be taken, `taken`: its prompt is made, `running`: it is sent. */
export type TurnState = "waiting" | "ready" | "taken" | "running" | "over";

/** A session that has a slot. */
export interface Tree {
  readonly use: SessionUse;
  readonly slot: number;
  readonly startMs: number;
  /** Absent = all of it is measured. */
  readonly parts: readonly TurnPart[] | undefined;
  /** Of each turn. */
  readonly states: TurnState[];
  /** Of each turn, how many of those that it waits for have not ended. */
  readonly missing: number[];
  /** Of each turn, the latest end of those. */
  readonly afterMs: number[];
  /** Indexes of turns that were foreseen, by their positions. */
  readonly foreseen: Map<number, number>;
  /** Turns that are not over. */
  open: number;
  sent: number;
  notSent: number;
  readonly leftOut: number;
  lastEndMs: number;
  /** How long its slot waits for the next session. */
  pauseMs: number;
  /** Why nothing more of it is sent; absent = it goes on. */
  end: Exclude<SessionEnd["end"], "done"> | undefined;
}

/** A turn of a tree. */
export interface Place {
  readonly tree: Tree;
  readonly position: number;
}

/** Where and when a session begins. */
export interface TreeStart {
  readonly slot: number;
  readonly startMs: number;
  /** Of its record, where it begins; 0 = with its first turn. */
  readonly share: number;
}

/** A session whose turns all wait, but for those that are left out. */
export function plantTree(use: SessionUse, { slot, startMs, share }: TreeStart): Tree {
  const { turns } = use.session;
  const parts = share === 0 ? undefined : partsFrom(use.session, share);
  const isOut = (position: number) => parts?.[position] === "left out";
  const states = turns.map((_, position): TurnState => isOut(position) ? "over" : "waiting");
  return {
    ...{ use, slot, startMs, parts, states },
    // What comes before the session's beginning is not waited for.
    missing: turns.map(({ waitsFor }, position) =>
      parts?.[position] === "warmup" ? 0 : waitsFor.filter((one) => !isOut(one)).length
    ),
    afterMs: turns.map(() => startMs),
    foreseen: new Map(),
    open: states.filter((state) => state === "waiting").length,
    sent: 0,
    notSent: 0,
    leftOut: parts?.filter((part) => part !== "measured").length ?? 0,
    lastEndMs: startMs,
    pauseMs: 0,
    end: undefined,
  };
}

/** The phase of a turn. */
export function phaseOf({ parts }: Tree, position: number): DueTurn["phase"] {
  return parts?.[position] === "warmup" ? "warmup" : "measure";
}

/** How a session went whose turns are all over. */
export function endOf(tree: Tree, load: number): SessionEnd {
  const { use, slot: user, startMs, lastEndMs: endMs, sent, notSent, leftOut, end } = tree;
  return {
    ...{ load, session: use.name, user, startMs, endMs, sent, notSent },
    ...(leftOut > 0 ? { leftOut } : {}),
    end: end ?? "done",
  };
}

/** Of each turn, those that wait for it. */
export function dependentsOf({ turns }: TraceSession): readonly (readonly number[])[] {
  const found: number[][] = turns.map(() => []);
  for (const [position, { waitsFor }] of turns.entries()) {
    for (const one of waitsFor) found[one]!.push(position);
  }
  return found;
}
