/**
 * The requests of a recording: what each holds, which model and server it is for, and its mark.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GenerationRequest, Message, WireRequest } from "../backends/protocol.ts";
import type { TokenCount } from "../backends/record.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { USUAL_OUTPUT_TOKENS } from "./bench_replay.ts";
import type { LoadPlace } from "./bench_order.ts";
import { lengthsOf } from "./dataset_length.ts";
import type { Marks } from "./dataset_salt.ts";
import type { Prepared } from "./run_prepare.ts";
import { contentTokens, type ConversationChanges } from "./session_answer.ts";
import { bordersOf, type PromptBorders } from "./session_borders.ts";
import { Conversations } from "./session_conversation.ts";
import { SessionModels } from "./session_models.ts";
import type { ReplayPlan } from "./session_plan.ts";
import type { PromptMaker, RequestParts } from "./session_prompts.ts";
import { markMessages, type Salt, saltOf } from "./session_salt.ts";
import { type DueTurn, type ForeseenTurn, type SessionUse, turnOf } from "./session_turn.ts";
import type { BlockPrompt, MessagesPrompt, TraceSession } from "./trace.ts";
import type { PerfectCache } from "./trace_sharing.ts";

/** What stays the same over the loads. */
export interface ReplayRun {
  readonly plan: BenchPlan;
  readonly replay: ReplayPlan;
  readonly prepared: Prepared;
  readonly maker: PromptMaker;
  /** For prompts that are written out. */
  readonly marks: Marks;
  /** Knows what was sent in earlier loads. */
  readonly cache: PerfectCache;
}

/** A turn whose instant may not be known yet. */
export type KnownTurn = ForeseenTurn & Partial<DueTurn>;

/** A request that was made. */
export interface MadeRequest {
  readonly wire: WireRequest;
  /** Without its prompt. */
  readonly request: GenerationRequest;
  /** Of a prompt of blocks. */
  readonly salt: Salt | undefined;
}

/** Makes the requests of one load. */
export class ReplayRequests {
  readonly #run: ReplayRun;
  readonly #load: number;
  readonly #conversations: Conversations;
  readonly #borders = new WeakMap<TraceSession, ReturnType<typeof bordersOf>>();
  readonly #models: SessionModels;
  readonly #outputTokens: (turn: KnownTurn) => number;

  constructor(run: ReplayRun, { number, base }: LoadPlace) {
    const { plan, replay, prepared } = run;
    this.#run = run;
    this.#load = number;
    this.#conversations = new Conversations(replay.history === "live");
    this.#models = new SessionModels({
      models: plan.models ?? [{ name: prepared.model, weight: 1 }],
      assignment: plan.modelAssignment ?? "recorded",
      ...{ seed: plan.seed, load: base, trace: replay.trace },
    });
    this.#outputTokens = outputTokensOf(plan, replay);
  }

  /** What had to be changed in conversations to go on. */
  get changes(): readonly ConversationChanges[] {
    return this.#conversations.changes;
  }

  /** Makes the request of a turn. */
  async make(turn: KnownTurn): Promise<MadeRequest> {
    const { prompt } = turnOf(turn);
    return prompt.kind === "messages"
      ? await this.#makeWritten(turn, prompt)
      : await this.#makeOfBlocks(turn, prompt);
  }

  /** Sessions take turns at the servers; absent = there is one. */
  serverOf({ use: { order } }: KnownTurn): number | undefined {
    const { urls = [] } = this.#run.plan;
    return urls.length > 1 ? order % urls.length : undefined;
  }

  /** Tokens of a prompt that is written out, by our own count. */
  writtenTokens(turn: KnownTurn): TokenCount {
    const { prepared: { counter }, marks, plan } = this.#run;
    const tokens = contentTokens(this.#conversations.sentOf(turn), counter);
    const mark = plan.saltScope === "none" ? 0 : marks.tokens;
    return { tokens: tokens + mark, source: counter.source };
  }

  /** Whether the server's answer goes into later prompts. */
  keepsAnswer(turn: KnownTurn): boolean {
    return this.#run.replay.history === "live" && turnOf(turn).prompt.kind === "messages";
  }

  /** The server's answer to a turn. */
  answered(turn: KnownTurn, answer: Message): void {
    this.#conversations.answered(turn, answer);
  }

  /** A use of a session is over. */
  forget(use: SessionUse): void {
    this.#conversations.forget(use);
  }

  async #makeWritten(turn: KnownTurn, { extra, tools }: MessagesPrompt): Promise<MadeRequest> {
    const messages = this.#marked(turn, this.#conversations.messagesOf(turn));
    const parts = { ...this.#partsOf(turn), ...defined({ extra, tools }) };
    return { ...await this.#run.maker.make({ messages }, parts), salt: undefined };
  }

  async #makeOfBlocks(
    turn: KnownTurn,
    { inputTokens, blocks, extra }: BlockPrompt,
  ): Promise<MadeRequest> {
    const { use: { session, name }, position } = turn;
    const { maker, replay: { trace: { blockTokens } } } = this.#run;
    const borders = this.#bordersOf(session)[position] ??
      { borders: [inputTokens], hasSystem: false };
    const salt = this.#saltOf(turn, borders);
    const made = await maker.make({
      ...{ inputTokens, blocks: blocks.toArray(), blockTokens, scope: session.scope },
      filler: `${name}/${position}`,
      ...borders,
      ...defined({ salt }),
    }, { ...this.#partsOf(turn), ...defined({ extra }) });
    return { ...made, salt };
  }

  #partsOf(turn: KnownTurn): RequestParts {
    const { plan: { sessionHeader, sessionMark }, prepared } = this.#run;
    const { use, index, dueMs } = turn;
    const { model = 0 } = turnOf(turn);
    return {
      outputTokens: this.#outputTokens(turn),
      model: this.#models.of(use, model),
      requestId: prepared.requests[0]!.requestId + BigInt(index + 1),
      ...defined({ dueMs, server: this.serverOf(turn) }),
      ...(sessionHeader === undefined ? {} : {
        headers: { [sessionHeader]: `${sessionMark}-${this.#load}-${use.name}` },
      }),
    };
  }

  #bordersOf(session: TraceSession): ReturnType<typeof bordersOf> {
    let borders = this.#borders.get(session);
    if (borders === undefined) {
      borders = bordersOf(session, this.#run.replay.trace.blockTokens);
      this.#borders.set(session, borders);
    }
    return borders;
  }

  #saltOf({ use, position }: KnownTurn, { borders, hasSystem }: PromptBorders): Salt | undefined {
    const { plan } = this.#run;
    return saltOf(plan.saltScope, {
      run: plan.salt,
      load: this.#load,
      session: use.name,
      turn: position,
      systemTokens: hasSystem ? borders[0] ?? 0 : 0,
    });
  }

  #marked(turn: KnownTurn, messages: readonly Message[]): readonly Message[] {
    const { plan, marks } = this.#run;
    const salt = this.#saltOf(turn, { borders: [], hasSystem: false });
    return salt === undefined
      ? messages
      : markMessages(messages, plan.saltScope, marks.of(salt.mark));
  }
}

/** Tokens to ask for: those of the recording, unless the user gave others. */
function outputTokensOf(plan: BenchPlan, { trace }: ReplayPlan): (turn: KnownTurn) => number {
  if (plan.outputTokens === undefined) {
    return (turn) => turnOf(turn).outputTokens ?? USUAL_OUTPUT_TOKENS;
  }
  const lengths = lengthsOf(plan.outputTokens, { seed: plan.seed, label: "output-tokens" });
  /** Position of a session's first request in the recording. */
  const firsts = new Map<TraceSession, number>();
  let count = 0;
  for (const session of trace.sessions) {
    firsts.set(session, count);
    count += session.turns.length;
  }
  return ({ use, position }) => lengths(firsts.get(use.session)! + position);
}
