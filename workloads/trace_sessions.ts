/**
 * Our own format: sessions that a person writes down, one on each line, or in a JSON array. What it
 * may hold is in `trace_sessions.schema.json`.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import { AUTHOR_FIELDS, SAYING_FIELDS } from "./dataset_fields.ts";
import { jsonItems } from "./dataset_items.ts";
import { messagesOf } from "./dataset_message.ts";
import type { Trace, TraceSession } from "./trace.ts";
import { SessionDraft } from "./trace_draft.ts";
import { LeftOut, openTrace, refuseNothing } from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { checkSchema, type JsonSchema } from "./trace_schema_check.ts";
import schema from "./trace_sessions.schema.json" with { type: "json" };
import { UserError } from "./user_error.ts";

/** JSON Schema of a session. */
export const SESSION_SCHEMA: JsonSchema = schema;

export const sessions: TraceFormat = {
  name: "sessions",
  description: "sessions that a person writes (JSON lines or an array): turns, delays, helpers",
  recognizes: (rows) => rows.length > 0 && rows.every(isSession),
  read,
};

/** Turns that are objects, and none as a dataset's messages are: a field may be misspelled. */
function isSession(row: unknown): boolean {
  if (!isObject(row) || !Array.isArray(row.turns)) return false;
  const [turn] = row.turns;
  return isObject(turn) && ![...AUTHOR_FIELDS, ...SAYING_FIELDS].some((name) => name in turn);
}

interface WrittenTurn {
  readonly id?: string;
  readonly messages: unknown;
  readonly output_tokens?: number;
  readonly delay_ms?: number;
  readonly tools?: readonly unknown[];
  readonly extra?: Readonly<Record<string, unknown>>;
}

interface WrittenHelper {
  readonly name?: string;
  readonly after?: string | number;
  readonly join?: string | number;
  readonly model?: string;
  readonly turns: readonly WrittenTurn[];
}

interface WrittenSession {
  readonly id?: string;
  readonly model?: string;
  readonly turns: readonly WrittenTurn[];
  readonly spawn?: readonly WrittenHelper[];
}

async function read(path: string, options: ReadOptions): Promise<Trace> {
  using file = await openTrace(path);
  const items = jsonItems(file);
  const read: TraceSession[] = [];
  const places = new Map<string, number>();
  for await (const { value, problem, number } of items.each(options.onProgress)) {
    options.signal?.throwIfAborted();
    const fail = (what: string) =>
      new UserError(`Cannot read "${path}", ${items.unit} ${number}: ${what}`);
    const wrong = problem === undefined ? checkSchema(SESSION_SCHEMA, value) : `it ${problem}`;
    if (wrong !== undefined) throw fail(wrong);
    const session = value as WrittenSession;
    const id = session.id ?? String(number);
    if (places.has(id)) throw fail(`id is "${id}", as in ${items.unit} ${places.get(id)}`);
    places.set(id, number);
    try {
      read.push(sessionOf(id, session));
    } catch (error) {
      throw error instanceof TypeError ? fail(error.message) : error;
    }
  }
  refuseNothing(path, read.length, new LeftOut());
  return {
    format: sessions.name,
    source: path,
    sha256: file.sha256(),
    blockTokens: 0,
    sessions: read,
    hasSessions: true,
    hasInstants: false,
    history: "live",
    skipped: {},
    remarks: [],
  };
}

/** A turn among all of the session. */
interface Node {
  readonly turn: WrittenTurn;
  /** For messages, e.g. `spawn[0].turns[1]`. */
  readonly at: string;
  readonly agent: WrittenSession | WrittenHelper;
  readonly waitsFor: Node[];
  /** Tools that were offered by then. */
  readonly tools: readonly unknown[] | undefined;
}

/** @throws {TypeError} saying what is wrong. */
function sessionOf(id: string, session: WrittenSession): TraceSession {
  const { spawn = [] } = session;
  const main = nodesOf(session, "turns");
  const helpers = spawn.map((helper, i) => nodesOf(helper, `spawn[${i}].turns`));
  const all = [...main, ...helpers.flat()];
  const named = namedTurns(all);
  const turnAt = (name: string | number | undefined, at: string): Node | undefined => {
    if (name === undefined) return undefined;
    const found = typeof name === "number" ? main[name - 1] : named.get(name);
    if (found !== undefined) return found;
    throw new TypeError(
      `${at} is ${JSON.stringify(name)}: ` +
        (typeof name === "number"
          ? `the main conversation has ${main.length} turns`
          : named.size === 0
          ? "no turn has an id"
          : `turns have the ids ${[...named.keys()].join(", ")}`),
    );
  };
  const starts = new Map<WrittenHelper, Node | undefined>();
  for (const [i, helper] of spawn.entries()) {
    const after = turnAt(helper.after, `spawn[${i}].after`);
    const join = turnAt(helper.join, `spawn[${i}].join`);
    const turns = helpers[i]!;
    if (after !== undefined) turns[0]!.waitsFor.push(after);
    join?.waitsFor.push(turns.at(-1)!);
    starts.set(helper, after);
  }
  return draftOf(id, { session, order: ordered(all), starts });
}

function nodesOf(agent: WrittenSession | WrittenHelper, at: string): Node[] {
  const nodes: Node[] = [];
  let tools: readonly unknown[] | undefined;
  for (const [i, turn] of agent.turns.entries()) {
    tools = turn.tools ?? tools;
    nodes.push({ turn, at: `${at}[${i}]`, agent, waitsFor: nodes.slice(-1), tools });
  }
  return nodes;
}

function namedTurns(nodes: readonly Node[]): ReadonlyMap<string, Node> {
  const named = new Map<string, Node>();
  for (const node of nodes) {
    const { id } = node.turn;
    if (id === undefined) continue;
    if (named.has(id)) {
      throw new TypeError(`${node.at}.id is "${id}", as that of ${named.get(id)!.at}`);
    }
    named.set(id, node);
  }
  return named;
}

/** Each turn behind those that it waits for, the main conversation as far as it gets each time. */
function ordered(all: readonly Node[]): readonly Node[] {
  const done = new Set<Node>();
  while (done.size < all.length) {
    const before = done.size;
    for (const node of all) {
      if (!done.has(node) && node.waitsFor.every((waited) => done.has(waited))) done.add(node);
    }
    if (done.size > before) continue;
    const stuck = all.find((node) => !done.has(node))!;
    throw new TypeError(`${stuck.at} waits for itself: look at after and join`);
  }
  return [...done];
}

function draftOf(
  id: string,
  { session, order, starts }: {
    readonly session: WrittenSession;
    readonly order: readonly Node[];
    readonly starts: ReadonlyMap<WrittenHelper, Node | undefined>;
  },
): TraceSession {
  const draft = new SessionDraft(id, { scope: id, startMs: 0 });
  const chains = new Map<Node["agent"], number>([[session, draft.addChain()]]);
  const positions = new Map<Node, number>();
  const chainOf = (agent: Node["agent"]): number => {
    const known = chains.get(agent);
    if (known !== undefined) return known;
    const helper = agent as WrittenHelper;
    const after = starts.get(helper);
    const parent = after === undefined ? 0 : chainOf(after.agent);
    const chain = draft.addChain({
      name: helper.name ?? "helper",
      parent,
      depth: draft.chains[parent]!.depth + 1,
      systemTokens: 0,
    });
    chains.set(agent, chain);
    return chain;
  };
  for (const node of order) {
    const { turn, agent, tools } = node;
    const waitsFor = node.waitsFor.map((before) => positions.get(before)!).sort((a, b) => a - b);
    const delayMs = turn.delay_ms ?? 0;
    // The server's time is not known: it cannot be sent before that.
    const atMs = delayMs + Math.max(0, ...waitsFor.map((at) => draft.turns[at]!.atMs));
    const position = draft.addTurn({
      atMs,
      chain: chainOf(agent),
      waitsFor,
      delayMs,
      outputTokens: turn.output_tokens,
      model: agent.model ?? session.model,
      prompt: {
        kind: "messages",
        holds: "new",
        messages: messagesIn(node),
        ...defined({ tools, extra: turn.extra }),
      },
    });
    positions.set(node, position);
  }
  return draft.session();
}

function messagesIn({ turn, at }: Node) {
  try {
    return messagesOf(turn.messages, "messages");
  } catch (error) {
    throw error instanceof TypeError ? new TypeError(`${at} ${error.message}`) : error;
  }
}
