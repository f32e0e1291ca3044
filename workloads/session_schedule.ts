/**
 * Requests that leave at recorded instants, whatever the server does: a state machine without clock and
 * I/O.
 *
 * @module
 */
import { type AgentShare, isOwn, WHOLE } from "./agent_share.ts";
import type { DueTurn, SessionUse, TurnSource } from "./session_turn.ts";
import type { TraceSession } from "./trace.ts";

/** A request and its instant. */
export interface ScheduledRow {
  /** That it belongs to. */
  readonly session: TraceSession;
  /** Position among the session's turns. */
  readonly position: number;
  /** From the start of the load, ms. */
  readonly dueMs: number;
}

/** Which requests of a recording are sent, and how fast. */
export interface ScheduleOptions {
  /** Recorded times are divided by it. */
  readonly speedup: number;
  /** Requests before it are left out; ms from the recording's first. */
  readonly fromMs?: number;
  /** Requests from it on are left out. */
  readonly toMs?: number;
}

/** All requests of a recording in the order of their instants; the first leaves at 0. */
export function scheduleOf(
  sessions: readonly TraceSession[],
  { speedup, fromMs = 0, toMs = Infinity }: ScheduleOptions,
): readonly ScheduledRow[] {
  const rows = sessions.flatMap((session) =>
    [...session.turns.entries()].map(([position, { atMs }]) => ({ session, position, dueMs: atMs }))
  ).filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs);
  // Stable: rows of one instant keep the order of the file.
  rows.sort((a, b) => a.dueMs - b.dueMs);
  const firstMs = rows[0]?.dueMs ?? 0;
  return rows.map((row) => ({ ...row, dueMs: (row.dueMs - firstMs) / speedup }));
}

/** Sends rows at their instants. */
export class ScheduleConductor implements TurnSource {
  readonly #rows: readonly ScheduledRow[];
  readonly #share: AgentShare;
  readonly #uses = new Map<TraceSession, SessionUse>();
  #next = 0;
  #sessions = 0;
  /** Taken and not over. */
  #open = 0;
  #stopped = false;

  /**
   * @param mostTurns rows after which nothing more is sent.
   * @param share the rows that are sent; default all.
   */
  constructor(
    rows: readonly ScheduledRow[],
    mostTurns: number = Infinity,
    share: AgentShare = WHOLE,
  ) {
    this.#rows = rows.length > mostTurns ? rows.slice(0, mostTurns) : rows;
    this.#share = share;
    this.#skip();
  }

  get isDone(): boolean {
    return this.#open === 0 && (this.#stopped || this.#next === this.#rows.length);
  }

  nextDueMs(): number | undefined {
    return this.#stopped ? undefined : this.#rows[this.#next]?.dueMs;
  }

  take(): DueTurn | undefined {
    if (this.nextDueMs() === undefined) return undefined;
    const index = this.#next++;
    const { session, position, dueMs } = this.#rows[index]!;
    this.#open++;
    const use = this.#useOf(session);
    this.#skip();
    return { index, user: index, use, position, phase: "measure", dueMs };
  }

  give(): boolean {
    if (this.#stopped) this.#open--;
    return !this.#stopped;
  }

  ended(): void {
    this.#open--;
  }

  revoked(): void {
    this.#open--;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Goes on to the next row that is sent here. Sessions are counted over all rows. */
  #skip(): void {
    for (; this.#next < this.#rows.length && !isOwn(this.#next, this.#share); this.#next++) {
      const { session } = this.#rows[this.#next]!;
      if (session.turns.length === 1) this.#sessions++;
      else this.#useOf(session);
    }
  }

  #useOf(session: TraceSession): SessionUse {
    // Rows of one request each are not looked up again.
    if (session.turns.length === 1) return this.#newUse(session);
    let use = this.#uses.get(session);
    if (use === undefined) this.#uses.set(session, use = this.#newUse(session));
    return use;
  }

  #newUse(session: TraceSession): SessionUse {
    return { session, order: this.#sessions++, number: 1, name: session.id };
  }
}
