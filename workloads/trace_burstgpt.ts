/**
 * BurstGPT: CSV of requests to GPT models with their lengths, newer files with sessions and response
 * times.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { Trace, TraceSession } from "./trace.ts";
import { NO_BLOCKS } from "./trace_block_ids.ts";
import { SessionDraft } from "./trace_draft.ts";
import { addToSession, LeftOut, openTrace, refuseNothing } from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { roundMs, RowTable, type TraceRow } from "./trace_rows.ts";
import { type TableRow, tableRows } from "./trace_table.ts";

const COLUMNS = ["Timestamp", "Request tokens", "Response tokens"];

export const burstgpt: TraceFormat = {
  name: "burstgpt",
  description:
    "BurstGPT (CSV): instant, model, request and response tokens, newer files with sessions",
  recognizes: ([row]) => isObject(row) && COLUMNS.every((name) => name in row),
  read,
};

/** Files write whole seconds: an overlap of one is none. */
const ROUNDING_MS = 1000;

async function read(path: string, options: ReadOptions): Promise<Trace> {
  using file = await openTrace(path);
  const table = new RowTable("burstgpt");
  const sessions = new Map<string, TraceRow[]>();
  const left = new LeftOut();
  for await (const row of tableRows(file, COLUMNS, options)) {
    const inputTokens = row.tokens("Request tokens");
    const outputTokens = row.tokens("Response tokens");
    if (outputTokens === 0) left.add("no response tokens: the request failed");
    else if (left.isEmpty(inputTokens, outputTokens)) continue;
    else {
      const request = requestOf(row, { inputTokens, outputTokens });
      const id = row.text("Session ID") || row.text("SessionID");
      if (id === "") table.add(request);
      else addToSession(sessions, id, request);
    }
  }
  const hasSessions = sessions.size > 0;
  for (let row = 0; hasSessions && row < table.length; row++) {
    sessions.set(`row ${row + 1}`, [table.at(row)]);
  }
  const all = hasSessions ? sessionsOf(sessions) : table.sessions();
  refuseNothing(path, all.length, left);
  return {
    format: burstgpt.name,
    source: path,
    sha256: file.sha256(),
    blockTokens: 0,
    sessions: all,
    hasSessions,
    hasInstants: true,
    history: "recorded",
    skipped: left.counts(),
    remarks: [],
  };
}

function requestOf(
  row: TableRow,
  { inputTokens, outputTokens }: { readonly inputTokens: number; readonly outputTokens: number },
): TraceRow {
  const atMs = roundMs(1000 * row.number("Timestamp"));
  const took = row.text("Elapsed time");
  return {
    atMs,
    endMs: took === "" ? undefined : roundMs(atMs + 1000 * row.number("Elapsed time")),
    outputTokens,
    model: row.text("Model") || undefined,
    prompt: { kind: "blocks", inputTokens, blocks: NO_BLOCKS },
  };
}

/** Sessions by the instants of their first requests. */
function sessionsOf(rows: ReadonlyMap<string, TraceRow[]>): readonly TraceSession[] {
  for (const requests of rows.values()) requests.sort((a, b) => a.atMs - b.atMs);
  const ordered = [...rows].sort(([, [a]], [, [b]]) => a!.atMs - b!.atMs);
  const from = ordered[0]?.[1][0]?.atMs ?? 0;
  return ordered.map(([id, requests]) => sessionOf(id, requests, from));
}

/** A request waits for the latest one that had ended; those that overlap are chains of their own. */
function sessionOf(id: string, requests: readonly TraceRow[], from: number): TraceSession {
  const startMs = requests[0]!.atMs - from;
  const draft = new SessionDraft(id, { scope: "burstgpt", startMs });
  const tails: number[] = [];
  for (const { endMs, ...request } of requests) {
    const atMs = roundMs(request.atMs - from);
    let chain = tails.findLastIndex((tail) => {
      const before = draft.turns[tail]!;
      return (before.endMs ?? before.atMs) <= atMs + ROUNDING_MS;
    });
    const waitsFor = chain < 0 ? [] : [tails[chain]!];
    if (chain < 0) {
      chain = tails.length === 0
        ? draft.addChain()
        : draft.addChain({ name: "parallel", parent: 0, depth: 1, systemTokens: 0 });
    }
    tails[chain] = draft.addTurn({
      ...request,
      atMs,
      endMs: endMs === undefined ? undefined : roundMs(endMs - from),
      chain,
      waitsFor,
    });
  }
  return draft.session();
}
