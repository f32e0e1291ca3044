/**
 * Makes a session of an agent's recorded requests: of its own, of its sub-agents', and of helpers that
 * the record does not name.
 *
 * @module
 */
import type { BlockIds, TraceSession } from "./trace.ts";
import { blockIds, sharedLength } from "./trace_block_ids.ts";
import { chainsOf, hasEnded, type Recorded, ROUNDING_MS } from "./trace_chains.ts";
import { SessionDraft } from "./trace_draft.ts";

/** A request of an agent. */
export interface AgentRequest extends Recorded {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What the record says of the wait before it. */
  readonly thinkMs?: number | undefined;
}

/** An agent: requests, each with the sub-agents that were started after it. */
export interface Agent {
  /** `main`, or what the file calls it. */
  readonly name: string;
  /** Tokens of its system message, tools included. */
  readonly systemTokens: number;
  /** When the record says that it ended. */
  readonly endMs?: number | undefined;
  /** Started before its first request. */
  readonly before: readonly Agent[];
  readonly requests: readonly AgentStep[];
}

/** A request and the sub-agents behind it. */
export interface AgentStep {
  readonly request: AgentRequest;
  readonly agents: readonly Agent[];
}

/** An agent that was placed: what a turn waits for that joins it, and until when it ran. */
interface Placed {
  readonly lasts: readonly number[];
  readonly endMs: number;
  /** What the record says of its end, where it says nothing of its last turns' ends. */
  readonly saidEndMs: number | undefined;
}

/** Turns of an agent's chain that are still to come may wait for these. */
interface Pending extends Placed {
  /** Chain of the turn that started it. */
  readonly chain: number;
}

/** The session of a main agent. */
export function sessionOf(
  agent: Agent,
  options: { readonly id: string; readonly scope: string; readonly startMs: number },
): TraceSession & { readonly helpers: number } {
  const { id, scope, startMs } = options;
  const placing = new Placing(new SessionDraft(id, { scope, startMs: 0 }), startMs);
  placing.place(agent, { waitsFor: [], depth: 0 });
  return { ...placing.draft.session(), helpers: placing.helpers };
}

class Placing {
  readonly draft: SessionDraft;
  /** Helpers that the record does not name. */
  helpers = 0;
  readonly #startMs: number;
  /** Ids of the last turn of each chain, to share memory with. */
  readonly #tails = new Map<number, { readonly ids: ArrayLike<number>; readonly list: BlockIds }>();

  constructor(draft: SessionDraft, startMs: number) {
    this.draft = draft;
    this.#startMs = startMs;
  }

  /** Adds all turns of an agent, its sub-agents' included. */
  place(
    agent: Agent,
    origin: {
      readonly waitsFor: readonly number[];
      readonly depth: number;
      readonly parent?: number;
    },
  ): Placed {
    const { waitsFor: begun, depth, parent } = origin;
    const { steps, chains, joins } = readChains(agent);
    const main = this.draft.addChain({
      name: agent.name,
      depth,
      systemTokens: agent.systemTokens,
      ...(parent === undefined ? {} : { parent }),
    });
    const helpers = chains.after.slice(1).map(() => {
      this.helpers++;
      return this.draft.addChain({
        name: "helper",
        parent: main,
        depth: depth + 1,
        systemTokens: 0,
      });
    });
    const positions = [main, ...helpers];
    const lastOf: (number | undefined)[] = [];
    const turns: number[] = [];
    const waited = new Set<number>();
    // What no turn waits for yet: of sub-agents, by the chain that is to wait for them.
    let pending: Pending[] = agent.before.map((child) => ({
      ...this.place(child, { waitsFor: begun, depth: depth + 1, parent: main }),
      chain: 0,
    }));
    for (const [i, { request, agents }] of steps.entries()) {
      const chain = chains.chainOf[i]!;
      const before = lastOf[chain];
      const founder = chains.after[chain];
      const own = before !== undefined
        ? [before]
        : founder === undefined
        ? begun
        : [turns[founder]!];
      const joined = pending.filter((child) =>
        child.chain === chain && child.endMs <= request.startMs + ROUNDING_MS
      );
      pending = pending.filter((child) => !joined.includes(child));
      const helped = (joins.get(i) ?? []).map((last) => turns[last]!);
      const waitsFor = [...new Set([...own, ...joined.flatMap(({ lasts }) => lasts), ...helped])]
        .sort((a, b) => a - b);
      for (const position of waitsFor) waited.add(position);
      const agentEndsMs = joined.flatMap(({ saidEndMs }) => saidEndMs ?? []);
      const turn = this.#add(request, { chain: positions[chain]!, waitsFor, agentEndsMs });
      turns.push(turn);
      lastOf[chain] = turn;
      for (const child of agents) {
        const parent = positions[chain]!;
        const origin = { waitsFor: [turn], depth: this.draft.chains[parent]!.depth + 1, parent };
        pending.push({ ...this.place(child, origin), chain });
      }
    }
    const lasts = lastOf.flatMap((turn) => turn === undefined || waited.has(turn) ? [] : turn)
      .concat(pending.flatMap(({ lasts }) => lasts));
    const ends = steps.map(({ request: { startMs, endMs } }) => endMs ?? agent.endMs ?? startMs)
      .concat(pending.map(({ endMs }) => endMs));
    const isKnown = lasts.every((turn) => this.draft.turns[turn]!.endMs !== undefined);
    return {
      lasts,
      endMs: ends.reduce((latest, endMs) => Math.max(latest, endMs), -Infinity),
      saidEndMs: isKnown ? undefined : agent.endMs,
    };
  }

  #add(
    request: AgentRequest,
    { chain, waitsFor, agentEndsMs }: {
      readonly chain: number;
      readonly waitsFor: readonly number[];
      readonly agentEndsMs: readonly number[];
    },
  ): number {
    const { startMs, endMs, ids, model, inputTokens, outputTokens, thinkMs } = request;
    let like: { readonly list: BlockIds; readonly shared: number } | undefined;
    for (const tail of this.#tails.values()) {
      const shared = sharedLength(tail.ids, ids);
      if (shared > (like?.shared ?? 0)) like = { list: tail.list, shared };
    }
    const list = blockIds(ids, like);
    this.#tails.set(chain, { ids, list });
    return this.draft.addTurn({
      atMs: startMs - this.#startMs,
      endMs: endMs === undefined ? undefined : endMs - this.#startMs,
      chain,
      waitsFor,
      otherEndsMs: agentEndsMs.map((endMs) => endMs - this.#startMs),
      thinkMs,
      outputTokens,
      model,
      prompt: { kind: "blocks", inputTokens, blocks: list },
    });
  }
}

/** The chains of an agent's own requests, and which of the main one waits for which helper's last. */
function readChains(agent: Agent) {
  const steps = agent.requests.toSorted((a, b) => a.request.startMs - b.request.startMs);
  const requests = steps.map(({ request }) => request);
  const chains = chainsOf(requests);
  const joins = new Map<number, number[]>();
  for (let helper = 1; helper < chains.after.length; helper++) {
    const last = chains.chainOf.lastIndexOf(helper);
    const join = requests.findIndex((request, i) =>
      i > last && chains.chainOf[i] === 0 && hasEnded(requests[last]!, request)
    );
    if (join >= 0) joins.set(join, [...joins.get(join) ?? [], last]);
  }
  return { steps, chains, joins };
}
