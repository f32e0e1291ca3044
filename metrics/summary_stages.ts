/**
 * A rate in stages: what was planned, due, sent, and completed in each.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { StageRate } from "./load_groups.ts";
import type { Window } from "./load_series.ts";
import type { Mergeable } from "./load_state.ts";
import type { LoadPlan, RateStagePlan } from "./run.ts";
import { packSparse, unpackSparse } from "./state_numbers.ts";
import { readList } from "./state_read.ts";

/** Stages by their times; absent where the rate stays the same. */
export function stageWindows({ stages }: Pick<LoadPlan, "stages">): readonly Window[] | undefined {
  let toMs = 0;
  return stages?.map(({ durationMs }): Window => {
    const fromMs = toMs;
    toMs += durationMs;
    return { fromMs, toMs };
  });
}

/** Mean rate of a stage as planned, requests per second; absent where it grows exponentially from 0. */
export function plannedRate(
  { fromPerSec, toPerSec, exponential }: RateStagePlan,
): number | undefined {
  if (!exponential || fromPerSec === toPerSec) return (fromPerSec + toPerSec) / 2;
  if (!(fromPerSec > 0 && toPerSec > 0)) return undefined;
  return (toPerSec - fromPerSec) / Math.log(toPerSec / fromPerSec);
}

/** Counts requests by the stage in which they were due, sent, and completed. */
export function createStageRates(windows: readonly Window[]): Mergeable & {
  add(record: RequestRecord): void;
  of(stage: number, plan: RateStagePlan | undefined): StageRate | undefined;
} {
  const due = new Float64Array(windows.length);
  const sent = new Float64Array(windows.length);
  const completed = new Float64Array(windows.length);
  const count = (counts: Float64Array, ms: number | undefined) => {
    const stage = ms === undefined ? -1 : stageAt(windows, ms);
    if (stage >= 0) counts[stage]!++;
  };
  const all = [due, sent, completed];
  return {
    state: () => all.map((counts) => packSparse(counts)),
    merger(state) {
      const list = readList(state, all.length);
      const more = all.map((counts, i) => unpackSparse(list[i], counts.length));
      return () =>
        all.forEach((counts, n) => {
          const pairs = more[n]!;
          for (let i = 0; i < pairs.length; i += 2) counts[pairs[i]!]! += pairs[i + 1]!;
        });
    },
    add({ stage, intendedMs, sentMs, endMs, outcome }) {
      // Where the schedule says it, its rounding decides.
      if (stage !== undefined && stage < due.length) due[stage]!++;
      else count(due, intendedMs);
      count(sent, sentMs);
      if (outcome.kind === "ok") count(completed, endMs);
    },
    of(stage, plan) {
      const window = windows[stage];
      if (window === undefined) return undefined;
      const seconds = (window.toMs - window.fromMs) / 1000;
      const perSec = (counts: Float64Array) => seconds > 0 ? counts[stage]! / seconds : undefined;
      return {
        plannedPerSec: plan && plannedRate(plan),
        offeredPerSec: perSec(due),
        sentPerSec: perSec(sent),
        completedPerSec: perSec(completed),
      };
    },
  };
}

/** Position of the stage that lasts at that time; −1 = none does. */
function stageAt(windows: readonly Window[], ms: number): number {
  let low = 0;
  let high = windows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (windows[middle]!.toMs <= ms) low = middle + 1;
    else high = middle;
  }
  return low < windows.length && windows[low]!.fromMs <= ms ? low : -1;
}
