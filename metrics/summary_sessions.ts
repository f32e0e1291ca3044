/**
 * How the sessions of a load went.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { SessionsSummary } from "./load_sessions.ts";
import type { LoadPlan } from "./run.ts";
import type { SessionEnd } from "./run_replay.ts";
import { describe, sortValues } from "./stat_quantile.ts";
import { createValueHistogram } from "./stat_value_histogram.ts";

/** Adds up sessions and their requests. */
export interface Sessions {
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
  let [completed, notSent, leftOut] = [0, 0, 0];
  let any = replay === "sessions";
  return {
    add({ session, outcome }) {
      if (session !== undefined && outcome.kind === "ok") completed++;
    },
    session(session) {
      any = true;
      const { end, startMs, endMs } = session;
      ends[end]++;
      notSent += session.notSent;
      leftOut += session.leftOut ?? 0;
      // One that was cut short says nothing about how long sessions take.
      if (end !== "done" || !Number.isFinite(endMs - startMs)) return;
      const ms = Math.max(0, endMs - startMs);
      if (values === "raw") exact.push(ms);
      else histogram.add(ms);
    },
    result({ durationMs, percentiles }) {
      if (!any) return undefined;
      const per = (count: number, unitMs: number) =>
        durationMs > 0 ? count * unitMs / durationMs : undefined;
      return {
        ends: { ...ends },
        perHour: per(ends.done, MS_PER_HOUR),
        turnsPerSec: per(completed, 1000),
        time: describe(values === "raw" ? sortValues(exact) : histogram, percentiles),
        turnsCompleted: completed,
        turnsNotSent: notSent,
        turnsLeftOut: leftOut,
      };
    },
  };
}
