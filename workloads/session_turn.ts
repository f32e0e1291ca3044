/**
 * One request of a replay, from the moment when it is known that it will leave.
 *
 * @module
 */
import type { TraceSession, Turn } from "./trace.ts";

/** A session as it is sent once. */
export interface SessionUse {
  readonly session: TraceSession;
  /** Position in the order in which sessions are taken. */
  readonly order: number;
  /** How often it was sent before in the same load, plus one. */
  readonly number: number;
  /** Its id; from its second use on with the number: `trace_0274#2`. */
  readonly name: string;
}

/** A request that is to leave. */
export interface DueTurn {
  /** Unique in its load. */
  readonly index: number;
  /** Slot of its session; of a schedule, its row's number. */
  readonly user: number;
  readonly use: SessionUse;
  /** Position among the session's turns. */
  readonly position: number;
  /** `warmup`: what the session had sent before the instant at which it begins; not measured. */
  readonly phase: "warmup" | "measure";
  /** When it is to leave, ms from the load's origin. */
  readonly dueMs: number;
}

/** One whose instant and slot are not known yet. */
export type ForeseenTurn = Omit<DueTurn, "dueMs" | "user">;

/** How a request ended, as far as its session is concerned; `refused`: it failed without a connection. */
export type TurnEnd = "ok" | "failed" | "refused" | "context" | "cut";

/** Knows which request is to leave next. Pure: it has no clock and sends nothing. */
export interface TurnSource {
  /** When the next one is to leave, ms from the load's origin; absent = none is ready now. */
  nextDueMs(): number | undefined;
  /** Takes that one, whose prompt is made then. */
  take(): DueTurn | undefined;
  /** Whether one that was taken is still to be sent; then it counts as sent, else it is over. */
  give(index: number): boolean;
  /** It has ended. */
  ended(index: number, endMs: number, how: TurnEnd): void;
  /** It was given and did not leave. */
  revoked(index: number): void;
  /** Nothing more is sent. */
  stop(): void;
  /**
   * Takes a turn that will be ready soon after one that runs now, so that its prompt can be made before;
   * {@linkcode take} gives it again with its instant. Absent = none.
   */
  foresee?(): ForeseenTurn | undefined;
  /** Called with one that was foreseen and will not be taken. */
  onForgone?: ((index: number) => void) | undefined;
  /** From when on fewer are alive than there are slots; absent = all slots have one, or there are none. */
  readonly idleFromMs?: number | undefined;
  /** Nothing is left to send, and nothing is under way. */
  readonly isDone: boolean;
}

/** Requests that may still be sent, of a load whose machines draw on one count. */
export interface TurnAllowance {
  /** Whether one more may be taken; `undefined` = that is not known yet. */
  readonly isOpen: boolean | undefined;
  /** One more is taken. */
  take(): void;
  /** One that was taken is not sent. */
  giveBack(): void;
}

/** The turn itself. */
export function turnOf({ use, position }: Pick<DueTurn, "use" | "position">): Turn {
  return use.session.turns[position]!;
}
