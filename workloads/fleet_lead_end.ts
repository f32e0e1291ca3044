/**
 * The end of a load from those of its agents.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LoadEnd, LoadPlan } from "../metrics/run.ts";
import type { ClockOffset, FleetEnd, FleetPart } from "../metrics/run_fleet.ts";
import type { AgentEnd, Update } from "./fleet_messages.ts";
import { mergeEnds } from "./record_merge_end.ts";
import { shown } from "./secret.ts";

/** What is known of one agent when a load is over. */
export interface AgentOfLoad {
  readonly agent: number;
  /** Its end; absent = it told none. */
  readonly end: AgentEnd | undefined;
  /** What it told last of this load. */
  readonly update: Update | undefined;
  /** Its clock, as it told last. */
  readonly clock: ClockOffset | undefined;
  /** Since when it is lost, in ms from the load's beginning, and why; absent = it is not. */
  readonly lost: { readonly atMs: number; readonly reason: string } | undefined;
}

/** What the leader knows of the load itself. */
export interface LoadFacts {
  readonly load: number;
  readonly plan: LoadPlan;
  /** When it began by the leader's clock, ms since the epoch; absent = nothing of it was sent. */
  readonly beginAtMs: number | undefined;
  /** Since then. */
  readonly elapsedMs: number;
  /** The user stopped it. */
  readonly interrupted: boolean;
  readonly cutShort: string | undefined;
  /** How long the leader was not connected, in ms. */
  readonly disconnectedMs: number;
}

/** One end of those of all agents. */
export function endOfAll(agents: readonly AgentOfLoad[], facts: LoadFacts): LoadEnd {
  const { load, plan, beginAtMs, elapsedMs, interrupted, disconnectedMs } = facts;
  const fleet: FleetEnd = {
    parts: agents.map(partOf),
    ...(disconnectedMs > 0 ? { disconnectedMs } : {}),
  };
  const ends = agents.flatMap(({ end }) => end ?? []);
  // An agent that has no users ends at once.
  const busy = ends.filter(({ part }) => part.sent > 0);
  const counted = (busy.length > 0 ? busy : ends).map(({ end }) => ({ end, laterMs: 0 }));
  const sent = beginAtMs !== undefined && counted.some(({ end }) => !end.skipped);
  const all = counted.length > 0 && sent
    ? mergeEnds(load, counted, plan)
    : { load, durationMs: 0, rampEndMs: 0, sendingEndMs: 0 };
  const lostServer = counted.length > 0 ? mergeEnds(load, counted, plan).serverLost : undefined;
  const cacheNotReset = ends.find(({ end }) => end.cacheNotReset !== undefined)?.end.cacheNotReset;
  const { skipped: _, ...merged } = all as LoadEnd;
  const unknown = beginAtMs !== undefined && counted.length === 0;
  return {
    ...merged,
    // Nobody is left who could say when it ended.
    ...(unknown ? { durationMs: elapsedMs, rampEndMs: 0, sendingEndMs: elapsedMs } : {}),
    interrupted,
    ...(sent || unknown ? { startedAtMs: beginAtMs } : { skipped: true }),
    ...defined({ serverLost: lostServer, cutShort: facts.cutShort, cacheNotReset }),
    fleet,
  };
}

/** What stands in the report of an agent's part; what it wrote is cleaned of secrets. */
function partOf({ agent, end, update, clock, lost }: AgentOfLoad): FleetPart {
  const told = end === undefined ? undefined : cleaned(end.part);
  const seen = {
    agent,
    sent: update?.sent ?? 0,
    completed: update?.completed ?? 0,
    failed: update?.failed ?? 0,
    outputTokens: update?.outputTokens ?? 0,
    lateMs: 0,
    ...defined({ clock }),
  };
  const part = told === undefined ? seen : { ...defined({ clock }), ...told, agent };
  if (lost === undefined) return part;
  return {
    ...part,
    lost: { ...lost, reason: shown(lost.reason), ...(told === undefined ? {} : { counted: true }) },
  };
}

function cleaned({ causes, lost, fileFailure, ...part }: FleetPart): FleetPart {
  return {
    ...part,
    ...defined({
      causes: causes?.map(shown),
      lost: lost === undefined ? undefined : { ...lost, reason: shown(lost.reason) },
      fileFailure: fileFailure === undefined ? undefined : shown(fileFailure),
    }),
  };
}
