/**
 * How the sessions of a load went.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { SessionsSummary } from "./load_sessions.ts";
import type { Mergeable } from "./load_state.ts";
import type { LoadPlan } from "./run.ts";
import type { SessionEnd } from "./run_replay.ts";
import { describe, sortValues } from "./stat_quantile.ts";
import { either, mergeAll, sums } from "./state_read.ts";
import { createValueHistogram } from "./stat_value_histogram.ts";

/** Adds up sessions and their requests. */
export interface Sessions extends Mergeable {
  /** Adds a measured request. */
  add(record: RequestRecord): void;
  /** Adds how a session went. */
  session(session: SessionEnd): void;
  /** Results so far; absent for a load without sessions. */
  result(
    options: { readonly durationMs: number; readonly percentiles: readonly number[] },
  ): SessionsSummary | undefined;
}

const MS_PER_HOUR = 3_600_000;

/** Has no session yet. */
export function createSessions(
  { replay }: Pick<LoadPlan, "replay">,
  values: "raw" | "histogram",
): Sessions {
  const ends = { done: 0, failed: 0, context: 0, cut: 0 };
  const exact: number[] = [];
  const histogram = createValueHistogram();
  const turns = { completed: 0, notSent: 0, leftOut: 0 };
  const seen = { any: replay === "sessions" };
  return {
    ...mergeAll({ ends: sums(ends), turns: sums(turns), seen: either(seen), time: histogram }),
    add({ session, outcome }) {
      if (session !== undefined && outcome.kind === "ok") turns.completed++;
    },
    session(session) {
      seen.any = true;
      const { end, startMs, endMs } = session;
      ends[end]++;
      turns.notSent += session.notSent;
      turns.leftOut += session.leftOut ?? 0;
      // One that was cut short says nothing about how long sessions take.
      if (end !== "done" || !Number.isFinite(endMs - startMs)) return;
      const ms = Math.max(0, endMs - startMs);
      if (values === "raw") exact.push(ms);
      else histogram.add(ms);
    },
    result({ durationMs, percentiles }) {
      if (!seen.any) return undefined;
      const per = (count: number, unitMs: number) =>
        durationMs > 0 ? count * unitMs / durationMs : undefined;
      return {
        ends: { ...ends },
        perHour: per(ends.done, MS_PER_HOUR),
        turnsPerSec: per(turns.completed, 1000),
        time: describe(values === "raw" ? sortValues(exact) : histogram, percentiles),
        turnsCompleted: turns.completed,
        turnsNotSent: turns.notSent,
        turnsLeftOut: turns.leftOut,
      };
    },
  };
}
