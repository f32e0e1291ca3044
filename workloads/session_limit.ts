/**
 * Requests that a server has no room for are left out before a replay, with all that waits for them.
 *
 * @module
 */
import type { Trace, TraceSession, Turn } from "./trace.ts";

/** What is left of sessions, and how much is not. */
export interface Limited {
  readonly sessions: readonly TraceSession[];
  /** Reason → requests left out for it. */
  readonly skipped: Readonly<Record<string, number>>;
}

/**
 * The sessions without requests whose prompt and answer have more tokens than that, and without those
 * that wait for them. Prompts that are written out have no known length, and stay.
 */
export function withinContext(sessions: readonly TraceSession[], mostTokens: number): Limited {
  let long = 0;
  let waiting = 0;
  const left: TraceSession[] = [];
  for (const session of sessions) {
    /** Old position → new one. */
    const positions = new Map<number, number>();
    const turns: Turn[] = [];
    for (const [position, turn] of session.turns.entries()) {
      if (tokensOf(turn) > mostTokens) long++;
      else if (!turn.waitsFor.every((one) => positions.has(one))) waiting++;
      else {
        positions.set(position, turns.length);
        turns.push({ ...turn, waitsFor: turn.waitsFor.map((one) => positions.get(one)!) });
      }
    }
    if (turns.length === session.turns.length) left.push(session);
    else if (turns.length > 0) left.push({ ...session, turns });
  }
  return {
    sessions: left,
    skipped: {
      ...(long > 0 ? { "longer than --max-context": long } : {}),
      ...(waiting > 0 ? { "wait for a request that is longer than --max-context": waiting } : {}),
    },
  };
}

/** The recording within `--max-context`; absent = all of it. */
export function traceWithin(read: Trace, maxContext: number | undefined): Trace {
  if (maxContext === undefined) return read;
  const { sessions, skipped } = withinContext(read.sessions, maxContext);
  return { ...read, sessions, skipped: { ...read.skipped, ...skipped } };
}

function tokensOf({ prompt, outputTokens = 0 }: Turn): number {
  return prompt.kind === "blocks" ? prompt.inputTokens + outputTokens : 0;
}
