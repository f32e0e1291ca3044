/**
 * The rate that was asked for and the rate that happened.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadPlan } from "./run.ts";

/** Arrival rates of an open loop, in requests a second. */
export interface Arrivals {
  /** Asked for. */
  readonly plannedPerSec: number | undefined;
  /** Of the intended times: what the seeded schedule drew. */
  readonly scheduledPerSec: number | undefined;
  /** Of the departures: what this client managed to send. */
  readonly sentPerSec: number | undefined;
}

/** Rates from the gaps between stamps; absent in a closed loop, which has no rate of its own. */
export function arrivals(
  records: readonly RequestRecord[],
  plan: LoadPlan,
): Arrivals | undefined {
  if (plan.kind === "closed") return undefined;
  return {
    plannedPerSec: plan.ratePerSec,
    scheduledPerSec: rateOf(records.map(({ intendedMs }) => intendedMs)),
    sentPerSec: rateOf(records.flatMap(({ sentMs }) => sentMs === undefined ? [] : [sentMs])),
  };
}

/** n stamps span n − 1 gaps. */
function rateOf(stampsMs: readonly number[]): number | undefined {
  let first = Infinity;
  let last = -Infinity;
  for (const ms of stampsMs) {
    first = Math.min(first, ms);
    last = Math.max(last, ms);
  }
  return last > first ? (stampsMs.length - 1) * 1000 / (last - first) : undefined;
}
