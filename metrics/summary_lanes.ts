/**
 * Requests of sessions as lanes, in bounded memory: where they are too many, every n-th slot is kept, and
 * of a few slots the beginning of the load. Which ones does not depend on the order of the records.
 *
 * @module
 */
import { OUTCOME_KINDS, type RequestRecord } from "../backends/record.ts";
import type { Lane, LaneChain, Lanes, LaneSession } from "./load_sessions.ts";
import type { Mergeable } from "./load_state.ts";
import type { LoadPlan } from "./run.ts";
import type { SessionEnd } from "./run_replay.ts";
import { type ColumnsOf, packColumns, roundRow, unpackColumns } from "./state_columns.ts";
import { readCount, readFields, readNumber } from "./state_read.ts";

/** Collects lanes. */
export interface LanesCollector extends Mergeable {
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
  readonly sentMs: number | undefined;
  readonly heldMs: number;
  readonly firstTokenMs: number | undefined;
  readonly lastTokenMs: number | undefined;
  readonly endMs: number | undefined;
  readonly outcome: RequestRecord["outcome"]["kind"];
  readonly promptTokens: number | undefined;
}

const COLUMNS: ColumnsOf<Entry> = {
  user: "count",
  session: "text",
  chain: "count",
  depth: "count",
  turn: "count",
  intendedMs: "ms",
  sentMs: "ms?",
  heldMs: "ms",
  firstTokenMs: "ms?",
  lastTokenMs: "ms?",
  endMs: "ms?",
  outcome: OUTCOME_KINDS,
  promptTokens: "count?",
};

const END_COLUMNS: ColumnsOf<SessionEnd> = {
  load: "count",
  session: "text",
  user: "count",
  startMs: "ms",
  endMs: "ms",
  sent: "count",
  notSent: "count",
  leftOut: "count?",
  end: ["done", "failed", "context", "cut"],
};

/** How much is left out: one step after the other, each leaving out more, whatever was seen. */
interface Thinning {
  /** Every n-th slot is kept. */
  readonly every: number;
  /** Of these, what began before. */
  readonly untilMs: number;
}

/** Slots first, as long as there are more than a few, then time; in the end nothing is left. */
function thinnings(users: number): readonly Thinning[] {
  const steps: Thinning[] = [{ every: 1, untilMs: ALL_MS }];
  for (let every = 2; 2 * users > LEAST_SLOTS * every; every *= 2) {
    steps.push({ every, untilMs: ALL_MS });
  }
  const { every } = steps.at(-1)!;
  for (let untilMs = ALL_MS / 2; untilMs >= 1; untilMs /= 2) steps.push({ every, untilMs });
  return [...steps, { every, untilMs: 0 }];
}

/** Has no request yet. */
export function createLanes(
  { replay, users = 0 }: LoadPlan,
  most: number = LANE_REQUESTS,
): LanesCollector {
  const steps = thinnings(users);
  let step = 0;
  let entries: Entry[] = [];
  let ends: SessionEnd[] = [];
  let slots = users;
  const isKept = (user: number, ms: number) => {
    const { every, untilMs } = steps[step]!;
    return user % every === 0 && ms < untilMs;
  };
  const thinOut = () => {
    entries = entries.filter(({ user, intendedMs }) => isKept(user, intendedMs));
    ends = ends.filter(({ user, startMs }) => isKept(user, startMs));
  };
  const keepFew = () => {
    while (Math.max(entries.length, ends.length) > most && step < steps.length - 1) {
      step++;
      thinOut();
    }
  };
  return {
    add(record) {
      if (replay !== "sessions" || record.session === undefined) return;
      slots = Math.max(slots, record.user + 1);
      if (!isKept(record.user, record.intendedMs)) return;
      entries.push(roundRow(COLUMNS, entryOf(record, record.session)));
      keepFew();
    },
    session(end) {
      if (replay !== "sessions") return;
      slots = Math.max(slots, end.user + 1);
      if (!isKept(end.user, end.startMs)) return;
      ends.push(roundRow(END_COLUMNS, end));
      keepFew();
    },
    state: () => ({
      ...{ slots, step },
      entries: packColumns(COLUMNS, entries),
      ends: packColumns(END_COLUMNS, ends),
    }),
    merger(state) {
      const more = readFields(state);
      const slotsThere = readCount(more.slots);
      const stepThere = readNumber(more.step, 0, steps.length - 1);
      if (!Number.isInteger(stepThere)) throw new TypeError("its step is none");
      const entriesThere = unpackColumns(COLUMNS, more.entries, most);
      const endsThere = unpackColumns(END_COLUMNS, more.ends, most);
      return () => {
        slots = Math.max(slots, slotsThere);
        step = Math.max(step, stepThere);
        entries = [...entries, ...entriesThere];
        ends = [...ends, ...endsThere];
        thinOut();
        keepFew();
      };
    },
    result() {
      if (replay !== "sessions" || entries.length + ends.length === 0) return undefined;
      const { every, untilMs } = steps[step]!;
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
  const { sentMs, firstTokenMs, lastTokenMs, endMs } = record;
  const promptTokens = record.contentTokens ?? record.promptTokens?.tokens;
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
  const known = (name: "sentMs" | "firstTokenMs" | "lastTokenMs" | "endMs" | "promptTokens") =>
    requests.map((one) => one[name] ?? null);
  return {
    depth: requests[0]!.depth,
    turn: column("turn"),
    intendedMs: column("intendedMs"),
    sentMs: known("sentMs"),
    heldMs: requests.some(({ heldMs }) => heldMs > 0) ? column("heldMs") : undefined,
    firstTokenMs: known("firstTokenMs"),
    lastTokenMs: known("lastTokenMs"),
    endMs: known("endMs"),
    outcome: column("outcome"),
    promptTokens: known("promptTokens"),
  };
}
