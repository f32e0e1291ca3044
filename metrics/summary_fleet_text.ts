/**
 * The machines of a fleet in words, the same for the terminal and the page.
 *
 * @module
 */
import { agentName, isLate, lostWhen } from "./check_fleet.ts";
import { formatCount, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import type { AgentResult } from "./load_fleet.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";

/** Machines that are named one by one. */
const MOST_NAMED = 4;

/** The machines that sent a run, or whose share one agent sent; absent where one client sent all. */
export function fleetRunText(
  { fleet, part }: Pick<RunHeader, "fleet" | "part">,
): string | undefined {
  if (part !== undefined) {
    return `agent ${part.agent} of the ${
      formatCount(part.agents)
    } of fleet ${part.fleet}, numbered from 0: figures are those of its share`;
  }
  if (fleet === undefined) return undefined;
  const all = plural(fleet.agents.length, "agent");
  const names = [...new Set(fleet.agents.flatMap(({ hostname }) => hostname ?? []))];
  const where = names.length === 0
    ? ""
    : names.length <= MOST_NAMED
    ? ` on ${names.join(", ")}`
    : ` on ${plural(names.length, "machine")}, ${names[0]} to ${names.at(-1)}`;
  return `fleet ${fleet.name}: ${all}${where}`;
}

/** How a load went on its machines, in one line; absent where one client sent it. */
export function fleetText({ fleet }: Pick<LoadSummary, "fleet">): string | undefined {
  if (fleet === undefined) return undefined;
  const { agents, hosts, lost, worstClock, worstClientError, missingShare } = fleet;
  const sent = agents.map(({ sent }) => sent);
  const latest = agents.reduce((most, { lateMs }) => Math.max(most, lateMs), 0);
  const [least, most] = [Math.min(...sent), Math.max(...sent)];
  return [
    `${plural(agents.length, "agent")}${
      hosts === undefined ? "" : ` on ${plural(hosts, "machine")}`
    }`,
    lost > 0
      ? `${formatCount(lost)} lost`
      : missingShare > 0
      ? `${formatShare(missingShare)} of the load missing`
      : "all there",
    `${formatCount(least)}${most === least ? "" : ` to ${formatCount(most)}`} requests each`,
    `began within ${formatMs(latest)}`,
    worstClock === undefined
      ? "clocks never compared"
      : `clocks within ±${formatMs(worstClock.withinMs)}`,
    ...(worstClientError === undefined ? [] : [
      `client error at most ${errorText(worstClientError.share)} (${
        agentName(agents[worstClientError.agent] ?? worstClientError)
      })`,
    ]),
  ].join(", ");
}

/** An agent and what is to be said of it. */
export interface AgentNote {
  readonly agent: AgentResult;
  /** Clauses without periods; empty = it went well. */
  readonly notes: readonly string[];
}

/** Agents with something to say first, the worst before the others; then by their numbers. */
export function agentsWorstFirst(
  { fleet, plan }: Pick<LoadSummary, "fleet" | "plan">,
): readonly AgentNote[] {
  const ranked = (fleet?.agents ?? []).map((agent) => {
    const { lost, verdict, fileFailure, clock, lateMs } = agent;
    const late = isLate(agent, plan);
    const notes = [
      ...(lost === undefined ? [] : [`lost ${lostWhen(lost.atMs)}: ${lost.reason}`]),
      ...(late ? [`began ${formatMs(lateMs)} late`] : []),
      ...(verdict === undefined || verdict === "ok"
        ? []
        : [`${verdict}${agent.causes[0] === undefined ? "" : `: ${agent.causes[0]}`}`]),
      ...(fileFailure === undefined ? [] : [`record file incomplete: ${fileFailure}`]),
      ...(clock === undefined && lost === undefined ? ["clock never compared"] : []),
    ];
    const rank = [
      lost !== undefined && (agent.share > 0 || !lost.counted),
      verdict === "client-bound",
      late,
      verdict === "suspect",
      notes.length > 0,
    ].indexOf(true);
    return { agent, notes, rank: rank < 0 ? Infinity : rank };
  });
  return ranked.sort((a, b) => a.rank === b.rank ? a.agent.agent - b.agent.agent : a.rank - b.rank)
    .map(({ agent, notes }) => ({ agent, notes }));
}

/** The machines that went well, in one line: what they have in common. */
export function othersText(others: readonly AgentNote[]): string {
  const range = (values: readonly number[], text: (value: number) => string) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? text(low) : `${text(low)} to ${text(high)}`;
  };
  const agents = others.map(({ agent }) => agent);
  const errors = agents.flatMap(({ clientError }) => clientError ?? []);
  const clocks = agents.flatMap(({ clock }) => clock?.uncertaintyMs ?? []);
  return [
    `${plural(agents.length, "more agent")}: ${
      range(agents.map(({ sent }) => sent), formatCount)
    } requests`,
    `${range(agents.map(({ outputTokens }) => outputTokens), formatCount)} output tokens each`,
    ...(clocks.length === 0 ? [] : [`clocks ±${range(clocks, formatMs)}`]),
    ...(errors.length === 0 ? [] : [`client error ${range(errors, errorText)}`]),
  ].join(", ");
}

/** An error as a share; a bracket may be many times as wide as its figure. */
export function errorText(share: number | undefined): string {
  return share === undefined || share <= 1
    ? formatShare(share)
    : `${formatCount(Math.round(share * 100))} %`;
}

/** The cells of an agent's row, in the order of {@linkcode AGENT_COLUMNS}. */
export function agentCells(agent: AgentResult): readonly string[] {
  const { sent, completed, failed, outputTokens, lateMs, clock, clientError, client } = agent;
  const { cpuCores, loopLagP99Ms } = client ?? {};
  return [
    formatShare(agent.share),
    formatCount(sent),
    formatCount(completed),
    formatCount(failed),
    formatCount(outputTokens),
    formatMs(lateMs),
    formatMs(clock?.offsetMs),
    clock === undefined ? formatMs(undefined) : `±${formatMs(clock.uncertaintyMs)}`,
    clock?.driftPpm === undefined ? formatNumber(undefined) : `${formatNumber(clock.driftPpm)} ppm`,
    errorText(clientError),
    formatNumber(cpuCores),
    formatMs(loopLagP99Ms),
    agent.lost !== undefined ? "lost" : agent.verdict ?? formatNumber(undefined),
  ];
}

/** Headings of the cells, and which are left out first where there is little room (0 = never). */
export const AGENT_COLUMNS: readonly (readonly [heading: string, dropOrder: number])[] = [
  ["share", 4],
  ["sent", 0],
  ["ok", 7],
  ["failed", 2],
  ["out tokens", 3],
  ["late", 5],
  ["clock off", 8],
  ["clock ±", 6],
  ["drift", 9],
  ["client error", 1],
  ["cores", 10],
  ["lag p99", 11],
  ["verdict", 0],
];
