/**
 * Requests of sessions as lanes, in bounded memory: where they are too many, every n-th slot is kept, and
 * of a few slots the beginning of the load. Which ones does not depend on the order of the records.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Lane, LaneChain, Lanes, LaneSession } from "./load_sessions.ts";
import type { LoadPlan } from "./run.ts";
import type { SessionEnd } from "./run_replay.ts";

/** Collects lanes. */
export interface LanesCollector {
  /** Adds a measured request. */
  add(record: RequestRecord): void;
  /** Adds how a session went. */
  session(session: SessionEnd): void;
  /** Lanes so far; absent for a load without sessions. */
  result(): Lanes | undefined;
}

/** Most requests that are kept; a page draws them all. */
export const LANE_REQUESTS = 6000;

/** With so few slots left, time is cut instead. */
const LEAST_SLOTS = 4;

/** A power of two above any time of a record file, in ms. */
const ALL_MS = 2 ** 36;

interface Entry {
  readonly user: number;
  readonly session: string;
  readonly chain: number;
  readonly depth: number;
  readonly turn: number;
  readonly intendedMs: number;
  readonly sentMs: number | null;
  readonly heldMs: number;
  readonly firstTokenMs: number | null;
  readonly lastTokenMs: number | null;
  readonly endMs: number | null;
  readonly outcome: RequestRecord["outcome"]["kind"];
  readonly promptTokens: number | null;
}

/** Has no request yet. */
export function createLanes({ replay, users = 0 }: LoadPlan): LanesCollector {
  let entries: Entry[] = [];
  let ends: SessionEnd[] = [];
  let slots = users;
  let every = 1;
  let untilMs = ALL_MS;
  const isKept = (user: number, ms: number) => user % every === 0 && ms < untilMs;
  const thinOut = () => {
    while (Math.max(entries.length, ends.length) > LANE_REQUESTS) {
      const kept = new Set(entries.map(({ user }) => user));
      if (kept.size > LEAST_SLOTS) every *= 2;
      else untilMs /= 2;
      // Whatever the stamps are, this ends.
      if (untilMs < 1) untilMs = 0;
      entries = entries.filter(({ user, intendedMs }) => isKept(user, intendedMs));
      ends = ends.filter(({ user, startMs }) => isKept(user, startMs));
    }
  };
  return {
    add(record) {
      if (replay !== "sessions" || record.session === undefined) return;
      slots = Math.max(slots, record.user + 1);
      if (!isKept(record.user, record.intendedMs)) return;
      entries.push(entryOf(record, record.session));
      thinOut();
    },
    session(end) {
      if (replay !== "sessions") return;
      slots = Math.max(slots, end.user + 1);
      if (!isKept(end.user, end.startMs)) return;
      ends.push(end);
      thinOut();
    },
    result() {
      if (replay !== "sessions" || entries.length + ends.length === 0) return undefined;
      return {
        slots,
        every,
        untilMs: untilMs === ALL_MS ? undefined : untilMs,
        lanes: lanesOf(entries, ends),
      };
    },
  };
}

function entryOf(record: RequestRecord, session: string): Entry {
  const { user, chain = 0, depth = 0, turn = 0, intendedMs, heldMs = 0, outcome } = record;
  const { sentMs = null, firstTokenMs = null, lastTokenMs = null, endMs = null } = record;
  const promptTokens = record.contentTokens ?? record.promptTokens?.tokens ?? null;
  return {
    ...{ user, session, chain, depth, turn, intendedMs, promptTokens, outcome: outcome.kind },
    ...{ sentMs, heldMs, firstTokenMs, lastTokenMs, endMs },
  };
}

function lanesOf(entries: readonly Entry[], ends: readonly SessionEnd[]): readonly Lane[] {
  const endOf = new Map(ends.map((end) => [end.session, end]));
  const users = Map.groupBy(entries, ({ user }) => user);
  return [...users].sort(([a], [b]) => a - b).map(([user, own]): Lane => ({
    user,
    sessions: [...Map.groupBy(own, ({ session }) => session)]
      .map(([name, requests]) => sessionOf(name, requests, endOf.get(name)))
      .sort((a, b) => a.startMs - b.startMs || (a.session < b.session ? -1 : 1)),
  }));
}

function sessionOf(
  session: string,
  requests: readonly Entry[],
  end: SessionEnd | undefined,
): LaneSession {
  const least = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b));
  const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b));
  const chains = [...Map.groupBy(requests, ({ chain }) => chain)]
    .map(([chain, own]) => ({ chain, own: own.toSorted((a, b) => begins(a) - begins(b)) }))
    .sort((a, b) => a.own[0]!.depth - b.own[0]!.depth || begins(a.own[0]!) - begins(b.own[0]!));
  return {
    session,
    startMs: end?.startMs ?? least(requests.map(begins)),
    endMs: end?.endMs ?? most(requests.map((one) => one.endMs ?? begins(one))),
    end: end?.end,
    notSent: end?.notSent,
    chains: chains.map(({ own }) => chainOf(own)),
  };
}

function begins({ sentMs, intendedMs }: Entry): number {
  return sentMs ?? intendedMs;
}

function chainOf(requests: readonly Entry[]): LaneChain {
  const column = <Name extends keyof Entry>(name: Name) => requests.map((one) => one[name]);
  return {
    depth: requests[0]!.depth,
    turn: column("turn"),
    intendedMs: column("intendedMs"),
    sentMs: column("sentMs"),
    heldMs: requests.some(({ heldMs }) => heldMs > 0) ? column("heldMs") : undefined,
    firstTokenMs: column("firstTokenMs"),
    lastTokenMs: column("lastTokenMs"),
    endMs: column("endMs"),
    outcome: column("outcome"),
    promptTokens: column("promptTokens"),
  };
}
