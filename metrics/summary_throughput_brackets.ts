/**
 * What the client leaves open about rates: the low end is what was observed at least, the high end
 * what the server would have done at most, had the client sent every request when it was due.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import type { Throughput, Window } from "./load_series.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { LoadPlan } from "./run.ts";
import type { Pace } from "./summary_pace.ts";
import { rates, type Work } from "./summary_throughput.ts";

/** Work that was done in a window for sure, and work that may have been. */
export interface WorkEnds {
  /** Its stamps cannot have been outside. */
  readonly sure: Work;
  /** They can have been inside. */
  readonly possible: Work;
}

/** What had been done before a window begins and ends, by the low and by the high ends of stamps. */
export interface WorkBefore {
  /** Could have been done before it begins. */
  readonly fromLow: Work;
  /** Was surely done before. */
  readonly fromHigh: Work;
  /** Could have been done before it ends. */
  readonly toLow: Work;
  /** Was surely done before. */
  readonly toHigh: Work;
}

/** Work between two instants from the work before each of them. */
export function workEnds({ fromLow, fromHigh, toLow, toHigh }: WorkBefore): WorkEnds {
  const minus = (later: number | undefined, earlier: number | undefined) =>
    later === undefined ? undefined : Math.max(0, later - (earlier ?? 0));
  const between = (later: Work, earlier: Work): Work => ({
    completed: minus(later.completed, earlier.completed)!,
    prompt: minus(later.prompt, earlier.prompt),
    output: minus(later.output, earlier.output),
  });
  return { sure: between(toHigh, fromLow), possible: between(toLow, fromHigh) };
}

/** Users who wait all the time still get something done. */
const MOST_PAUSES = 0.999;

/** Everything else that rates depend on. */
interface RateContext extends Pick<LoadSummary, "inFlight" | "arrivals"> {
  readonly plan: Pick<LoadPlan, "kind" | "maxInFlight">;
}

/** The same rates with their brackets. */
export function bracketThroughput(
  { run, steady }: LoadSummary["throughput"],
  { pace, work }: { readonly pace: Pace; readonly work: (window: Window) => WorkEnds },
  context: RateContext,
): LoadSummary["throughput"] {
  return {
    run: bracketRun(run, pace, context),
    steady: steady && bracketWindow(steady, { ...work(steady), pace }, context),
  };
}

/** Arrivals that waited for the in-flight limit were not late because of the client. */
function isOnSchedule(
  { plan: { kind, maxInFlight = 0 }, inFlight: { max } }: RateContext,
): boolean {
  return kind === "open" && !(maxInFlight > 0 && max === maxInFlight);
}

function bracketRun(run: Throughput, pace: Pace, context: RateContext): Throughput {
  const { shortestMs, onTimeMs } = pace;
  const durationMs = run.toMs - run.fromMs;
  const leastMs = isOnSchedule(context) ? Math.min(shortestMs, onTimeMs) : shortestMs;
  // Shorter than what the stamps leave open: nothing is known of its rates.
  if (!(durationMs > 0 && leastMs > 0)) return run;
  // The first departure and the last read are among the pauses: they count once.
  const busy = context.plan.kind === "open" ? 1 : busyShare(pace.pauses.run);
  return withBrackets(run, run, run, Math.max(1 / busy, durationMs / leastMs));
}

function bracketWindow(
  steady: Throughput,
  { sure, possible, pace }: WorkEnds & { readonly pace: Pace },
  context: RateContext,
): Throughput {
  const { scheduledPerSec = 0, sentPerSec = scheduledPerSec } = context.arrivals ?? {};
  const more = context.plan.kind === "closed"
    ? 1 / busyShare(pace.pauses.steady)
    : isOnSchedule(context) && sentPerSec > 0
    ? Math.max(1, scheduledPerSec / sentPerSec)
    : 1;
  return withBrackets(steady, rates(steady, sure), rates(steady, possible), more);
}

function busyShare(pauses: number): number {
  return 1 - Math.min(MOST_PAUSES, pauses);
}

function withBrackets(
  printed: Throughput,
  least: Throughput,
  most: Throughput,
  more: number,
): Throughput {
  const bracket = (
    name: "qps" | "outputTokensPerSec" | "totalTokensPerSec",
  ): Bracket | undefined => {
    const value = printed[name];
    if (value === undefined) return undefined;
    return {
      low: Math.min(value, least[name] ?? value),
      high: Math.max(value, (most[name] ?? value) * more),
    };
  };
  return {
    ...printed,
    brackets: {
      qps: bracket("qps"),
      outputTokensPerSec: bracket("outputTokensPerSec"),
      totalTokensPerSec: bracket("totalTokensPerSec"),
    },
  };
}
