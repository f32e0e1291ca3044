/**
 * What of a load the machines of a fleet really sent, and how well they kept together.
 *
 * @module
 */
import type { AgentClock, AgentError, AgentResult, LoadFleet, PresentShare } from "./load_fleet.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "./run.ts";
import type { FleetAgent, FleetPart, RunFleet, RunPart } from "./run_fleet.ts";

/** Threads of one machine differ by a little; an agent that begins later than this was not there. */
const LATE_MS = 100;

/** More of a load than this share of its time may not be missing because agents began late. */
const MOST_MISSING = 0.01;

/** The part of a load that one agent sends: `index` modulo `agents` decides. */
interface Share {
  readonly agent: number;
  readonly agents: number;
}

/** How a load went on each machine; absent where one client sent it, or its end was not recorded. */
export function summarizeFleet(
  { plan, end, header: { fleet } }: {
    readonly plan: LoadPlan;
    readonly end: LoadEnd;
    readonly header: Pick<RunHeader, "fleet">;
  },
): LoadFleet | undefined {
  if (fleet === undefined || end.fleet === undefined) return undefined;
  const agents = agentsOf(fleet, end.fleet.parts, plan);
  const sendingMs = Math.max(0, end.sendingEndMs);
  const harmed = agents.filter((one) => isMissing(one, sendingMs));
  const present = presentShares(agents, sendingMs);
  const missingShare = missing(present, sendingMs);
  const clocks = agents.flatMap((one) => agentClock(one, end.durationMs) ?? []);
  const errors = agents.flatMap(({ agent, clientError }): readonly AgentError[] =>
    clientError === undefined ? [] : [{ agent, share: clientError }]
  );
  const hosts = fleet.agents.map(({ hostname }) => hostname);
  return {
    name: fleet.name,
    agents,
    hosts: hosts.includes(undefined) ? undefined : new Set(hosts).size,
    asAsked: harmed.length === 0 && missingShare <= MOST_MISSING,
    lost: harmed.length,
    present,
    missingShare,
    worstClock: largest(clocks, ({ withinMs }) => withinMs),
    clocksUnknown: agents.length - clocks.length,
    worstClientError: largest(errors, ({ share }) => share),
    disconnectedMs: end.fleet.disconnectedMs,
  };
}

/**
 * Whether the machines of a fleet did not send what was asked for, in any load: one was lost, or came so
 * late that more than 1 % of the load was missing. Such a run is invalid as asked (exit code 6).
 *
 * @example
 * ```ts
 * import { assertFalse } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { fleetIsBroken } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * assertFalse(fleetIsBroken(summarize(run)));
 * ```
 */
export function fleetIsBroken(
  { loads }: { readonly loads: readonly Pick<LoadSummary, "fleet">[] },
): boolean {
  return loads.some(({ fleet }) => fleet !== undefined && !fleet.asAsked);
}

/** The load as one agent had to send it: its own users, rate and limit; the same where it sent all. */
export function planOfPart(plan: LoadPlan, part: RunPart | undefined): LoadPlan {
  if (part === undefined) return plan;
  const { users, ratePerSec, maxInFlight, stopRequests: _, ...rest } = plan;
  const { agents } = part;
  return {
    ...rest,
    ...(users !== undefined && { users: dealt(users, part) }),
    ...(ratePerSec !== undefined && { ratePerSec: ratePerSec / agents }),
    ...(maxInFlight !== undefined && { maxInFlight: dealt(maxInFlight, part) }),
  };
}

/** Of so many things that are dealt round-robin, those of one agent. */
function dealt(count: number, { agent, agents }: Share): number {
  return Math.max(0, Math.ceil((count - agent) / agents));
}

/** Share of a load that is one agent's: whole users and whole requests, where it is known how many. */
function shareOf(plan: LoadPlan, share: Share): number {
  const { users, stopRequests, stopDurationMs, replay } = plan;
  if (users !== undefined && users > 0) return dealt(users, share) / users;
  const counted = replay === undefined && stopDurationMs === undefined ? stopRequests : undefined;
  if (counted !== undefined && counted > 0) return dealt(counted, share) / counted;
  return 1 / share.agents;
}

function agentsOf(
  { agents }: RunFleet,
  parts: readonly FleetPart[],
  plan: LoadPlan,
): readonly AgentResult[] {
  const known = new Map<number, FleetPart>();
  for (const part of parts) if (!known.has(part.agent)) known.set(part.agent, part);
  return agents.map((machine, agent) =>
    agentResult(machine, known.get(agent) ?? unheard(agent), {
      share: shareOf(plan, { agent, agents: agents.length }),
    })
  );
}

/** An agent of which nothing was told. */
function unheard(agent: number): FleetPart {
  return {
    ...{ agent, sent: 0, completed: 0, failed: 0, outputTokens: 0, lateMs: 0 },
    lost: { atMs: -1, reason: "nothing was heard of it" },
  };
}

function agentResult(
  { hostname, version, cores, transport, workers, file }: FleetAgent,
  part: FleetPart,
  { share }: { readonly share: number },
): AgentResult {
  const { agent, sent, completed, failed, outputTokens, lateMs, lost } = part;
  const { clock, verdict, causes = [], clientError, client, fileFailure } = part;
  return {
    ...{ agent, hostname, version, cores, transport, workers, file, share },
    ...{ sent, completed, failed, outputTokens, lateMs },
    ...{ clock, verdict, causes, clientError, client },
    lost: lost && { atMs: lost.atMs, reason: lost.reason, counted: lost.counted === true },
    fileFailure,
  };
}

/** Whether something of an agent's share is missing because it was lost. */
function isMissing({ lost, share }: AgentResult, sendingMs: number): boolean {
  if (lost === undefined || share === 0) return false;
  return lost.atMs <= 0 || lost.atMs < sendingMs || !lost.counted;
}

/** When an agent began, and when it was lost. */
function presence({ lateMs, lost }: AgentResult): readonly [fromMs: number, toMs: number] {
  return [lateMs > LATE_MS ? lateMs : 0, lost === undefined ? Infinity : lost.atMs];
}

function presentShares(
  agents: readonly AgentResult[],
  sendingMs: number,
): readonly PresentShare[] {
  const changes = agents.flatMap((one) => {
    const [fromMs, toMs] = presence(one);
    if (toMs <= fromMs) return [];
    return [{ atMs: fromMs, by: 1, share: one.share }, { atMs: toMs, by: -1, share: one.share }];
  }).filter(({ atMs }) => atMs === 0 || atMs < sendingMs).sort((a, b) => a.atMs - b.atMs);
  const shares: PresentShare[] = [{ fromMs: 0, agents: 0, share: 0 }];
  for (const { atMs, by, share } of changes) {
    const last = shares.at(-1)!;
    const there = last.agents + by;
    shares.splice(last.fromMs === atMs ? -1 : shares.length, 1, {
      fromMs: atMs,
      agents: there,
      // A sum of thirds is not quite 1.
      share: there === agents.length ? 1 : there === 0 ? 0 : last.share + by * share,
    });
  }
  return shares;
}

function missing(present: readonly PresentShare[], sendingMs: number): number {
  if (sendingMs === 0) return 1 - present[0]!.share;
  return present.reduce((sum, { fromMs, share }, i) => {
    const toMs = present[i + 1]?.fromMs ?? sendingMs;
    return sum + (1 - share) * (toMs - fromMs);
  }, 0) / sendingMs;
}

function agentClock({ agent, clock }: AgentResult, durationMs: number): AgentClock | undefined {
  if (clock === undefined) return undefined;
  const driftMs = Math.abs(clock.driftPpm ?? 0) * 1e-6 * durationMs;
  return { agent, ...clock, withinMs: clock.uncertaintyMs + driftMs };
}

function largest<Item>(
  items: readonly Item[],
  valueOf: (item: Item) => number,
): Item | undefined {
  return items.reduce<Item | undefined>(
    (one, other) => one === undefined || valueOf(other) > valueOf(one) ? other : one,
    undefined,
  );
}
