/**
 * What a replay is, for the header of a run: counts, and what a perfect cache would have of it.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RunReplay } from "../metrics/run_replay.ts";
import type { ReplayPlan } from "./session_plan.ts";
import { scheduleOf } from "./session_schedule.ts";
import { PerfectCache } from "./trace_sharing.ts";

/** Of more blocks the share is not worth the wait before the first request. */
const MOST_BLOCKS = 5_000_000;

/** Makes the part of the header. */
export function outlineOf(plan: ReplayPlan): RunReplay {
  const { trace, mode, speedup, rows, idleCapMs, history, sessionStart } = plan;
  const sessions = mode === "sessions"
    ? trace.sessions
    : [...new Set(rows.map(({ session }) => session))];
  return {
    format: trace.format,
    mode,
    sessions: sessions.length,
    turns: mode === "schedule"
      ? rows.length
      : sessions.reduce((sum, { turns }) => sum + turns.length, 0),
    ...(mode === "schedule" ? { speedup } : {}),
    history,
    ...(trace.blockTokens > 0 ? { blockTokens: trace.blockTokens } : {}),
    ...defined({ idleCapMs, sessionStart, expectedShare: expectedShare(plan) }),
  };
}

/** Share of the prompt tokens that a perfect cache has in the order of the file. */
function expectedShare({ trace, mode, rows }: ReplayPlan): number | undefined {
  const { blockTokens } = trace;
  if (blockTokens === 0) return undefined;
  const sent = mode === "schedule" ? rows : scheduleOf(trace.sessions, { speedup: 1 });
  const cache = new PerfectCache();
  let cached = 0;
  let tokens = 0;
  let blocks = 0;
  for (const { session, position } of sent) {
    const { prompt } = session.turns[position]!;
    if (prompt.kind !== "blocks") continue;
    blocks += prompt.blocks.length;
    if (blocks > MOST_BLOCKS) return undefined;
    const { inputTokens } = prompt;
    cached += cache.see({ scope: session.scope, blocks: prompt.blocks, blockTokens, inputTokens });
    tokens += inputTokens;
  }
  return tokens === 0 ? undefined : cached / tokens;
}
