/**
 * Single requests of a load in bounded memory: the slowest, the first that failed, and an even sample of
 * the others. Which ones does not depend on the order of the records.
 *
 * @module
 */
import { OUTCOME_KINDS, type RequestRecord } from "../backends/record.ts";
import type { RequestRow, RequestSample } from "./load_requests.ts";
import type { Mergeable } from "./load_state.ts";
import { e2e } from "./metric_e2e.ts";
import { tpot } from "./metric_tpot.ts";
import { ttft } from "./metric_ttft.ts";
import { type ColumnsOf, packColumns, roundRow, unpackColumns } from "./state_columns.ts";
import { readCount, readFields } from "./state_read.ts";

/** Collects requests. */
export interface RequestCollector extends Mergeable {
  /** Adds a measured request. */
  add(record: RequestRecord): void;
  /** At most so many of them. */
  result(most: number): RequestSample;
}

/** Requests that are kept; as many again wait to be sorted out. */
const KEPT = 20_000;

/** Of these, the share for the slowest, and the same for those that failed. */
const SPECIAL = 1 / 4;

/** Hashes have 32 bits. */
const MOST_EVERY = 2 ** 32;

/** Longest message that is kept, in characters. */
const MESSAGE_LENGTH = 300;

const COLUMNS: ColumnsOf<RequestRow> = {
  index: "count",
  user: "count",
  sentMs: "ms?",
  ttftMs: "ms?",
  tpotMs: "ms?",
  e2eMs: "ms?",
  promptTokens: "count?",
  outputTokens: "count?",
  outcome: OUTCOME_KINDS,
  message: "text?",
};

/** Has no request yet. */
export function createRequests(kept: number = KEPT): RequestCollector {
  let rows: RequestRow[] = [];
  let total = 0;
  // What was left out once must stay out, or early requests would be rarer than late ones.
  let every = 1;
  return {
    add(record) {
      total++;
      rows.push(roundRow(COLUMNS, rowOf(record)));
      if (rows.length >= 2 * kept) ({ rows, every } = pick(rows, kept, every));
    },
    state() {
      const told = pick(rows, kept, every);
      return { total, every: told.every, rows: packColumns(COLUMNS, told.rows.sort(byNumber)) };
    },
    merger(state) {
      const more = readFields(state);
      const [all, there] = [readCount(more.total), readCount(more.every)];
      if (!(there <= MOST_EVERY && Number.isInteger(Math.log2(there)))) {
        throw new TypeError("its share is no power of two");
      }
      const others = unpackColumns(COLUMNS, more.rows, kept);
      return () => {
        total += all;
        for (const row of others) rows.push(row);
        ({ rows, every } = pick(rows, kept, Math.max(every, there)));
      };
    },
    result: (most) => ({
      total,
      rows: pick(rows, Math.min(most, kept), every).rows.sort(byNumber),
    }),
  };
}

/** At most so many of the rows, and which of the plain ones are among them: one of `every`. */
function pick(
  rows: readonly RequestRow[],
  most: number,
  every: number,
): { readonly rows: RequestRow[]; readonly every: number } {
  if (every === 1 && rows.length <= most) return { rows: [...rows], every };
  const special = Math.floor(most * SPECIAL);
  // Its size must only grow with the rows, or their order would matter: so it holds special ones too.
  let drawn = rows.filter((row) => isDrawn(row, every));
  // Records of a file may all have one number: then no share of them is small enough.
  while (drawn.length > most - 2 * special && every < MOST_EVERY) {
    every *= 2;
    drawn = drawn.filter((row) => isDrawn(row, every));
  }
  const kept = new Set([
    ...rows.toSorted((a, b) => (b.e2eMs ?? 0) - (a.e2eMs ?? 0) || byNumber(a, b)).slice(0, special),
    ...rows.filter(hasFailed).sort(byNumber).slice(0, special),
    ...drawn.slice(0, most - 2 * special),
  ]);
  return { rows: [...kept], every };
}

/** Whether a request is one of so many; not by its number, of which each user may have every n-th. */
function isDrawn({ index, user }: RequestRow, every: number): boolean {
  let hash = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(user + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 16, 0x45d9f3b);
  return ((hash ^ hash >>> 16) >>> 0) % every === 0;
}

const byNumber = (a: RequestRow, b: RequestRow) => a.index - b.index || a.user - b.user;

const hasFailed = ({ outcome }: RequestRow) =>
  outcome !== "ok" && outcome !== "cancelled_as_planned";

function rowOf(record: RequestRecord): RequestRow {
  const { index, user, sentMs, endMs, promptTokens, outputTokens, outcome } = record;
  const finite = (ms: number | undefined) => Number.isFinite(ms) ? ms : undefined;
  const failedMs = sentMs === undefined || endMs === undefined ? undefined : endMs - sentMs;
  return {
    ...{ index, user },
    sentMs: finite(sentMs),
    ttftMs: finite(ttft.values(record)[0]),
    tpotMs: finite(tpot.values(record)[0]),
    e2eMs: finite(outcome.kind === "ok" ? e2e.values(record)[0] : failedMs),
    promptTokens: promptTokens?.tokens,
    outputTokens: outputTokens?.tokens,
    outcome: outcome.kind,
    message: "message" in outcome ? outcome.message.slice(0, MESSAGE_LENGTH) : undefined,
  };
}
