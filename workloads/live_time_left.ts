/**
 * How long a run still takes: what is planned, at the pace so far.
 *
 * @module
 */
import type { LoadPlan } from "../metrics/run.ts";

/** What is known of a run. */
export interface TimeLeftFacts {
  /** Loads as planned, in their order. */
  readonly plans: readonly LoadPlan[];
  /** Loads that have ended. */
  readonly ended: number;
  /** The one that runs is warming up. */
  readonly warmingUp: boolean;
  /** Time that is left of what runs; absent = nothing runs, or there is no estimate. */
  readonly leftMs: number | undefined;
  /** Since what runs began; absent = nothing runs. */
  readonly elapsedMs: number | undefined;
  /** Mean time of a request and of its user's pause; absent = none has ended. */
  readonly requestMs: number | undefined;
  /** Time between the loads so far, warm-ups included; absent = unknown. */
  readonly betweenMs: number | undefined;
}

/** Until the end of the whole run, in ms; absent = nobody can tell. */
export function runLeftMs(facts: TimeLeftFacts): number | undefined {
  const { plans, ended, warmingUp, leftMs, elapsedMs, requestMs, betweenMs = 0 } = facts;
  let total = 0;
  for (const [i, plan] of plans.entries()) {
    if (i < ended) continue;
    const wholeMs = expectedMs(plan, requestMs);
    const runs = i === ended && elapsedMs !== undefined;
    const restMs = !runs ? plus(wholeMs, betweenMs) : warmingUp
      ? plus(wholeMs, leftMs ?? 0)
      // A load of so many requests has no estimate before the first of them has ended.
      : leftMs ?? (wholeMs === undefined ? undefined : Math.max(0, wholeMs - elapsedMs));
    if (restMs === undefined) return undefined;
    total += restMs;
  }
  return plans.length === 0 ? undefined : total;
}

/** How long a load takes; absent = it depends on what is not known. */
function expectedMs(
  { stopDurationMs = Infinity, stopRequests = Infinity, users, ratePerSec, replay }: LoadPlan,
  requestMs: number | undefined,
): number | undefined {
  const byCount = replay !== undefined
    ? Infinity
    : ratePerSec !== undefined
    ? stopRequests * 1000 / ratePerSec
    : users !== undefined && requestMs !== undefined
    ? Math.ceil(stopRequests / users) * requestMs
    : Infinity;
  const expected = Math.min(stopDurationMs, byCount);
  return Number.isFinite(expected) ? expected : undefined;
}

function plus(one: number | undefined, other: number): number | undefined {
  return one === undefined ? undefined : one + other;
}
