/**
 * Mooncake's traces, and what other tools add to them: JSON lines, a request a line, with block ids
 * or with texts, alone or in sessions.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import type { Trace, TraceSession } from "./trace.ts";
import { blockIds, NO_BLOCKS, sharedLength } from "./trace_block_ids.ts";
import { SessionDraft } from "./trace_draft.ts";
import {
  addToSession,
  LeftOut,
  misfit,
  NO_ENDS,
  openTrace,
  refuseNothing,
  traceRows,
} from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import {
  BLOCK_TOKENS,
  blockPrompt,
  MOONCAKE_ROW,
  type MooncakeRequest,
  type MooncakeRow,
  PROMPTS,
  requestOf,
} from "./trace_mooncake_row.ts";
import { roundMs, RowTable } from "./trace_rows.ts";

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

async function read(path: string, options: ReadOptions): Promise<Trace> {
  using file = await openTrace(path);
  const table = new RowTable("mooncake");
  const sessions = new Map<string, MooncakeRequest[]>();
  const left = new LeftOut();
  let timed = 0;
  let untimed: number | undefined;
  for await (const { row, line } of traceRows<MooncakeRow>(file, MOONCAKE_ROW, options)) {
    const request = requestOf(row, path, line);
    if (left.isEmpty(row.input_length, row.output_length)) continue;
    if (row.timestamp !== undefined) timed++;
    else if (row.session_id === undefined) untimed ??= line;
    if (row.session_id !== undefined) {
      addToSession(sessions, String(row.session_id), request);
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

/** Rows of a session by their instants, where all have one. */
function inOrder(requests: readonly MooncakeRequest[]): readonly MooncakeRequest[] {
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
    named: ReadonlyMap<string, readonly MooncakeRequest[]>,
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

  #startOf([first]: readonly MooncakeRequest[]): number {
    const { row, line } = first!;
    if (row.timestamp === undefined && this.#hasInstants) {
      throw misfit(this.#path, line, "timestamp is missing in the first row of its session");
    }
    return row.timestamp ?? 0;
  }

  #sessionOf(id: string, requests: readonly MooncakeRequest[], from: number): TraceSession {
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
  #checkModes(requests: readonly MooncakeRequest[]): void {
    const mode = (request: MooncakeRequest) => request.prompt?.holds ?? "whole";
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
