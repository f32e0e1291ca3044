/**
 * Mooncake's traces, and what other tools add to them: JSON lines, a request a line, with block ids
 * or with texts, alone or in sessions.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import type { Message } from "../backends/protocol.ts";
import { messagesOf } from "./dataset_message.ts";
import {
  anything,
  countTo,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  type Shape,
} from "./json_shape.ts";
import type { BlockIds, BlockPrompt, MessagesPrompt, Trace, TraceSession } from "./trace.ts";
import { blockIds, NO_BLOCKS, sharedLength } from "./trace_block_ids.ts";
import { SessionDraft } from "./trace_draft.ts";
import {
  checkIds,
  LeftOut,
  misfit,
  MOST_ID,
  MOST_TOKENS,
  NO_ENDS,
  openTrace,
  refuseNothing,
  traceRows,
} from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { roundMs, RowTable } from "./trace_rows.ts";

const BLOCK_TOKENS = 512;
/** Prompts that a row may hold, one of them. */
const PROMPTS = ["input_length", "text_input", "messages"] as const;

export const mooncake: TraceFormat = {
  name: "mooncake",
  description:
    "Mooncake's traces (JSON lines): timestamp, lengths, hash_ids; or texts, in sessions",
  recognizes: (rows) => rows.length > 0 && rows.every(isRow),
  read,
};

/** A dataset's row has a prompt and perhaps a length, but neither an instant nor a place in a session. */
function isRow(row: unknown): boolean {
  if (!isObject(row) || !PROMPTS.some((name) => name in row) || "chat_id" in row) return false;
  const isPlaced = typeof row.timestamp === "number" || typeof row.delay === "number" ||
    row.message_mode === "delta";
  return isPlaced &&
    (typeof row.output_length === "number" || "session_id" in row || "hash_ids" in row);
}

interface MooncakeRow {
  readonly timestamp?: number;
  readonly input_length?: number;
  readonly output_length?: number;
  readonly hash_ids?: readonly number[];
  readonly session_id?: string | number;
  readonly delay?: number;
  readonly text_input?: string;
  readonly messages?: readonly unknown[];
  readonly tools?: readonly unknown[];
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly message_mode?: "history" | "delta";
}

const SESSION_ID: Shape = (value, at) =>
  typeof value === "string" && value !== "" || Number.isSafeInteger(value)
    ? undefined
    : `${at} is ${JSON.stringify(value)}, not a text or a whole number`;

const ROW = objectOf<MooncakeRow>({
  timestamp: optional(numberFrom(0, 1e15)),
  input_length: optional(countTo(MOST_TOKENS)),
  output_length: optional(countTo(MOST_TOKENS)),
  hash_ids: optional(listOf(countTo(MOST_ID), MOST_TOKENS)),
  session_id: optional(SESSION_ID),
  delay: optional(numberFrom(0, 1e12)),
  text_input: optional((value, at) =>
    typeof value === "string" ? undefined : `${at} is not a text`
  ),
  messages: optional(listOf(anything, 100_000)),
  tools: optional(listOf(anything, 100_000)),
  extra: optional(mapOf(anything, 10_000)),
  message_mode: optional(oneOf(["history", "delta"])),
});

/** A row that fits, with its line. */
interface Request {
  readonly row: MooncakeRow;
  readonly line: number;
  readonly prompt: MessagesPrompt | undefined;
}

async function read(path: string, options: ReadOptions): Promise<Trace> {
  using file = await openTrace(path);
  const table = new RowTable("mooncake");
  const sessions = new Map<string, Request[]>();
  const left = new LeftOut();
  let timed = 0;
  let untimed: number | undefined;
  for await (const { row, line } of traceRows<MooncakeRow>(file, ROW, options)) {
    const request = requestOf(row, path, line);
    if (left.isEmpty(row.input_length, row.output_length)) continue;
    if (row.timestamp !== undefined) timed++;
    else if (row.session_id === undefined) untimed ??= line;
    if (row.session_id !== undefined) {
      const id = String(row.session_id);
      if (sessions.has(id)) sessions.get(id)!.push(request);
      else sessions.set(id, [request]);
    } else {
      table.add({
        atMs: row.timestamp ?? 0,
        outputTokens: row.output_length,
        prompt: request.prompt ?? blockPrompt(row, blockIds(row.hash_ids ?? [])),
      });
    }
  }
  if (timed > 0 && untimed !== undefined) {
    throw misfit(path, untimed, "timestamp is missing, which other rows have");
  }
  const drafts = new Drafts(path, timed > 0);
  const all = sessions.size === 0 ? table.sessions() : drafts.sessionsOf(sessions, table);
  refuseNothing(path, all.length, left);
  return {
    format: mooncake.name,
    source: path,
    sha256: file.sha256(),
    blockTokens: BLOCK_TOKENS,
    sessions: all,
    hasSessions: sessions.size > 0,
    hasInstants: timed > 0,
    history: drafts.isLive ? "live" : "recorded",
    skipped: left.counts(),
    remarks: drafts.countsStarts ? [NO_ENDS] : [],
  };
}

/** @throws {UserError} for a row whose fields contradict each other. */
function requestOf(row: MooncakeRow, path: string, line: number): Request {
  const given = PROMPTS.filter((name) => row[name] !== undefined);
  if (given.length !== 1) {
    throw misfit(
      path,
      line,
      given.length === 0
        ? `it has none of ${PROMPTS.join(", ")}`
        : `it has ${given.join(" and ")}: only one can be the prompt`,
    );
  }
  const isDelta = row.message_mode === "delta";
  if (isDelta && row.messages === undefined) {
    throw misfit(path, line, `message_mode is "delta", which needs messages`);
  }
  if (isDelta && row.extra !== undefined && "messages" in row.extra) {
    throw misfit(path, line, "extra.messages would take the place of the conversation");
  }
  if (row.tools !== undefined && row.messages === undefined) {
    throw misfit(path, line, "tools needs messages");
  }
  if (row.hash_ids !== undefined) {
    if (row.input_length === undefined) {
      throw misfit(path, line, "hash_ids needs input_length");
    }
    checkIds(row.hash_ids, {
      path,
      line,
      inputTokens: row.input_length,
      blockTokens: BLOCK_TOKENS,
    });
  }
  return { row, line, prompt: written(row, path, line) };
}

/** The prompt of a row that has a length. */
function blockPrompt({ input_length = 0, extra }: MooncakeRow, blocks: BlockIds): BlockPrompt {
  return { kind: "blocks", inputTokens: input_length, blocks, ...defined({ extra }) };
}

/** The prompt of a row that writes it out. */
function written(row: MooncakeRow, path: string, line: number): MessagesPrompt | undefined {
  const field = row.messages === undefined ? "text_input" : "messages";
  if (row[field] === undefined) return undefined;
  let messages: readonly Message[];
  try {
    messages = messagesOf(row[field], field);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw misfit(path, line, `it ${error.message}`);
  }
  // A text alone holds no conversation: in a session it is the next question.
  const isNew = row.message_mode === "delta" ||
    field === "text_input" && row.session_id !== undefined;
  return {
    kind: "messages",
    holds: isNew ? "new" : "whole",
    messages,
    ...defined({ tools: row.tools, extra: row.extra }),
  };
}

/** Rows of a session by their instants, where all have one. */
function inOrder(requests: readonly Request[]): readonly Request[] {
  return requests.every(({ row }) => row.timestamp !== undefined)
    ? requests.toSorted((a, b) => a.row.timestamp! - b.row.timestamp!)
    : requests;
}

/** Makes sessions of rows that name one. */
class Drafts {
  /** Some prompts go on from the server's own answers. */
  isLive = false;
  /** Some delays had to be counted from a start. */
  countsStarts = false;
  readonly #path: string;
  readonly #hasInstants: boolean;

  constructor(path: string, hasInstants: boolean) {
    this.#path = path;
    this.#hasInstants = hasInstants;
  }

  /** Sessions by their first instants; rows that name none are sessions of their own. */
  sessionsOf(
    named: ReadonlyMap<string, readonly Request[]>,
    others: RowTable,
  ): readonly TraceSession[] {
    const ordered = [...named].map(([id, requests]) => ({ id, requests: inOrder(requests) }));
    const rows = Array.from({ length: others.length }, (_, row) => others.at(row));
    const from = ordered.map(({ requests }) => this.#startOf(requests))
      .concat(rows.map(({ atMs }) => atMs))
      .reduce((least, at) => Math.min(least, at), Infinity);
    const sessions = ordered.map(({ id, requests }) => this.#sessionOf(id, requests, from));
    for (const [number, row] of rows.entries()) {
      const atMs = roundMs(row.atMs - from);
      const draft = new SessionDraft(`row ${number + 1}`, { scope: "mooncake", startMs: atMs });
      draft.addTurn({ ...row, atMs, chain: draft.addChain(), waitsFor: [] });
      sessions.push(draft.session());
    }
    return sessions.sort((a, b) => a.turns[0]!.atMs - b.turns[0]!.atMs);
  }

  #startOf([first]: readonly Request[]): number {
    const { row, line } = first!;
    if (row.timestamp === undefined && this.#hasInstants) {
      throw misfit(this.#path, line, "timestamp is missing in the first row of its session");
    }
    return row.timestamp ?? 0;
  }

  #sessionOf(id: string, requests: readonly Request[], from: number): TraceSession {
    this.#checkModes(requests);
    const startMs = roundMs(this.#startOf(requests) - from);
    const draft = new SessionDraft(id, { scope: "mooncake", startMs });
    const chain = draft.addChain();
    let tools: readonly unknown[] | undefined;
    let before: { readonly row: MooncakeRow; readonly position: number } | undefined;
    let list = NO_BLOCKS;
    let atMs = startMs;
    for (const { row, prompt } of requests) {
      atMs = row.timestamp !== undefined
        ? roundMs(row.timestamp - from)
        : before === undefined
        ? startMs
        // The server's time is not known: it was sent no earlier than that.
        : atMs + (row.delay ?? 0);
      const ids = row.hash_ids ?? [];
      const shared = sharedLength(ids, before?.row.hash_ids ?? []);
      list = blockIds(ids, { list, shared });
      const isFirst = before === undefined;
      if (!isFirst && row.delay === undefined && row.timestamp !== undefined) {
        this.countsStarts = true;
      }
      if (prompt?.holds === "new") this.isLive = true;
      // A conversation that goes on keeps the tools that it was begun with.
      tools = prompt?.tools ?? (prompt?.holds === "new" ? tools : undefined);
      const position = draft.addTurn({
        atMs,
        chain,
        waitsFor: before === undefined ? [] : [before.position],
        delayMs: isFirst ? 0 : row.delay,
        outputTokens: row.output_length,
        prompt: prompt === undefined
          ? blockPrompt(row, list)
          : { ...prompt, ...defined({ tools }) },
      });
      before = { row, position };
    }
    return draft.session();
  }

  /** @throws {UserError} for a session of which some rows hold new messages only, and others all. */
  #checkModes(requests: readonly Request[]): void {
    const mode = (request: Request) => request.prompt?.holds ?? "whole";
    const other = requests.find((request) => mode(request) !== mode(requests[0]!));
    if (other === undefined) return;
    const isDelta = mode(other) === "new";
    throw misfit(
      this.#path,
      other.line,
      isDelta
        ? "it holds new messages only (message_mode delta, or text_input), but earlier rows of its " +
          "session hold the whole conversation"
        : "it holds the whole conversation, but earlier rows of its session hold new messages only",
    );
  }
}
