/**
 * The agents of a fleet while a run goes on: what each has told, and of which nothing is heard.
 *
 * @module
 */
import { formatCount, plural } from "../metrics/format.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { cleanMessage } from "./secret.ts";

/** What an agent tells of itself, once a second. */
export interface AgentTold {
  /** Its number, from 0 on. */
  readonly agent: number;
  /** How many agents there are. */
  readonly agents: number;
  /** Network name of its machine; absent where it is hidden. */
  readonly hostname?: string | undefined;
  /** Load that the counts are of; absent = it is at none. */
  readonly load?: number | undefined;
  /** Requests of the load so far. */
  readonly sent: number;
  /** Those that completed. */
  readonly completed: number;
  /** Those that failed. */
  readonly failed: number;
  /** Output tokens of those that completed. */
  readonly outputTokens: number;
  /** Sent and not ended. */
  readonly inFlight: number;
  /** Pairs of a bucket of `SmallHistogram` and its count since it told the last time. */
  readonly ttft: readonly number[];
  /** The same of the gaps between ticks. */
  readonly itl: readonly number[];
  /** It is lost: why, in a clause; nothing more is expected of it. */
  readonly lost?: string | undefined;
}

/** The agents as they are seen. */
export interface LiveFleet {
  /** How many there are. */
  readonly agents: number;
  /** Those of which nothing has been heard for a few seconds. */
  readonly silent: number;
  /** Those that are lost: the run will not count as asked. */
  readonly lost: number;
  /** At most twelve of them, lost and silent ones first. */
  readonly shown: readonly LiveAgent[];
}

/** One agent as it is seen. */
export interface LiveAgent {
  /** Its number, from 0 on. */
  readonly agent: number;
  /** `agent 2 (node-c)`. */
  readonly name: string;
  /** Requests of the load that it has sent. */
  readonly sent: number;
  /** Those that completed. */
  readonly completed: number;
  /** Those that failed. */
  readonly failed: number;
  /** Sent and not ended. */
  readonly inFlight: number;
  /** Since it was heard last, in ms. */
  readonly heardMs: number;
  /** What is wrong with it, in a clause; empty = nothing. */
  readonly wrong: string;
}

/** What an agent's load has grown by. */
export interface AgentGrowth {
  readonly completed: number;
  readonly failed: number;
  readonly outputTokens: number;
}

/** An agent tells once a second: of one that has not for so long, nothing is heard. */
export const SILENT_MS = 3500;

/** Rows of agents. */
const MOST_SHOWN = 12;

/** Letters of others' reasons. */
const REASON_LETTERS = 120;

/** Keeps what agents have told. */
export class FleetBoard {
  readonly #agents = new Map<number, { told: AgentTold; heardMs: number }>();
  #count = 0;

  /** Whether there is a fleet. */
  get known(): boolean {
    return this.#count > 0;
  }

  /** Takes what an agent tells; returns what its load has grown by since. */
  see(told: AgentTold, nowMs: number): AgentGrowth {
    const before = this.#agents.get(told.agent)?.told;
    this.#count = Math.max(this.#count, told.agents);
    // A loss is told by somebody else.
    const heardMs = told.lost === undefined
      ? nowMs
      : this.#agents.get(told.agent)?.heardMs ?? nowMs;
    this.#agents.set(told.agent, { told, heardMs });
    const same = before !== undefined && before.load === told.load;
    const grown = (of: (one: AgentTold) => number) =>
      Math.max(0, of(told) - (same ? of(before) : 0));
    return {
      completed: grown(({ completed }) => completed),
      failed: grown(({ failed }) => failed),
      outputTokens: grown(({ outputTokens }) => outputTokens),
    };
  }

  /** The agents now; absent = there is no fleet. */
  state(nowMs: number, load: number | undefined): LiveFleet | undefined {
    if (this.#count === 0) return undefined;
    const agents = [...this.#agents.values()].map(({ told, heardMs }) => ({
      told,
      agoMs: Math.max(0, nowMs - heardMs),
    }));
    const rank = ({ told: { lost }, agoMs }: (typeof agents)[number]) =>
      lost !== undefined ? 0 : agoMs > SILENT_MS ? 1 : 2;
    return {
      agents: this.#count,
      silent: agents.filter((one) => rank(one) === 1).length,
      lost: agents.filter((one) => rank(one) === 0).length,
      shown: agents.sort((a, b) => rank(a) - rank(b) || a.told.agent - b.told.agent)
        .slice(0, MOST_SHOWN).map(({ told, agoMs }) => agentOf(told, { agoMs, load })),
    };
  }
}

function agentOf(
  told: AgentTold,
  { agoMs, load }: { readonly agoMs: number; readonly load: number | undefined },
): LiveAgent {
  const { agent, hostname, lost } = told;
  const here = load !== undefined && told.load === load;
  return {
    agent,
    name: `agent ${agent}${
      hostname === undefined ? "" : ` (${visibleLine(hostname.slice(0, REASON_LETTERS))})`
    }`,
    ...(here
      ? { sent: told.sent, completed: told.completed, failed: told.failed }
      : { sent: 0, completed: 0, failed: 0 }),
    inFlight: lost === undefined ? told.inFlight : 0,
    heardMs: agoMs,
    wrong: lost !== undefined
      ? `lost: ${visibleLine(cleanMessage(lost.slice(0, REASON_LETTERS)))}`
      : agoMs > SILENT_MS
      ? `nothing heard for ${formatCount(Math.floor(agoMs / 1000))} s`
      : "",
  };
}

/** `4 agents`, `4 agents, 1 lost, 1 silent`. */
export function liveFleetText({ agents, silent, lost }: LiveFleet): string {
  return [
    plural(agents, "agent"),
    ...(lost === 0 ? [] : [`${formatCount(lost)} lost`]),
    ...(silent === 0 ? [] : [`${formatCount(silent)} silent`]),
  ].join(", ");
}
