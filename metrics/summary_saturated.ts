/**
 * Loads beyond saturation: where more load brings more waiting and hardly any throughput.
 *
 * @module
 */
import { formatMs, formatShare } from "./format.ts";
import { findMetric, type LoadSummary } from "./load_summary.ts";

/** Why a load is beyond saturation. */
export interface Saturated {
  /** `users`: a smaller load has nearly the same throughput; `arrivals`: more is sent than ends. */
  readonly by: "users" | "arrivals";
  /** A clause without a period. */
  readonly why: string;
}

/** More users bring less than this share of what they would in proportion. */
const LEAST_GAIN = 0.1;
/** And not more than this where chance is at its best. */
const LEAST_SURE_GAIN = 0.3;
/** Loads nearer to each other tell nothing. */
const LEAST_STEP = 1.25;

/**
 * For each load, why it is beyond saturation; `undefined` = it is not, or nothing shows it. Users are
 * compared with fewer users of the same run and side, arrivals go by their own check.
 */
export function saturatedLoads(loads: readonly LoadSummary[]): readonly (Saturated | undefined)[] {
  return loads.map((load) => byArrivals(load) ?? byUsers(load, loads));
}

function byArrivals({ checks }: LoadSummary): Saturated | undefined {
  const found = checks.find(({ name, ok }) => name === "saturation" && !ok);
  return found === undefined ? undefined : {
    by: "arrivals",
    why: "more was sent than the server ended, so latencies grow with the length of the load",
  };
}

function byUsers(load: LoadSummary, loads: readonly LoadSummary[]): Saturated | undefined {
  const rate = rateOf(load);
  const users = closedUsers(load);
  if (rate === undefined || users === undefined) return undefined;
  const fewer = loads.filter((other) =>
    other.plan.side === load.plan.side && users >= LEAST_STEP * (closedUsers(other) ?? Infinity) &&
    rateOf(other) !== undefined
  );
  if (fewer.length === 0) return undefined;
  const best = fewer.reduce((a, b) => rateOf(b)!.value > rateOf(a)!.value ? b : a);
  const before = rateOf(best)!.value;
  const gainOf = (value: number) => (value / before - 1) / (users / closedUsers(best)! - 1);
  if (gainOf(rate.value) >= LEAST_GAIN || gainOf(rate.high) >= LEAST_SURE_GAIN) return undefined;
  const [waited, waits] = [best, load].map((one) => findMetric(one, "e2e").distribution.median);
  if (waited === undefined || waits === undefined || waits <= waited) return undefined;
  return {
    by: "users",
    why: `${load.label} have ${
      gainText(rate.value / before - 1)
    } output tokens/s than ${best.label}, and E2E p50 is ${formatMs(waits)} instead of ${
      formatMs(waited)
    }`,
  };
}

function gainText(gain: number): string {
  return `${formatShare(Math.abs(gain))} ${gain < 0 ? "fewer" : "more"}`;
}

/** Users who send again at once; those who think between requests are no load of their number. */
function closedUsers({ plan }: LoadSummary): number | undefined {
  return plan.kind === "closed" && plan.thinkTime === undefined && plan.replay === undefined
    ? plan.users
    : undefined;
}

/** Output tokens per second, the steady ones where they are known: a ramp and a drain say nothing. */
function rateOf(
  { counts, throughput: { run, steady } }: LoadSummary,
): { readonly value: number; readonly high: number } | undefined {
  const window = steady?.outputTokensPerSec === undefined ? run : steady;
  const value = window.outputTokensPerSec;
  if (counts.completed === 0 || value === undefined || value <= 0) return undefined;
  return { value, high: window.intervals?.outputTokensPerSec?.high ?? value };
}
