/**
 * The client's own side of a time to the first token, summed over requests.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Bracket } from "./load_bracket.ts";
import type { Mergeable } from "./load_state.ts";
import { ownBounds } from "./record_bounds.ts";
import type { Witness } from "./run_client.ts";
import { createExactSum } from "./stat_exact_sum.ts";
import { mergeAll, sums } from "./state_read.ts";

/** Sums over requests with their TTFT on both sides of a stamp. */
export interface Sums {
  readonly requests: number;
  readonly ttftMs: number;
  readonly connectMs: number;
  /** Most that the client's stamps can have added; only of requests whose bounds are known. */
  readonly clientMostMs: number;
  readonly bounded: number;
}

/** Collects them, in any order. */
export interface SumsFold extends Mergeable {
  /** Adds what was seen of a request. */
  add(seen: Seen): void;
  /** All so far. */
  sums(): Sums;
}

/** What the client saw of one request. */
export interface Seen {
  readonly ttftMs: number;
  readonly connectMs: number;
  /** From the first token to the last. */
  readonly decodeMs: number;
  /** Absent = nobody knows. */
  readonly clientMostMs: number | undefined;
}

/** What the client saw of a record whose first token came at that time. */
export function seenOf(
  record: RequestRecord,
  { sentMs, firstTokenMs }: { readonly sentMs: number; readonly firstTokenMs: number },
): Seen {
  return {
    ttftMs: firstTokenMs - sentMs,
    connectMs: record.connectMs ?? 0,
    decodeMs: (record.lastTokenMs ?? firstTokenMs) - firstTokenMs,
    clientMostMs: clientAtMost(record),
  };
}

/** How much of the TTFT can be the client's own: the departure and the stamp of the first token. */
function clientAtMost(record: RequestRecord): number | undefined {
  const bounds = ownBounds(record);
  if (bounds === undefined) return undefined;
  const departing = bounds.departedMs - record.sentMs! - (record.connectMs ?? 0);
  return Math.max(0, departing) + Math.max(0, record.tickMs[0]! - bounds.tickLowMs(0));
}

/** Nanoseconds: sums of whole numbers do not depend on the order. */
const NS = 1e6;

/** Sums over no request. */
export function createSums(): SumsFold {
  const counts = { requests: 0, bounded: 0 };
  const ttft = createExactSum();
  const connect = createExactSum();
  const clientMost = createExactSum();
  const add = (sum: typeof ttft, ms: number) => {
    if (Number.isFinite(ms)) sum.add(Math.round(ms * NS));
  };
  const ms = (sum: typeof ttft) => Number(sum.total()) / NS;
  return {
    ...mergeAll({ counts: sums(counts), ttft, connect, clientMost }),
    add({ ttftMs, connectMs, clientMostMs }) {
      counts.requests++;
      add(ttft, ttftMs);
      add(connect, connectMs);
      if (clientMostMs === undefined) return;
      add(clientMost, clientMostMs);
      counts.bounded++;
    },
    sums: () => ({
      ...counts,
      ttftMs: ms(ttft),
      connectMs: ms(connect),
      clientMostMs: ms(clientMost),
    }),
  };
}

/** The client's own share of the mean: half of what its stamps leave open, or what a witness saw. */
export function clientShare(
  { requests, bounded, clientMostMs }: Sums,
  witness: Witness | undefined,
): { readonly meanMs: number; readonly bracket: Bracket | undefined } | undefined {
  if (bounded === requests) {
    const most = clientMostMs / requests;
    return { meanMs: most / 2, bracket: { low: 0, high: most } };
  }
  const { p50Ms: read } = witness?.readLate ?? {};
  const { p50Ms: depart } = witness?.departLate ?? {};
  if (read === undefined || depart === undefined) return undefined;
  return { meanMs: read + depart, bracket: undefined };
}
