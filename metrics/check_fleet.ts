/**
 * Whether the machines of a fleet sent the load that was asked for, and how well they kept together.
 *
 * @module
 */
import { hasInstants } from "./check_causes.ts";
import type { Finding } from "./check.ts";
import { capitalize, formatCount, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import type { Verdict, VerdictKind } from "./load_client.ts";
import type { AgentLoss, AgentResult, LoadFleet, PresentShare } from "./load_fleet.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { LoadPlan, RunHeader } from "./run.ts";

/** What the checks look at. */
type FleetFacts = Pick<LoadSummary, "plan" | "fleet">;

/** Departures that are off by more blur a schedule: 5 ms is half the gap of 100 req/s. */
const BLURRED_MS = 5;

/** Without a schedule only the course over time is blurred, whose slices are a second. */
const BLURRED_COURSE_MS = 100;

/** Agents of a kind that are told one by one. */
const MOST_TOLD = 3;

/** Shares over time that are told one by one. */
const MOST_STEPS = 3;

/** `agent 2 (node-c)`. */
export function agentName(
  { agent, hostname }: { readonly agent: number; readonly hostname?: string | undefined },
): string {
  return hostname === undefined ? `agent ${agent}` : `agent ${agent} (${hostname})`;
}

/** What an agent's own share of the load is, in words. */
export function shareText(
  { share }: Pick<AgentResult, "share">,
  { users }: Pick<LoadPlan, "users">,
): string {
  if (users === undefined) return formatShare(share);
  return `${formatCount(Math.round(share * users))} of ${plural(users, "user")}`;
}

/** An agent that was lost. */
export interface LostAgent extends AgentResult {
  readonly lost: AgentLoss;
}

/** Agents whose loss took something from the load; the earliest first. */
export function lostAgents({ agents, asAsked }: LoadFleet): readonly LostAgent[] {
  if (asAsked) return [];
  return agents.flatMap((one) =>
    one.lost === undefined || one.share === 0 ? [] : { ...one, lost: one.lost }
  )
    .sort((a, b) => a.lost.atMs - b.lost.atMs);
}

/** When an agent was lost: `12.3 s after the start of the load`, or `before the load`. */
export function lostWhen(atMs: number): string {
  return atMs <= 0 ? "before the load" : `${formatMs(atMs)} after the start of the load`;
}

/** `all of the load was there at first, 75 % from 12.3 s on`; absent where all of it was there. */
export function presentText({ present }: Pick<LoadFleet, "present">): string | undefined {
  if (present.every(({ share }) => share === 1)) return undefined;
  const said = ({ share }: PresentShare) =>
    share === 1 ? "all" : share === 0 ? "nothing" : formatShare(share);
  const [first, ...later] = present;
  const last = later.at(-1);
  const was = `${said(first!)} of the load was there`;
  if (last === undefined) return was;
  const steps = later.length > MOST_STEPS
    ? [`in ${formatCount(later.length)} steps ${said(last)} from ${formatMs(last.fromMs)} on`]
    : later.map((step) => `${said(step)} from ${formatMs(step.fromMs)} on`);
  return `${was} at first, ${steps.join(", ")}`;
}

/** Whether each agent was there from the beginning of its load to the end. */
export function checkFleet({ plan, fleet }: FleetFacts): Finding | undefined {
  if (fleet === undefined) return undefined;
  const { agents } = fleet;
  const lost = lostAgents(fleet);
  const all = plural(agents.length, "agent");
  if (lost.length === 0) {
    const left = agents.filter(({ lost }) => lost !== undefined);
    if (left.length === 0) return `All ${all} sent their shares`;
    return `${
      plural(left.length, "agent")
    } of ${agents.length} ended early with nothing left to send`;
  }
  const told = lost.slice(0, MOST_TOLD).map((one) => lossText(one, plan)).join("; ");
  const more = lost.length > MOST_TOLD ? `; and ${formatCount(lost.length - MOST_TOLD)} more` : "";
  const share = presentText(fleet);
  return [
    `The load is not the one that was asked for, as ${formatCount(lost.length)} of ${all} ${
      lost.length === 1 ? "was" : "were"
    } lost: ${told}${more}${share === undefined ? "" : `. ${capitalize(share)}`}`,
    "see what that agent and its machine say, and run it again",
  ];
}

/** When an agent was lost, why, and what of its share is missing. */
export function lossText(one: LostAgent, plan: Pick<LoadPlan, "users">): string {
  const { lost: { atMs, reason, counted }, sent } = one;
  const share = shareText(one, plan);
  const missing = counted
    ? `its share, ${share}, was not sent from then on, and what it had sent is in the results`
    : atMs <= 0
    ? `its share, ${share}, is missing`
    : `its share, ${share}, is missing from the results altogether${
      sent > 0 ? ` (it had told of ${plural(sent, "request")})` : ""
    }, and whether it sent more is not known`;
  return `${agentName(one)} ${lostWhen(atMs)} (${reason}), so that ${missing}`;
}

/** Whether an agent began so late that it shows in the load. */
export function isLate({ lateMs }: Pick<AgentResult, "lateMs">, plan: LoadPlan): boolean {
  return lateMs > blurredMs(plan);
}

/** How far the agents' beginnings are apart. */
export function checkFleetStart({ plan, fleet }: FleetFacts): Finding | undefined {
  if (fleet === undefined) return undefined;
  const began = fleet.agents.filter(({ lost }) => lost === undefined || lost.atMs > 0);
  const late = began.filter((one) => isLate(one, plan))
    .sort((a, b) => b.lateMs - a.lateMs);
  const [worst] = late;
  if (worst === undefined) {
    const latest = began.reduce((most, { lateMs }) => Math.max(most, lateMs), 0);
    return `${began.length === fleet.agents.length ? "All" : "The other"} agents began within ${
      formatMs(latest)
    } of the common instant`;
  }
  const others = late.length === 1
    ? ""
    : `, and ${plural(late.length - 1, "other agent")} late, too`;
  return [
    `${capitalize(agentName(worst))} began ${
      formatMs(worst.lateMs)
    } after the common instant${others}: ${
      hasInstants(plan) ? "what was due before was sent late, all at once" : "its users began late"
    }${
      fleet.lost > 0 || fleet.missingShare === 0
        ? ""
        : `; ${formatShare(fleet.missingShare)} of the load was missing`
    }`,
    hasInstants(plan)
      ? "use latencies from the intended time, and see what keeps that machine busy, or its network"
      : "use the steady window, and see what keeps that machine busy, or its network",
  ];
}

/** How far the departures of different agents may be off their common schedule because of their clocks. */
export function checkFleetClocks({ plan, fleet }: FleetFacts): Finding | undefined {
  if (fleet === undefined) return undefined;
  const { worstClock: worst, clocksUnknown, agents } = fleet;
  const blurs = hasInstants(plan)
    ? "their common schedule"
    : "each other, in the course over time and in the number of requests in flight";
  if (worst === undefined || clocksUnknown > 0) {
    return [
      `The clocks of ${formatCount(clocksUnknown)} of ${
        plural(agents.length, "agent")
      } were never compared with the leader's: their departures may be off ${blurs} by any time; latencies are right, as none mixes two clocks`,
      "see that agents reach the NATS server while they send, and run it again",
    ];
  }
  const drift = worst.driftPpm === undefined || worst.driftPpm === 0
    ? ""
    : `, drift of ${formatNumber(worst.driftPpm)} ppm over the load included`;
  const found = `By the clock, departures are within ±${formatMs(worst.withinMs)} of ${
    hasInstants(plan) ? "the common schedule" : "each other's instants"
  } (worst: ${agentName(agents[worst.agent] ?? worst)}, half of the smallest of ${
    plural(worst.samples, "round trip")
  }${drift}); no latency mixes two clocks`;
  if (worst.withinMs <= blurredMs(plan)) return found;
  return [
    `${found}: that blurs ${blurs}`,
    "latencies, totals and failures are right all the same; for closer clocks take a NATS server nearer to the agents, or a shorter load",
  ];
}

/** Whether all agents run the same version over the same transport. */
export function checkFleetVersions(
  { fleet, version }: Pick<RunHeader, "fleet" | "version">,
): Finding | undefined {
  if (fleet === undefined) return undefined;
  const others = fleet.agents.flatMap(({ version: own, hostname }, agent) =>
    own === version ? [] : [`${agentName({ agent, hostname })} ${own}`]
  );
  if (others.length > 0) {
    const more = others.length - MOST_TOLD;
    return [
      `Versions differ: the leader is ${version}, ${others.slice(0, MOST_TOLD).join(", ")}${
        more > 0 ? ` and ${formatCount(more)} more` : ""
      }: they may not have sent the same load`,
      "copy one executable to all machines and run it again",
    ];
  }
  const transports = [...new Set(fleet.agents.map(({ transport }) => transport))];
  return `All agents are version ${version}${
    transports.length < 2 ? "" : `, and send over ${transports.join(" and ")}`
  }`;
}

/** Whether the agents' own record files are complete. */
export function checkFleetRecords({ fleet }: FleetFacts): Finding | undefined {
  if (fleet === undefined) return undefined;
  const failed = fleet.agents.filter(({ fileFailure }) => fileFailure !== undefined);
  if (failed.length === 0) return undefined;
  const told = failed.slice(0, MOST_TOLD)
    .map((one) => `${agentName(one)}: ${one.fileFailure}`).join("; ");
  const more = failed.length - MOST_TOLD;
  return [
    `Record files of ${formatCount(failed.length)} of ${
      plural(fleet.agents.length, "agent")
    } are incomplete (${told}${
      more > 0 ? `; and ${formatCount(more)} more` : ""
    }): the results here have everything, a report of the collected files has not`,
    "rely on this report, and free space or give another --out there before the next run",
  ];
}

/** Whether the leader was there all the time. */
export function checkFleetLeader({ plan, fleet }: FleetFacts): Finding | undefined {
  if (fleet === undefined) return undefined;
  const { disconnectedMs = 0 } = fleet;
  if (disconnectedMs === 0) return undefined;
  const said = `The leader was not connected to NATS for ${formatMs(disconnectedMs)} of this load`;
  // Users draw on one count, which the leader gives out.
  if (plan.kind === "open" || plan.stopRequests === undefined) {
    return `${said}: agents went on by themselves, and nothing is missing`;
  }
  return [
    `${said}: nothing is missing, but users whose agent had no requests left had to wait for the next ones`,
    "look for a dip in the course over time; a load that ends by --duration waits for nobody",
  ];
}

const RANKS: readonly (VerdictKind | undefined)[] = [
  "ok",
  undefined,
  "unknown",
  "suspect",
  "client-bound",
];

/** The verdict on a load is that of its worst agent, where that one's is worse than that on all together. */
export function withAgents(
  verdict: Verdict | undefined,
  fleet: LoadFleet | undefined,
): Verdict | undefined {
  if (fleet === undefined || verdict?.kind === "no-measurement") return verdict;
  const rank = (kind: VerdictKind | undefined) => RANKS.indexOf(kind);
  const doubted = fleet.agents
    .filter((one) => rank(one.verdict) >= rank("suspect"))
    .sort((a, b) => rank(b.verdict) - rank(a.verdict));
  const kind = doubted[0]?.verdict;
  if (kind === undefined || kind === "ok") return verdict;
  const worst = doubted.filter((one) => one.verdict === kind);
  const told = worst.slice(0, MOST_TOLD)
    .map((one) => `${agentName(one)}: ${one.causes[0] ?? kind}`).join("; ");
  const more = worst.length - MOST_TOLD;
  const of = `${formatCount(worst.length)} of ${plural(fleet.agents.length, "agent")}`;
  const reason = {
    rule: "agents",
    kind,
    message: `${told}${more > 0 ? `; and ${formatCount(more)} more` : ""}`,
    advice: "give these agents cores of their own, or deal the load to more agents",
  };
  if (verdict !== undefined && rank(verdict.kind) >= rank(kind)) {
    return { ...verdict, reasons: [...verdict.reasons, reason] };
  }
  return {
    kind,
    message: kind === "client-bound"
      ? `${of} ${
        worst.length === 1 ? "was" : "were"
      } the limit: the server may be faster than shown`
      : `Some of the numbers of ${of}, mostly the tails, may be the client's`,
    reasons: [reason, ...verdict?.reasons ?? []],
  };
}

/** Why a load of a fleet does not count as asked, in a clause; absent where it does. */
export function brokenText(fleet: LoadFleet | undefined): string | undefined {
  if (fleet === undefined || fleet.asAsked) return undefined;
  const lost = lostAgents(fleet);
  const [first] = lost;
  if (first === undefined) {
    return `agents began late, and ${formatShare(fleet.missingShare)} of the load was missing`;
  }
  const share = presentText(fleet);
  return `${agentName(first)} ${
    lost.length === 1 ? "was" : `and ${plural(lost.length - 1, "other agent")} were`
  } lost${lost.length === 1 ? "" : ", the first"} ${lostWhen(first.lost.atMs)}${
    share === undefined ? "" : ` (${share})`
  }`;
}

/** What is said of the figures of a single agent. */
export function checkPart({ part }: Pick<RunHeader, "part">): Finding | undefined {
  if (part === undefined) return undefined;
  return `Agent ${part.agent} of the ${
    formatCount(part.agents)
  } of fleet ${part.fleet}: these are the figures of its share, the leader's report has those of all`;
}

function blurredMs(plan: LoadPlan): number {
  return hasInstants(plan) ? BLURRED_MS : BLURRED_COURSE_MS;
}
