/**
 * Bailian's traces of Qwen: JSON lines of requests that name the request before them; each holds its
 * whole context.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { countTo, listOf, numberFrom, objectOf, optional } from "./json_shape.ts";
import type { BlockIds, Trace, TraceSession } from "./trace.ts";
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
import { roundMs } from "./trace_rows.ts";

const BLOCK_TOKENS = 16;

export const bailian: TraceFormat = {
  name: "bailian",
  description: "Bailian's traces of Qwen (JSON lines): chat_id, parent_chat_id, lengths, hash_ids",
  recognizes: (rows) =>
    rows.length > 0 &&
    rows.every((row) => isObject(row) && "chat_id" in row && "parent_chat_id" in row),
  read,
};

interface BailianRow {
  readonly chat_id: number;
  readonly parent_chat_id: number;
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids?: readonly number[];
}

const ROW = objectOf<BailianRow>({
  chat_id: countTo(Number.MAX_SAFE_INTEGER),
  parent_chat_id: countTo(Number.MAX_SAFE_INTEGER, -1),
  timestamp: numberFrom(0, 1e12),
  input_length: countTo(MOST_TOKENS),
  output_length: countTo(MOST_TOKENS),
  hash_ids: optional(listOf(countTo(MOST_ID), MOST_TOKENS)),
});

/** A request and what it is the answer to. */
interface Request {
  readonly atMs: number;
  readonly chat: number;
  readonly parent: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ids: readonly number[];
}

async function read(path: string, options: ReadOptions): Promise<Trace> {
  using file = await openTrace(path);
  const requests = new Map<number, Request>();
  const lines = new Map<number, number>();
  const left = new LeftOut();
  for await (const { row, line } of traceRows<BailianRow>(file, ROW, options)) {
    const { chat_id: chat, input_length: inputTokens, output_length: outputTokens } = row;
    if (lines.has(chat)) {
      throw misfit(path, line, `chat_id is ${chat}, as in line ${lines.get(chat)}`);
    }
    lines.set(chat, line);
    const ids = row.hash_ids ?? [];
    checkIds(ids, { path, line, inputTokens, blockTokens: BLOCK_TOKENS });
    if (left.isEmpty(inputTokens, outputTokens)) continue;
    const atMs = roundMs(1000 * row.timestamp);
    requests.set(chat, { atMs, chat, parent: row.parent_chat_id, inputTokens, outputTokens, ids });
  }
  refuseNothing(path, requests.size, left);
  return {
    format: bailian.name,
    source: path,
    sha256: file.sha256(),
    blockTokens: BLOCK_TOKENS,
    sessions: sessionsOf(requests),
    hasSessions: true,
    hasInstants: true,
    history: "recorded",
    skipped: left.counts(),
    remarks: [NO_ENDS],
  };
}

/** Sessions by their first instants: requests with a common first one. */
function sessionsOf(requests: ReadonlyMap<number, Request>): readonly TraceSession[] {
  const ordered = [...requests.values()].sort((a, b) => a.atMs - b.atMs);
  const from = ordered[0]!.atMs;
  const roots = new Map<number, number>();
  const sessions = new Map<number, Request[]>();
  const placed = new Set<Request>();
  for (const request of ordered) {
    const root = rootOf(request, requests, roots);
    if (!sessions.has(root)) sessions.set(root, []);
    // What it answers comes first, whatever their instants say.
    const missing: Request[] = [];
    for (let at: Request | undefined = request; at !== undefined; at = requests.get(at.parent)) {
      if (placed.has(at)) break;
      placed.add(at);
      missing.push(at);
    }
    sessions.get(root)!.push(...missing.reverse());
  }
  return [...sessions].map(([root, list]) => sessionOf(String(root), list, from));
}

/** The request that a chat began with; a parent that is not in the file is as none. */
function rootOf(
  request: Request,
  requests: ReadonlyMap<number, Request>,
  roots: Map<number, number>,
): number {
  const road = new Set<number>();
  let { chat } = request;
  for (let at: Request | undefined = request; at !== undefined; at = requests.get(at.parent)) {
    // A circle begins where it is entered.
    if (road.has(at.chat)) break;
    road.add(at.chat);
    chat = roots.get(at.chat) ?? at.chat;
    if (roots.has(at.chat)) break;
  }
  for (const passed of road) roots.set(passed, chat);
  return chat;
}

function sessionOf(id: string, requests: readonly Request[], from: number): TraceSession {
  const first = requests.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
  const startMs = roundMs(first - from);
  const draft = new SessionDraft(id, { scope: "bailian", startMs });
  const positions = new Map<number, { readonly position: number; readonly list: BlockIds }>();
  const followed = new Set<number>();
  const chats = new Map(requests.map((request) => [request.chat, request]));
  for (const { chat, parent, ids, inputTokens, outputTokens, atMs } of requests) {
    const before = positions.get(parent);
    const parentChain = before === undefined ? 0 : draft.turns[before.position]!.chain;
    const isBranch = before !== undefined && followed.has(parent);
    const chain = before !== undefined && !isBranch
      ? parentChain
      : draft.chains.length === 0
      ? draft.addChain()
      : draft.addChain({
        name: "branch",
        parent: parentChain,
        depth: draft.chains[parentChain]!.depth + 1,
        systemTokens: 0,
      });
    followed.add(parent);
    const list = before === undefined
      ? blockIds(ids)
      : blockIds(ids, { list: before.list, shared: sharedLength(ids, chats.get(parent)!.ids) });
    const position = draft.addTurn({
      atMs: roundMs(atMs - from),
      chain,
      waitsFor: before === undefined ? [] : [before.position],
      outputTokens,
      prompt: { kind: "blocks", inputTokens, blocks: ids.length === 0 ? NO_BLOCKS : list },
    });
    positions.set(chat, { position, list });
  }
  return draft.session();
}
