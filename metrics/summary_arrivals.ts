/**
 * Planned and actual arrival rates.
 *
 * @module
 */
import type { Arrivals } from "./load_series.ts";
import type { Fold } from "./fold.ts";
import type { LoadPlan } from "./run.ts";

/** Rates from the gaps between stamps; absent in a closed loop. */
export function arrivalFold(plan: LoadPlan): Fold<Arrivals | undefined> {
  const scheduled = createRate();
  const sent = createRate();
  return {
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
function createRate(): { add(ms: number): void; perSec(): number | undefined } {
  let count = 0;
  let first = Infinity;
  let last = -Infinity;
  return {
    add(ms) {
      count++;
      first = Math.min(first, ms);
      last = Math.max(last, ms);
    },
    perSec: () => last > first ? (count - 1) * 1000 / (last - first) : undefined,
  };
}
