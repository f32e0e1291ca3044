/**
 * How fast one user of a load was served, and what the server's work cost.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { MergeableFold } from "./fold.ts";
import type { Throughput } from "./load_series.ts";
import {
  type Economy,
  type LoadEconomy,
  type ServerScale,
  speedOf,
  SPEEDS,
  type UserSpeed,
} from "./load_speed.ts";
import type { LoadSummary } from "./load_summary.ts";
import { e2e } from "./metric_e2e.ts";
import type { RunHeader } from "./run.ts";
import { sums } from "./state_read.ts";

/** Output tokens of completed requests ÷ the sum of their end-to-end latencies, tokens per second. */
export function overallSpeedFold(): MergeableFold<number | undefined> {
  // Whole microseconds, as stamps have them: sums of these do not depend on the order of records.
  const all = { tokens: 0, us: 0 };
  return {
    ...sums(all),
    add(record: RequestRecord) {
      const [ms] = e2e.values(record);
      const own = record.outputTokens?.tokens ?? 0;
      if (ms === undefined || !Number.isFinite(ms) || !(own > 0)) return;
      all.tokens += own;
      all.us += Math.round(ms * 1000);
    },
    result: () => all.us > 0 ? all.tokens * 1e6 / all.us : undefined,
  };
}

/** Speed of one user. */
export function userSpeed(
  load: Pick<LoadSummary, "metrics" | "throughput" | "inFlight" | "plan">,
  overall: number | undefined,
): UserSpeed {
  const { plan: { users }, throughput: { run, steady }, inFlight } = load;
  const [interactivity, userTokens] = SPEEDS.map((speed) => speedOf(speed, load));
  return {
    interactivity: interactivity!,
    userTokens: userTokens!,
    overall,
    perUser: {
      by: users === undefined ? "in flight" : "users",
      run: shared(run, users ?? inFlight.mean),
      steady: shared(steady, users ?? inFlight.steadyMean),
    },
  };
}

/** Output tokens per second ÷ those who share them. */
function shared(window: Throughput | undefined, by: number | undefined): number | undefined {
  const rate = window?.outputTokensPerSec;
  return rate === undefined || by === undefined || !(by > 0) ? undefined : rate / by;
}

/** What the work cost; absent where nothing is known of the server's size and price. */
export function loadEconomy(
  { run, steady }: LoadSummary["throughput"],
  scale: ServerScale | undefined,
): LoadEconomy | undefined {
  if (scale === undefined) return undefined;
  return { run: economy(run, scale), steady: steady && economy(steady, scale) };
}

function economy(window: Throughput, { gpus, costPerHour }: ServerScale): Economy {
  const rate = window.outputTokensPerSec;
  const perHour = (rate ?? 0) * 3600;
  return {
    outputTokensPerSecPerGpu: shared(window, gpus),
    costPerMillionOutputTokens: costPerHour === undefined || !(perHour > 0)
      ? undefined
      : costPerHour * 1e6 / perHour,
  };
}

/** Size and price of the server: as given, else as the run's options had them; absent = neither. */
export function serverScale(
  given: { readonly gpus?: number | undefined; readonly costPerHour?: number | undefined },
  { options }: Pick<RunHeader, "options">,
): ServerScale | undefined {
  const gpus = given.gpus ?? positive(options.gpus);
  const costPerHour = given.costPerHour ?? positive(options.costPerHour);
  return gpus === undefined && costPerHour === undefined ? undefined : { gpus, costPerHour };
}

/** Of a file of others: anything else is no such number. */
function positive(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : undefined;
}
