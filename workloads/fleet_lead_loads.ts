/**
 * The loads of a run, one after another: all agents come together, begin at one instant, and tell how it
 * ended.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { LedAgent } from "./fleet_lead_agents.ts";
import { endOfAll } from "./fleet_lead_end.ts";
import { LeaseBook } from "./fleet_lead_lease.ts";
import type { CurrentLoad, LeadTime, LedRun } from "./fleet_lead_run.ts";
import { POINTS } from "./fleet_messages.ts";
import { planOfLoad } from "./run_header.ts";
import type { MeasureHooks } from "./run_hooks.ts";

/**
 * From the decision to the instant. A beat that is lost comes again after a second, and the agents need some
 * time to wake up their threads.
 */
const LEAD_MS = 1500;

/** What loads are measured with. */
export interface LoadsOptions {
  readonly run: LedRun;
  readonly header: RunHeader;
  readonly plan: BenchPlan;
  readonly hooks: MeasureHooks;
  readonly time: LeadTime;
}

/** Has all loads sent. @returns their ends, and their plans. */
export async function leadLoads(
  options: LoadsOptions,
): Promise<{ readonly ends: readonly LoadEnd[]; readonly plans: readonly LoadPlan[] }> {
  const { run, header, hooks } = options;
  const ends: LoadEnd[] = [];
  const decide = hooks.finder === undefined ? plannedLoads(options) : foundLoads(options);
  const plans: LoadPlan[] = [];
  for (let number = 0;; number++) {
    const plan = await decide(number);
    if (plan === undefined) break;
    plans.push(plan);
    const loads = hooks.finder === undefined ? header.loads.length : undefined;
    const current: CurrentLoad = {
      ...{ number, plan, loads },
      leases: new LeaseBook(run.agents.length),
    };
    run.current = current;
    const before = ends.find(({ serverLost }) => serverLost !== undefined)?.serverLost;
    if (!run.stopped) await oneLoad(options, current);
    const told = endOf(options, current);
    const end = before === undefined || !told.skipped
      ? told
      : { ...told, interrupted: false, serverLost: { ...before, atMs: 0, failures: 0 } };
    for (const agent of run.agents) agent.forget(number);
    ends.push(end);
    await hooks.onLoadEnd?.(end);
    hooks.finder?.end(end);
    // What an agent lacks would be missing from all further loads.
    if (run.stopped) run.stop(lostText(run.agents));
  }
  run.current = undefined;
  return { ends, plans };
}

function lostText(agents: readonly LedAgent[]): string | undefined {
  const lost = agents.find(({ lost }) => lost !== undefined);
  return lost === undefined ? undefined : `${lost.shown} is lost`;
}

function plannedLoads({ run, header }: LoadsOptions): (number: number) => LoadPlan | undefined {
  return (number) => {
    run.allDecided = number + 1 >= header.loads.length;
    return header.loads[number];
  };
}

function foundLoads(
  { run, header, plan, hooks }: LoadsOptions,
): (number: number) => Promise<LoadPlan | undefined> {
  const grown = { loads: [...plan.loads], stops: [...plan.stops], order: [...plan.order ?? []] };
  for (const list of Object.values(grown)) list.length = 0;
  return async (number) => {
    const decided = run.stopped ? undefined : await hooks.finder!.next();
    if (decided === undefined) {
      run.allDecided = true;
      return undefined;
    }
    const { load, stop, probe, repeat } = decided;
    grown.loads.push(load);
    grown.stops.push(stop);
    grown.order.push({ base: number, ...defined({ repeat }) });
    const described = {
      ...planOfLoad({ ...plan, ...grown }, number, header.dataset.prompts),
      probe,
    };
    hooks.onPlan?.(described);
    hooks.finder!.plan(described);
    run.decided.push(decided);
    return described;
  };
}

async function oneLoad({ run, time }: LoadsOptions, current: CurrentLoad): Promise<void> {
  const { number } = current;
  const ended = () => run.present.some((agent) => agent.hasEnded(number));
  for (const point of POINTS) {
    await run.until(() =>
      run.stopped || run.present.length === 0 || ended() ||
      run.present.every((agent) => agent.isAt(number, point))
    );
    if (run.stopped) return;
    // Nothing of it is sent where one of them cannot.
    if (ended()) {
      const reason = "an agent could not begin it";
      run.beats.change({ skip: { load: number, reason } });
      await run.until(() => run.present.every((agent) => agent.hasEnded(number)));
      return;
    }
    if (run.present.length === 0) return run.stop("there are no agents left");
    if (point !== "begin") run.beats.change({ met: { load: number, point } });
  }
  const beganMs = time.clock.now() + LEAD_MS;
  current.beganMs = beganMs;
  run.beats.change({ load: number, beginAtMs: beganMs + time.originMs });
  await run.until(() => run.present.every((agent) => agent.hasEnded(number)));
}

/** How the load ended, from what every agent has told. */
function endOf({ run, hooks, time }: LoadsOptions, current: CurrentLoad): LoadEnd {
  const { number, beganMs } = current;
  const nowMs = time.clock.now();
  const fromMs = beganMs ?? nowMs;
  const agents = run.agents.map((agent) => {
    const { update } = agent;
    const silent = beganMs !== undefined && agent.present && !agent.hasEnded(number)
      ? { sinceMs: agent.heardMs, reason: "it did not end at the second Ctrl-C" }
      : undefined;
    const loss = agent.lost ?? silent;
    return {
      agent: agent.number,
      end: agent.countedEndOf(number),
      update: update?.progress?.load === number ? update : undefined,
      clock: update?.clock,
      lost: loss && {
        atMs: Math.round(beganMs === undefined ? -1 : loss.sinceMs - fromMs),
        reason: loss.reason,
      },
    };
  });
  return endOfAll(agents, {
    load: number,
    plan: current.plan,
    beginAtMs: beganMs === undefined ? undefined : beganMs + time.originMs,
    elapsedMs: Math.max(0, nowMs - fromMs),
    interrupted: hooks.stopSignal.aborted,
    cutShort: current.cut,
    disconnectedMs: run.takeDisconnected(),
  });
}
