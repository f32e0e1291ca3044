/**
 * The parts of a load: what is sent to warm up before it, and the load itself.
 *
 * @module
 */
import type { RateStagePlan } from "../metrics/run.ts";
import { defined } from "../backends/defined.ts";
import { type AgentShare, isFirst } from "./agent_share.ts";
import type { LoadPlace } from "./bench_order.ts";
import type { Load, Stop } from "./load.ts";
import { sparePrompts } from "./load_sequence.ts";
import type { Begun } from "./run_begin.ts";
import {
  type LoadReach,
  type LoadRequests,
  requestsOfLoad,
  requestsOfWarmUp,
} from "./run_load_requests.ts";
import { prefixWarmUp, shortWarmUp, type WarmUp } from "./run_warm_up.ts";

/** A load, or the warm-up before it. */
export interface LoadPart extends LoadPlace {
  readonly load: Load;
  readonly stop: Stop;
  readonly phase: "warmup" | "measure";
  /** Position in the pool of its first request. */
  readonly poolOffset: number;
  /** Requests of its own, in place of the pool's. */
  readonly own?: LoadRequests;
  /** They are no prompts of the pool. */
  readonly beside?: true;
  /** No other machine sends any of it. */
  readonly alone?: true;
}

/** What the parts of a run are made from. */
type PartSource = Pick<Begun, "plan" | "prepared" | "checked">;

/** Requests that a load may take from the pool, with those that only fast users need. */
export function reachOf(load: Load, stop: Stop): number {
  return (stop.requests ?? Infinity) + sparePrompts(load, stop);
}

/** Stages that the records of a part are told by; absent = its rate stays the same. */
export function stagesOf({ phase, load }: LoadPart): readonly RateStagePlan[] | undefined {
  return phase === "measure" && load.kind === "open" ? load.stages : undefined;
}

/** The load itself as it was planned, with the requests that it takes from the pool. */
export async function measuredPart(
  { plan, prepared }: Pick<PartSource, "plan" | "prepared">,
  { load, stop, reach }: { readonly load: Load; readonly stop: Stop; readonly reach: LoadReach },
): Promise<LoadPart> {
  const { number, base, from } = reach;
  const part = { number, base, load, stop, phase: "measure", poolOffset: from } as const;
  const own = plan.replay === undefined ? await requestsOfLoad(prepared, reach) : undefined;
  return own === undefined ? part : { ...part, poolOffset: 0, own };
}

/** What is sent before a load. */
export async function warmUpParts(
  source: PartSource,
  reach: LoadReach,
  share?: AgentShare,
): Promise<LoadPart[]> {
  const { plan, prepared, checked } = source;
  const { number, base } = reach;
  const parts: LoadPart[] = [];
  if (plan.warmups[base] !== 0) parts.push(await warmUpPart(source, reach, share));
  const need = { load: plan.loads[base]!, stop: plan.stops[base] ?? {}, number };
  const prefixes = plan.warmPrefixes === true && isFirst(share)
    ? prefixWarmUp({ prepared, checked, ...need }, reach)
    : undefined;
  if (prefixes !== undefined) parts.push({ ...partOf(prefixes, reach), alone: true });
  return parts;
}

/** The warm-up of a load. */
async function warmUpPart(
  { plan, prepared, checked }: PartSource,
  { number, base }: LoadPlace,
  share: AgentShare | undefined,
): Promise<LoadPart> {
  const load = plan.loads[base]!;
  const warmup = plan.warmups[base] ?? 0;
  const stop = plan.stops[base] ?? {};
  if (warmup === "short") {
    const need = { prepared, checked, load, stop, number, ...defined({ agents: share?.agents }) };
    return partOf(shortWarmUp(need), { number, base });
  }
  const from = plan.own?.loads[base]?.warmupFrom ?? 0;
  const own = await requestsOfWarmUp(prepared, { number, from, count: warmup });
  return {
    ...{ number, base },
    // Its prompts are a queue: none of those that will be measured is sent before.
    load: warmUpLoad(load),
    stop: { requests: warmup },
    phase: "warmup",
    ...(own === undefined ? { poolOffset: from } : { poolOffset: 0, own }),
  };
}

/** A warm-up with requests of its own. */
function partOf(own: WarmUp, { number, base }: LoadPlace): LoadPart {
  const stop = { requests: own.requests.length };
  return { number, base, load: own.load, stop, phase: "warmup", poolOffset: 0, own, beside: true };
}

/** The load of whole requests that warms up: nobody thinks, and what may be disjoint is shared. */
function warmUpLoad(load: Load): Load {
  if (load.kind !== "closed") return load;
  const { thinkTime: _, ...rest } = load;
  return rest.sequence === "disjoint" ? { ...rest, sequence: "shared" } : rest;
}
