/**
 * How far a load is over all agents of a fleet.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LoadPlan } from "../metrics/run.ts";
import type { LedAgent } from "./fleet_lead_agents.ts";
import type { AgentTold } from "./live_fleet.ts";
import type { ProgressState } from "./live_progress.ts";
import type { LiveLoad } from "./run_finder.ts";

/** The load that the agents are at. */
export interface LedLoad {
  readonly number: number;
  readonly plan: LoadPlan;
  /** Loads of the run; absent = nobody knows. */
  readonly loads: number | undefined;
  /** Since it began; absent = it has not. */
  readonly elapsedMs: number | undefined;
}

const WARM_UP = "warm-up";

/** One state of those that agents have told. */
export function progressOf(agents: readonly LedAgent[], load: LedLoad): ProgressState {
  const told = agents.flatMap(({ update, lost, back }): readonly ProgressState[] => {
    if (update?.progress === undefined || update.progress.load !== load.number) return [];
    if (lost === undefined || back) return [update.progress];
    // What it had told was so; whether it still sends is not known.
    const { tokensPerSec: _, ...progress } = update.progress;
    return [{ ...progress, inFlight: 0 }];
  });
  const sum = (of: (state: ProgressState) => number | undefined) =>
    told.reduce((total, state) => total + (of(state) ?? 0), 0);
  const most = (of: (state: ProgressState) => number | undefined) => {
    const values = told.flatMap((state) => of(state) ?? []);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  const running = load.elapsedMs !== undefined;
  const here = running ? told.filter(({ phase }) => phase !== WARM_UP) : told;
  const counts = here.length === told.length
    ? { done: sum(({ done }) => done), failed: sum(({ failed }) => failed) }
    : { done: 0, failed: 0 };
  return {
    phase: running
      ? load.loads === undefined ? `probe ${load.number + 1},` : "measuring"
      : told.length === 0
      ? "preparing"
      : WARM_UP,
    load: load.number,
    label: load.plan.label,
    ...counts,
    inFlight: sum(({ inFlight }) => inFlight),
    elapsedMs: load.elapsedMs ?? most(({ elapsedMs }) => elapsedMs) ?? 0,
    ...defined({
      loads: load.loads,
      total: running ? load.plan.stopRequests : undefined,
      tokensPerSec: told.some(({ tokensPerSec }) => tokensPerSec !== undefined)
        ? sum(({ tokensPerSec }) => tokensPerSec)
        : undefined,
      leftMs: leftMs(load, counts.done),
    }),
  };
}

/** By its time, or by what all agents have done so far. */
function leftMs(
  { plan: { stopDurationMs = Infinity, stopRequests }, elapsedMs }: LedLoad,
  done: number,
): number | undefined {
  if (elapsedMs === undefined) return undefined;
  const byCount = stopRequests === undefined || done === 0
    ? Infinity
    : (elapsedMs / done) * (stopRequests - done);
  const left = Math.min(stopDurationMs - elapsedMs, byCount);
  return Number.isFinite(left) ? Math.max(0, left) : undefined;
}

/** An agent as those see it who look on: with `told`, the latencies of its newest update are new. */
export function toldOf(
  { number, hello, update, lost, back }: LedAgent,
  { agents, told }: { readonly agents: number; readonly told: boolean },
): AgentTold {
  const { sent = 0, completed = 0, failed = 0, outputTokens = 0, progress } = update ?? {};
  return {
    ...{ agent: number, agents, hostname: hello.hostname, load: progress?.load },
    ...{ sent, completed, failed, outputTokens, inFlight: progress?.inFlight ?? 0 },
    ttft: told ? update?.ttft ?? [] : [],
    itl: told ? update?.itl ?? [] : [],
    lost: lost === undefined || back ? undefined : lost.reason,
  };
}

/** What a search sees of the load. */
export function liveLoad(agents: readonly LedAgent[], load: LedLoad): LiveLoad {
  const { inFlight } = progressOf(agents, load);
  const sent = agents.reduce(
    (sum, { update }) => sum + (update?.progress?.load === load.number ? update.sent : 0),
    0,
  );
  return { elapsedMs: load.elapsedMs ?? 0, sent, inFlight };
}

/** Why more than half of the agents would end the load of a search; absent = they would not. */
export function cutBy(agents: readonly LedAgent[], load: number): string | undefined {
  const here = agents.filter(({ present }) => present);
  const why = here.flatMap(({ update }) =>
    update?.cut !== undefined && update.progress?.load === load ? update.cut : []
  );
  return why.length > here.length / 2 ? why[0] : undefined;
}
