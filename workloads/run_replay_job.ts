/**
 * One load of a recording: what leaves next, what was asked for, and what its records say beyond their
 * exchanges.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { RecordDraft, RequestRecord, TokenCount } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import type { LoadEnd } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { type AgentShare, partOfUsers, shareOfUsers } from "./agent_share.ts";
import type { LoadPlace } from "./bench_order.ts";
import type { ReplayLoad, Stop } from "./load.ts";
import type { AskForPortion } from "./load_lease.ts";
import type { Departure, OrderSource } from "./order.ts";
import { LeasedTurns } from "./run_replay_allowance.ts";
import { type KnownTurn, ReplayRequests, type ReplayRun } from "./run_replay_request.ts";
import { isContextTooLong } from "./server_context.ts";
import type { SessionPlace } from "./session.ts";
import { answerMessage, changeRemarks } from "./session_answer.ts";
import { SessionConductor } from "./session_conductor.ts";
import { Lookahead } from "./session_lookahead.ts";
import { type Salt, saltOf } from "./session_salt.ts";
import { countOwnTurns } from "./session_queue.ts";
import { ScheduleConductor } from "./session_schedule.ts";
import { type SessionUse, type TurnEnd, turnOf, type TurnSource } from "./session_turn.ts";
import type { TraceSession } from "./trace.ts";
import { PerfectCache } from "./trace_sharing.ts";

/** A replay's load that runs. */
export interface ReplayJob {
  readonly orders: OrderSource;
  /** Makes the first prompts. */
  prepare(): Promise<void>;
  /** What was asked for, without its prompt. */
  requestOf(departure: Departure): GenerationRequest;
  /** What the record says of an order beyond its exchange, before that is decoded. */
  labelOf(departure: Departure): Pick<RequestRecord, "promptId" | "phase"> & {
    /** Absent where it is not known before it is counted. */
    readonly promptTokens: TokenCount | undefined;
  };
  /** Completes a record, while its exchange is there. */
  complete(record: RecordDraft, exchange?: Exchange): void;
  /** The record was kept: what waits for it may leave. */
  ended(record: RequestRecord): void;
  /**
   * When all of the load was there, by what the threads saw: from the end of its warm-up to when a slot
   * found no session.
   */
  windowOf(end: LoadWindow): LoadWindow;
  /** A prompt could not be made: the load is not what was asked for. */
  readonly failure: unknown;
  /** What is to be said of the load when it has ended, each in a sentence without a period. */
  notes(): readonly string[];
}

/** Where a load is whole, ms from its start. */
type LoadWindow = Pick<LoadEnd, "rampEndMs" | "sendingEndMs">;

/** A load of a replay, as it is begun. */
export interface ReplayPart extends LoadPlace {
  readonly load: ReplayLoad;
  readonly stop: Stop;
  readonly onSession: (end: SessionEnd) => void;
  /** Other machines send the rest; absent = all is sent here. */
  readonly share?: AgentShare;
  /** Where requests come from that all machines draw on; absent = this one counts them. */
  readonly lease?: AskForPortion;
}

/** What is known of a request that is under way. */
interface UnderWay {
  readonly turn: KnownTurn;
  readonly request: GenerationRequest;
  readonly salt: Salt | undefined;
  cachedTokens: number | undefined;
}

/** Begins a load. */
export function createReplayJob(run: ReplayRun, part: ReplayPart): ReplayJob {
  return new Job(run, part);
}

/** What the server may know of earlier loads it knows, unless their marks or a reset keep it from that. */
function cacheOf({ plan: { saltScope, resetCache }, cache }: ReplayRun): PerfectCache {
  const goesOn = (saltScope === "session" || saltScope === "none") && resetCache === undefined;
  return goesOn ? cache : new PerfectCache();
}

class Job implements ReplayJob, OrderSource {
  readonly orders: OrderSource = this;
  failure: unknown;
  readonly #run: ReplayRun;
  readonly #part: ReplayPart;
  readonly #source: TurnSource;
  /** Absent = nobody else counts. */
  #allowance: LeasedTurns | undefined;
  readonly #ahead: Lookahead;
  readonly #underWay = new Map<number, UnderWay>();
  readonly #requests: ReplayRequests;
  /** End of the last request of the warm-up. */
  #warmedMs = 0;
  readonly #cache: PerfectCache;
  /** Where several sessions mean the same by a block. */
  readonly #sharedScopes: ReadonlySet<string>;

  constructor(run: ReplayRun, part: ReplayPart) {
    this.#run = run;
    this.#part = part;
    this.#cache = cacheOf(run);
    this.#sharedScopes = sharedScopes(part.share === undefined ? [] : run.replay.trace.sessions);
    this.#requests = new ReplayRequests(run, part);
    this.#source = this.#createSource();
    this.#ahead = new Lookahead({
      source: this.#source,
      make: async (turn) => {
        const { wire, request, salt } = await this.#requests.make(turn);
        this.#underWay.set(turn.index, { turn, request, salt, cachedTokens: undefined });
        return wire;
      },
      onForgone: (index) => this.#underWay.delete(index),
      onFailure: (error) => {
        this.failure ??= error;
        this.#source.stop();
      },
    });
  }

  async prepare(): Promise<void> {
    await this.#allowance?.prepare();
    await this.#ahead.prepare();
  }

  start(desk: Parameters<OrderSource["start"]>[0]): void {
    this.#ahead.start(desk);
  }

  sent(index: number): void {
    const underWay = this.#underWay.get(index);
    if (underWay !== undefined) underWay.cachedTokens = this.#see(underWay);
    this.#ahead.left(index);
  }

  stop(): void {
    this.#source.stop();
    this.#ahead.finish();
  }

  revoked(index: number): void {
    this.#underWay.delete(index);
    this.#source.revoked(index);
    this.#ahead.left(index);
  }

  requestOf({ index }: Departure): GenerationRequest {
    return this.#underWay.get(index)!.request;
  }

  labelOf({ index }: Departure): ReturnType<ReplayJob["labelOf"]> {
    const { turn } = this.#underWay.get(index)!;
    const { phase, use: { session }, position } = turn;
    const { prompt } = turnOf(turn);
    const { source } = this.#run.prepared.counter;
    return {
      phase,
      promptId: session.turns.length === 1 ? session.id : `${session.id}/${position}`,
      promptTokens: prompt.kind === "blocks" ? { tokens: prompt.inputTokens, source } : undefined,
    };
  }

  complete(record: RecordDraft, exchange?: Exchange): void {
    const { turn, request, cachedTokens } = this.#underWay.get(record.index)!;
    Object.assign(record, this.#placeOf(turn), defined({ expectedCachedTokens: cachedTokens }));
    if (this.#run.plan.models !== undefined) record.model = request.model;
    const server = this.#requests.serverOf(turn);
    if (server !== undefined) record.server = server;
    if (record.outcome.kind !== "ok") {
      if (isContextTooLong(record.outcome)) record.contextTooLong = true;
      return;
    }
    // Counting takes time: only where the server did not.
    record.promptTokens ??= this.#requests.writtenTokens(turn);
    if (exchange !== undefined && this.#requests.keepsAnswer(turn)) {
      const { protocol } = this.#run.prepared;
      this.#requests.answered(turn, answerMessage(exchange, protocol, request));
    }
  }

  windowOf({ rampEndMs, sendingEndMs }: LoadWindow): LoadWindow {
    const { users, rampUpMs = 0 } = this.#part.load;
    const slotsMs = users === 0 ? 0 : rampUpMs * (users - 1) / users;
    return {
      rampEndMs: Math.max(rampEndMs, slotsMs, this.#warmedMs),
      sendingEndMs: Math.min(sendingEndMs, this.#source.idleFromMs ?? Infinity),
    };
  }

  ended({ index, outcome, contextTooLong, phase, endMs, intendedMs }: RequestRecord): void {
    if (phase === "warmup") this.#warmedMs = Math.max(this.#warmedMs, endMs ?? 0);
    this.#underWay.delete(index);
    this.#ahead.left(index);
    const how: TurnEnd = contextTooLong === true ? "context" : TURN_ENDS[outcome.kind] ?? "failed";
    this.#source.ended(index, endMs ?? intendedMs, how);
    this.#ahead.pump();
  }

  notes(): readonly string[] {
    return changeRemarks(this.#requests.changes);
  }

  #createSource(): TurnSource {
    const { plan: { seed }, replay } = this.#run;
    const { number, base, load: { users: slots, rampUpMs, speedup }, stop, onSession } = this.#part;
    const { share, lease: ask } = this.#part;
    if (replay.mode === "schedule") {
      // The rows are those of the plan's speed; loads of a search have others.
      const faster = speedup / replay.speedup;
      const rows = faster === 1
        ? replay.rows
        : replay.rows.map((row) => ({ ...row, dueMs: row.dueMs / faster }));
      return new ScheduleConductor(rows, stop.requests, share);
    }
    const { idleCapMs, sessionStart, repeats } = replay;
    const { sessions } = replay.trace;
    const dealt = { seed, load: base, repeats, ...defined({ share }) };
    const allowance = this.#allowance = share === undefined || stop.requests === undefined ||
        ask === undefined
      ? undefined
      : new LeasedTurns({
        ...{ ask, limit: stop.requests, slots: partOfUsers(slots, share) },
        usable: repeats
          ? Infinity
          : countOwnTurns(sessions, { ...dealt, share: shareOfUsers(slots, share) }),
        onChange: () => {
          this.failure ??= allowance?.failure;
          conductor.allowanceChanged();
          this.#ahead.pump();
        },
      });
    const mostTurns = allowance === undefined ? stop.requests : undefined;
    const conductor = new SessionConductor(sessions, {
      // Repeats of a load have its order of sessions.
      ...{ ...dealt, slots },
      ...defined({ rampUpMs, idleCapMs, sessionStart, mostTurns, allowance }),
      canForesee: ({ prompt }) => prompt.kind === "blocks" || prompt.holds === "whole",
      onSession: (end, use) => {
        this.#forget(use);
        onSession({ ...end, load: number });
      },
    });
    return conductor;
  }

  /** Tokens that a perfect cache has of a request that leaves now. */
  #see({ turn, salt }: UnderWay): number | undefined {
    const { prompt } = turnOf(turn);
    if (prompt.kind !== "blocks") return undefined;
    const { blockTokens } = this.#run.replay.trace;
    if (blockTokens === 0 || !this.#seesAll(turn.use)) return undefined;
    const request = {
      scope: turn.use.session.scope,
      blocks: prompt.blocks,
      blockTokens,
      inputTokens: prompt.inputTokens,
      ...defined({ salt: salt?.mark, saltAt: salt?.at }),
    };
    return this.#cache.see(request);
  }

  /** Whether no other machine sends what a server may have kept for a session: nobody knows when it did. */
  #seesAll({ session: { scope } }: SessionUse): boolean {
    const { share } = this.#part;
    if (share === undefined || share.agents === 1) return true;
    const { plan: { saltScope }, replay: { mode, repeats } } = this.#run;
    return mode === "sessions" && (saltScope === "session" || !repeats) &&
      !this.#sharedScopes.has(scope);
  }

  #placeOf(turn: KnownTurn): SessionPlace {
    const { use: { session, name } } = turn;
    const { prompt, chain, number } = turnOf(turn);
    const depth = session.chains[chain]?.depth;
    const tokens = prompt.kind === "blocks" ? { contentTokens: prompt.inputTokens } : {};
    if (!this.#run.replay.trace.hasSessions) return tokens;
    return { session: name, turn: number, chain, ...(depth ? { depth } : {}), ...tokens };
  }

  /** What only this use of a session needed. */
  #forget(use: SessionUse): void {
    this.#requests.forget(use);
    const { plan } = this.#run;
    if (plan.saltScope !== "session") return;
    const { mark } = saltOf("session", {
      ...{ run: plan.salt, load: this.#part.number, session: use.name, turn: 0, systemTokens: 0 },
    })!;
    this.#cache.forget({ scope: use.session.scope, salt: mark });
  }
}

function sharedScopes(sessions: readonly TraceSession[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(
    sessions.map(({ scope }) => scope).filter((scope) => {
      const again = seen.has(scope);
      seen.add(scope);
      return again;
    }),
  );
}

/** What an outcome means for a session; others have failed. */
const TURN_ENDS: Readonly<Partial<Record<RequestRecord["outcome"]["kind"], TurnEnd>>> = {
  ok: "ok",
  cancelled_as_planned: "ok",
  connect_error: "refused",
  cancelled: "cut",
  dropped: "cut",
};
