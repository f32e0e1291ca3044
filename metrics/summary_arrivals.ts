/**
 * Planned and actual arrival rates.
 *
 * @module
 */
import type { Arrivals } from "./load_series.ts";
import type { MergeableFold } from "./fold.ts";
import type { Mergeable } from "./load_state.ts";
import type { LoadPlan } from "./run.ts";
import { least, mergeAll, most, sums } from "./state_read.ts";

/** Rates from the gaps between stamps; absent in a closed loop. */
export function arrivalFold(plan: LoadPlan): MergeableFold<Arrivals | undefined> {
  const scheduled = createRate();
  const sent = createRate();
  return {
    ...mergeAll({ scheduled, sent }),
    add({ intendedMs, sentMs }) {
      scheduled.add(intendedMs);
      if (sentMs !== undefined) sent.add(sentMs);
    },
    result: () =>
      plan.kind === "closed" ? undefined : {
        plannedPerSec: plan.ratePerSec,
        scheduledPerSec: scheduled.perSec(),
        sentPerSec: sent.perSec(),
      },
  };
}

/** Rate of stamps: n stamps span n − 1 gaps. */
function createRate(): Mergeable & { add(ms: number): void; perSec(): number | undefined } {
  const all = { count: 0 };
  const first = { ms: Infinity };
  const last = { ms: -Infinity };
  return {
    ...mergeAll({ count: sums(all), first: least(first), last: most(last) }),
    add(ms) {
      all.count++;
      first.ms = Math.min(first.ms, ms);
      last.ms = Math.max(last.ms, ms);
    },
    perSec: () => last.ms > first.ms ? (all.count - 1) * 1000 / (last.ms - first.ms) : undefined,
  };
}
