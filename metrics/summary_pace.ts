/**
 * How much faster a load might have gone: what the client's stamps add to its length, and what the
 * client's own pauses between requests do.
 *
 * @module
 */
import type { LoadPlan } from "./run.ts";
import type { MergeableFold } from "./fold.ts";
import { type BoundsOf, stampEnds } from "./record_bounds.ts";
import { least, mergeAll, most, sums } from "./state_read.ts";

/** What a load would have been with a client that loses no time. */
export interface Pace {
  /** From when its first request was due to its last token, at least, in ms. */
  readonly shortestMs: number;
  /** The same, had every request left when it was due: for open loops, whose arrivals are fixed. */
  readonly onTimeMs: number;
  /**
   * Share of the time of all users for which at most the client kept them waiting: for closed loops,
   * where a request that leaves late delays all that follow.
   */
  readonly pauses: {
    /** In the whole run, their first requests included. */
    readonly run: number;
    /** After the ramp-up. */
    readonly steady: number;
  };
}

/** How late a client can have been all the time that its records do not say. */
export interface ConstantLateness {
  /** Of reads, in ms. */
  readonly readMs: number;
  /** Of departures, in ms. */
  readonly departureMs: number;
}

/** Its stamps say it all. */
export const NEVER_LATE: ConstantLateness = { readMs: 0, departureMs: 0 };

/** A load's pace as far as its stamps tell, once it is known how late the client was besides. */
export type PaceOf = (late: ConstantLateness) => Pace;

/** Adds up sent requests, however they ended: each one took a user's time. */
export function paceFold(
  { rampUpMs = 0 }: Pick<LoadPlan, "rampUpMs">,
  boundsOf: BoundsOf,
): MergeableFold<PaceOf> {
  const first = { dueMs: Infinity, departedMs: Infinity };
  const end = { lowMs: -Infinity, onTimeMs: -Infinity };
  // Whole microseconds: their sums are the same in any order.
  const start = { pausesUs: 0, count: 0, allUs: 0 };
  const later = { pausesUs: 0, count: 0, allUs: 0 };
  return {
    ...mergeAll({
      first: least(first),
      end: most(end),
      start: sums(start),
      later: sums(later),
    }),
    add(record) {
      const { intendedMs, sentMs, endMs, connectMs = 0, heldMs = 0 } = record;
      if (sentMs === undefined || endMs === undefined) return;
      const bounds = boundsOf(record);
      const last = bounds && stampEnds(record, bounds, "lastTokenMs");
      // Without bounds as stamped, as for requests that failed.
      const departedMs = Math.max(sentMs, bounds?.departedMs ?? sentMs);
      const lowMs = last?.low ?? endMs;
      const widthMs = last === undefined ? 0 : last.high - last.low;
      if (!Number.isFinite(intendedMs + departedMs + lowMs + endMs)) return;
      // What the plan held back would have waited for any client.
      const lateMs = Math.max(0, departedMs - intendedMs - heldMs);
      first.dueMs = Math.min(first.dueMs, intendedMs);
      first.departedMs = Math.min(first.departedMs, departedMs);
      end.lowMs = Math.max(end.lowMs, lowMs);
      end.onTimeMs = Math.max(end.onTimeMs, lowMs - lateMs);
      const time = intendedMs <= rampUpMs ? start : later;
      time.count++;
      // A user is free when the answer has come, not when the client notices; connecting takes two.
      time.pausesUs += Math.ceil(1000 * (Math.max(0, lateMs - connectMs) + widthMs));
      time.allUs += Math.round(1000 * Math.max(0, endMs - intendedMs));
    },
    result: () => ({ readMs, departureMs }) => {
      const share = (...parts: readonly (typeof start)[]) => {
        let [pausesUs, allUs] = [0, 0];
        for (const part of parts) {
          pausesUs += part.pausesUs + part.count * 1000 * (readMs + departureMs);
          allUs += part.allUs;
        }
        return allUs > 0 ? Math.min(1, pausesUs / allUs) : 0;
      };
      return {
        shortestMs: end.lowMs - readMs -
          Math.max(0, first.departedMs + departureMs - first.dueMs),
        onTimeMs: end.onTimeMs - readMs - departureMs,
        pauses: { run: share(start, later), steady: share(later) },
      };
    },
  };
}
