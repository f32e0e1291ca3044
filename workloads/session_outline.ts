/**
 * What a replay is, for the header of a run: counts, and what a perfect cache would have of it.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RunReplay } from "../metrics/run_replay.ts";
import { countTurns, type ReplayPlan, turnsOf } from "./session_plan.ts";
import { PerfectCache, type PlacedTurn } from "./trace_sharing.ts";

/** Of more blocks the share is not worth the wait before the first request. */
const MOST_BLOCKS = 5_000_000;

/** Makes the part of the header. */
export function outlineOf(plan: ReplayPlan): RunReplay {
  const { trace, mode, speedup, rows, idleCapMs, history, sessionStart } = plan;
  const { format, blockTokens } = trace;
  const sessions = mode === "sessions"
    ? trace.sessions.length
    : new Set(rows.map(({ session }) => session)).size;
  return {
    format,
    mode,
    sessions,
    turns: countTurns(plan),
    ...(mode === "schedule" ? { speedup } : {}),
    history,
    ...(blockTokens > 0 ? { blockTokens } : {}),
    ...defined({
      idleCapMs,
      sessionStart,
      expectedShare: expectedShare(turnsOf(plan), blockTokens),
    }),
  };
}

/** Share of the prompt tokens that a perfect cache has in that order. */
function expectedShare(turns: Iterable<PlacedTurn>, blockTokens: number): number | undefined {
  if (blockTokens === 0) return undefined;
  const cache = new PerfectCache();
  let cached = 0;
  let tokens = 0;
  let blocks = 0;
  for (const { session: { scope }, turn: { prompt } } of turns) {
    if (prompt.kind !== "blocks") continue;
    blocks += prompt.blocks.length;
    if (blocks > MOST_BLOCKS) return undefined;
    const { inputTokens } = prompt;
    cached += cache.see({ scope, blocks: prompt.blocks, blockTokens, inputTokens });
    tokens += inputTokens;
  }
  return tokens === 0 ? undefined : cached / tokens;
}
