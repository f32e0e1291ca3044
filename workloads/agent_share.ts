/**
 * The part of a load that one of several machines sends: requests of a schedule, users and sessions are
 * dealt round-robin, so that all parts together are the load of one machine.
 *
 * @module
 */

/** One machine's part: number `i` of a schedule, of users, of sessions is its own where `i % agents` is `agent`. */
export interface AgentShare {
  /** Number of this agent, from 0 on. */
  readonly agent: number;
  /** How many agents send the load together. */
  readonly agents: number;
}

/** The part of the only machine. */
export const WHOLE: AgentShare = { agent: 0, agents: 1 };

/** A portion of the requests of a load whose users draw on one count. */
export interface LeasedPortion {
  /** Number of its first request in the load. */
  readonly from: number;
  /** How many there are. */
  readonly count: number;
}

/** Whether this machine does what one does for all; alone it does. */
export function isFirst(share: AgentShare | undefined): boolean {
  return share === undefined || share.agent === 0;
}

/** Whether that number of a schedule, of users or of sessions is a machine's own. */
export function isOwn(number: number, { agent, agents }: AgentShare): boolean {
  return number % agents === agent;
}

/** How many of so many users, sessions or requests of a schedule are a machine's own. */
export function partOfUsers(users: number, { agent, agents }: AgentShare): number {
  return Math.max(0, Math.ceil((users - agent) / agents));
}

/** A machine's share of what only machines with users take: there may be fewer users than machines. */
export function shareOfUsers(users: number, { agent, agents }: AgentShare): AgentShare {
  return { agent, agents: Math.min(agents, users) };
}

/** The number of a thread, and of all threads, in a load that several machines send. */
export function threadOfAll(
  { worker, workers }: { readonly worker: number; readonly workers: number },
  share: AgentShare = WHOLE,
): { readonly worker: number; readonly workers: number } {
  return {
    worker: share.agent + share.agents * worker,
    workers: share.agents * workers,
  };
}
