/**
 * What turns an answer of a load, or a request that never left, into its record.
 *
 * @module
 */
import { decodeExchange, type DecodeOptions, unsentRecord } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { RecordDraft, RequestRecord } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import { type RateStagePlan, WARM_UP_PROMPT } from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { stageAt } from "./load_stages.ts";
import type { Departure } from "./order.ts";
import { type ExpectedShare, expectShares } from "./run_expected_share.ts";
import { type LoadPart, stagesOf } from "./run_load_part.ts";
import type { RequestShare } from "./run_pool.ts";
import type { Prepared } from "./run_prepare.ts";
import type { ReplayJob } from "./run_replay_job.ts";

/** What the records of a load depend on. */
export interface LoadRecordsNeed {
  readonly plan: BenchPlan;
  readonly prepared: Prepared;
  readonly part: LoadPart;
  /** What gave out the requests; absent = they are the pool's, or the part's own. */
  readonly replay: ReplayJob | undefined;
}

/** Makes the records of one load. */
export class LoadRecords {
  readonly #prepared: Prepared;
  readonly #part: LoadPart;
  readonly #requests: readonly GenerationRequest[];
  readonly #replay: ReplayJob | undefined;
  readonly #stages: readonly RateStagePlan[] | undefined;
  /** Of a position in the pool. */
  readonly #shareAt: ((position: number) => RequestShare) | undefined;
  readonly #expected: ((position: number) => ExpectedShare) | undefined;
  /** One object for all answers: they are decoded one after the other. */
  readonly #decoding: { -readonly [Name in keyof DecodeOptions]: DecodeOptions[Name] };

  constructor({ plan, prepared, part, replay }: LoadRecordsNeed) {
    this.#prepared = prepared;
    this.#part = part;
    this.#requests = (part.own ?? prepared).requests;
    this.#replay = replay;
    this.#stages = stagesOf(part);
    // Requests of a recording have their shares by sessions.
    this.#shareAt = replay === undefined ? prepared.pool.shareAt : undefined;
    this.#expected = part.phase === "warmup"
      ? undefined
      : expectShares(prepared, { warmed: plan.warmPrefixes === true });
    const { counter } = prepared;
    this.#decoding = {
      load: part.number,
      phase: part.phase,
      index: 0,
      user: 0,
      promptId: "",
      intendedMs: 0,
      originMs: 0,
      keepText: plan.saveText,
      ...defined({ maxAnswerBytes: plan.maxAnswerBytes, eventTicks: plan.eventTicks }),
      // An estimate of the text is worth less than one token per event.
      ...(counter.source === "tokenizer" && plan.countText !== false
        ? { countText: (text) => counter.count(text) }
        : {}),
    };
  }

  /** The record of an answer. */
  decode(departure: Departure, exchange: Exchange, originMs: number): RequestRecord {
    const request = this.#requestOf(departure);
    const options = this.#optionsOf(departure, originMs);
    const record = decodeExchange(exchange, this.#prepared.protocol, request, options);
    this.#complete(record, departure);
    this.#replay?.complete(record, exchange);
    return record;
  }

  /** The record of a request that never left. */
  unsent(departure: Departure, reason: string): RequestRecord {
    const outcome = { kind: "dropped", message: reason } as const;
    const options = this.#optionsOf(departure, 0);
    const record = unsentRecord(this.#requestOf(departure), options, outcome);
    this.#complete(record, departure);
    this.#replay?.complete(record);
    return record;
  }

  #requestOf(departure: Departure): GenerationRequest {
    return this.#replay === undefined
      ? this.#requests[this.#placeOf(departure)]!
      : this.#replay.requestOf(departure);
  }

  #optionsOf(departure: Departure, originMs: number): DecodeOptions {
    const { prompts } = this.#prepared.dataset;
    const { id, promptTokens } = prompts[this.#likeOf(departure) % prompts.length]!;
    const decoding = this.#decoding;
    decoding.index = departure.index;
    decoding.user = departure.user;
    decoding.promptId = this.#part.beside === true ? WARM_UP_PROMPT : id;
    decoding.intendedMs = originMs + departure.intendedMs;
    decoding.originMs = originMs;
    decoding.promptTokens = promptTokens;
    if (this.#replay !== undefined) Object.assign(decoding, this.#replay.labelOf(departure));
    return decoding;
  }

  /** Adds what the exchange does not show. */
  #complete(record: RecordDraft, departure: Departure): void {
    if (departure.heldMs !== undefined) record.heldMs = departure.heldMs;
    if (this.#stages !== undefined) record.stage = stageAt(this.#stages, departure.intendedMs);
    if (this.#shareAt === undefined && this.#expected === undefined) return;
    const like = this.#likeOf(departure);
    Object.assign(record, this.#shareAt?.(like), this.#expected?.(like));
  }

  #placeOf({ item }: Departure): number {
    return (this.#part.poolOffset + item) % this.#requests.length;
  }

  /** Position in the pool of the request that it is, or is like. */
  #likeOf(departure: Departure): number {
    const place = this.#placeOf(departure);
    return this.#part.own === undefined ? place : this.#part.own.likeAt(place);
  }
}
