/**
 * Reads one recorded session of coding agents: its requests and sub-agents on one axis of time.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import {
  countTo,
  listOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  orNull,
  type Shape,
  textTo,
} from "./json_shape.ts";
import type { TraceSession } from "./trace.ts";
import { type Agent, type AgentRequest, type AgentStep, sessionOf } from "./trace_agents.ts";
import { type LeftOut, misfit, MOST_ID, MOST_TOKENS } from "./trace_file.ts";
import { roundMs } from "./trace_rows.ts";

/** Where a session stands. */
export interface WekaPlace {
  readonly path: string;
  readonly line: number;
}

/** A session as read. */
export interface WekaSession {
  readonly id: string;
  readonly blockTokens: number;
  /** Absent where nothing of it can be sent. */
  readonly session: TraceSession | undefined;
  /** Helpers that the file does not name. */
  readonly helpers: number;
}

/** Whether it looks like one, right or wrong. */
export function isWekaSession(row: unknown): boolean {
  return isObject(row) && Array.isArray(row.requests) && "block_size" in row;
}

interface WekaRequest {
  readonly t: number;
  readonly type: string;
  readonly model: string;
  readonly in: number;
  readonly out: number;
  readonly hash_ids?: readonly number[];
  readonly think_time?: number | null;
  readonly api_time?: number | null;
}

interface WekaAgent {
  readonly t: number;
  readonly subagent_type?: string;
  readonly duration_ms?: number | null;
  readonly tool_tokens?: number;
  readonly system_tokens?: number;
  readonly requests: readonly (WekaRequest | WekaAgent)[];
}

interface WekaFile {
  readonly id: string;
  readonly block_size: number;
  readonly hash_id_scope?: string;
  readonly tool_tokens?: number;
  readonly system_tokens?: number;
  readonly requests: readonly (WekaRequest | WekaAgent)[];
}

const SECONDS = numberFrom(0, 1e9);

const REQUEST = objectOf<WekaRequest>({
  t: SECONDS,
  type: oneOf(["n", "s"]),
  model: textTo(1000, 1),
  in: countTo(MOST_TOKENS),
  out: countTo(MOST_TOKENS),
  hash_ids: optional(listOf(countTo(MOST_ID), MOST_TOKENS)),
  think_time: optional(orNull(SECONDS)),
  api_time: optional(orNull(SECONDS)),
});

const STEP: Shape = (value, at) =>
  isObject(value) && value.type === "subagent" ? AGENT(value, at) : REQUEST(value, at);

const MOST_STEPS = 10_000_000;

const AGENT: Shape = objectOf<WekaAgent>({
  t: SECONDS,
  subagent_type: optional(textTo(1000)),
  duration_ms: optional(orNull(numberFrom(0, 1e12))),
  tool_tokens: optional(countTo(MOST_TOKENS)),
  system_tokens: optional(countTo(MOST_TOKENS)),
  requests: listOf((value, at) => STEP(value, at), MOST_STEPS),
});

const FILE = objectOf<WekaFile>({
  id: textTo(1000, 1),
  block_size: countTo(MOST_TOKENS, 1),
  hash_id_scope: optional(oneOf(["local", "global"])),
  tool_tokens: optional(countTo(MOST_TOKENS)),
  system_tokens: optional(countTo(MOST_TOKENS)),
  requests: listOf(STEP, MOST_STEPS),
});

/** @throws {UserError} where the object does not fit: the message names line and field. */
export function readWekaSession(value: unknown, at: WekaPlace, left: LeftOut): WekaSession {
  const wrong = FILE(value, "");
  if (wrong !== undefined) {
    throw misfit(
      at.path,
      at.line,
      isWekaSession(value) ? wrong : `${wrong} (as weka files have it)`,
    );
  }
  const file = value as WekaFile;
  const { id, block_size: blockTokens } = file;
  const reader = new StepReader(blockTokens, at, left);
  const agent = reader.agent({ name: "main", fields: file, place: "requests", originMs: 0 });
  if (reader.firstMs === Infinity) return { id, blockTokens, session: undefined, helpers: 0 };
  const scope = file.hash_id_scope === "global" ? "weka" : id;
  const { helpers, ...session } = sessionOf(agent, { id, scope, startMs: reader.firstMs });
  return { id, blockTokens, session, helpers };
}

/** Reads the requests of a session, on one axis. */
class StepReader {
  /** Start of its first request. */
  firstMs = Infinity;
  readonly #blockTokens: number;
  readonly #at: WekaPlace;
  readonly #left: LeftOut;

  constructor(
    blockTokens: number,
    at: WekaPlace,
    left: LeftOut,
  ) {
    this.#blockTokens = blockTokens;
    this.#at = at;
    this.#left = left;
  }

  /** @param options.originMs where its requests' axis begins. */
  agent(
    options: {
      readonly name: string;
      readonly fields: Pick<WekaAgent, "requests" | "tool_tokens" | "system_tokens">;
      readonly place: string;
      readonly originMs: number;
      readonly endMs?: number;
    },
  ): Agent {
    const { name, fields, place, originMs, endMs } = options;
    const before: Agent[] = [];
    const steps: (AgentStep & { readonly agents: Agent[] })[] = [];
    for (const [i, step] of fields.requests.entries()) {
      const at = `${place}[${i}]`;
      if (isAgent(step)) {
        const child = this.#subAgent(step, at, originMs);
        if (child !== undefined) (steps.at(-1)?.agents ?? before).push(child);
      } else if (!this.#left.isEmpty(step.in, step.out)) {
        steps.push({ request: this.#request(step, at, originMs), agents: [] });
      }
    }
    const systemTokens = (fields.tool_tokens ?? 0) + (fields.system_tokens ?? 0);
    return { name, systemTokens, endMs, before, requests: steps };
  }

  /** Its `t` is its end; nothing where it has no requests. */
  #subAgent(step: WekaAgent, place: string, originMs: number): Agent | undefined {
    const first = step.requests[0];
    if (first === undefined) return undefined;
    const atMs = originMs + msOf(step.t);
    // One that was only launched has no duration, and no end.
    const endMs = typeof step.duration_ms === "number" ? atMs : undefined;
    const startMs = roundMs(atMs - (step.duration_ms ?? 0));
    // Where the first request is not before the start, its requests are on the parent's axis.
    const isAbsolute = originMs + msOf(first.t) >= startMs;
    const agent = this.agent({
      name: step.subagent_type || "sub-agent",
      fields: step,
      place: `${place}.requests`,
      originMs: isAbsolute ? originMs : startMs,
      ...defined({ endMs }),
    });
    return agent.requests.length === 0 && agent.before.length === 0 ? undefined : agent;
  }

  #request(step: WekaRequest, place: string, originMs: number): AgentRequest {
    const { in: inputTokens, out: outputTokens, model, think_time, api_time } = step;
    const ids = step.hash_ids ?? [];
    const most = Math.ceil(inputTokens / this.#blockTokens);
    if (ids.length > most) {
      throw misfit(
        this.#at.path,
        this.#at.line,
        `${place}.hash_ids has ${ids.length} ids, but ${inputTokens} tokens are ` +
          `${most} blocks of ${this.#blockTokens}`,
      );
    }
    const startMs = roundMs(originMs + msOf(step.t));
    this.firstMs = Math.min(this.firstMs, startMs);
    return {
      startMs,
      endMs: api_time === undefined || api_time === null
        ? undefined
        : roundMs(startMs + msOf(api_time)),
      thinkMs: think_time === undefined || think_time === null ? undefined : msOf(think_time),
      model,
      ids,
      inputTokens,
      outputTokens,
    };
  }
}

function isAgent(step: WekaRequest | WekaAgent): step is WekaAgent {
  return "requests" in step;
}

function msOf(seconds: number): number {
  return roundMs(1000 * seconds);
}
