/**
 * Turns what the wire showed of one request into observations: text, tokens, times, outcome.
 *
 * @module
 */
import { messageOf, oneLine } from "./error_message.ts";
import { cutEvents } from "./framing.ts";
import { GRPC_STATUS } from "./grpc_status.ts";
import { JsonScanner } from "./json_scan.ts";
import type { EngineEvent, GenerationRequest, Protocol, QuickEvents, Usage } from "./protocol.ts";
import type { Outcome, RequestRecord, TokenCount, TokenSource } from "./record.ts";
import { scanSse } from "./framing_sse_scan.ts";
import type { Exchange } from "./transport.ts";

/** What a record says of a request besides what came back. */
export interface DecodeOptions {
  /** Which load of the command, counted from 0. */
  readonly load: number;
  /** Warm-up requests are recorded, and left out of every summary. */
  readonly phase: "warmup" | "measure";
  /** Position in the order of sending, unique within its load and phase. */
  readonly index: number;
  /** Closed-loop user, or the arrival's worker lane. */
  readonly user: number;
  /** Which prompt of the dataset was sent. */
  readonly promptId: string;
  /** When the schedule wanted it to leave, on the transport's clock. */
  readonly intendedMs: number;
  /** Start of the load on the transport's clock: subtracted from every time. */
  readonly originMs: number;
  /** Our count, used where the engine gives none. */
  readonly promptTokens?: TokenCount;
  /** Keep the text of the answer. Default false. */
  readonly keepText?: boolean;
  /** Counts the tokens of a text (thinking included) where the engine gives no count. */
  readonly countText?: (text: string) => number;
}

const NO_MS = new Float64Array(0);
const NO_TOKENS = new Uint32Array(0);
/** Characters of an offending event that its message quotes. */
const QUOTED_CHARS = 120;

const decoder = new TextDecoder();

/**
 * Reads the events of a finished exchange. Whatever the server did becomes part of the record;
 * nothing is thrown for it.
 *
 * Times: an event arrived with the first read that completes it, and all events of one read are
 * one tick. Tokens so far rest on what the first event with tokens offers: its counter, else its
 * ids, else one token for each event with text. The final count is the best that the stream gave:
 * counter, ids, usage, our count of the text, events; but usage wins over fewer ids, since chunks
 * that a server's parser swallows take their ids along.
 *
 * @example
 * ```ts
 * import { decodeExchange, openaiCompletions } from "@tokometer/tokometer/backends";
 *
 * const body = new TextEncoder().encode(
 *   'data: {"choices":[{"text":"Hi","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
 * );
 * const record = decodeExchange(
 *   {
 *     sentMs: 1000,
 *     firstByteMs: 1010,
 *     endMs: 1030,
 *     status: 200,
 *     contentType: "text/event-stream",
 *     body,
 *     readMs: Float64Array.of(1020),
 *     readEnds: Uint32Array.of(body.length),
 *     connection: "new",
 *     end: { kind: "complete" },
 *   },
 *   openaiCompletions,
 *   {
 *     model: "m",
 *     messages: [],
 *     outputTokens: 1,
 *     length: "cap",
 *     stream: true,
 *     sampling: {},
 *     requestId: 1n,
 *   },
 *   {
 *     load: 0,
 *     phase: "measure",
 *     index: 0,
 *     user: 0,
 *     promptId: "p",
 *     intendedMs: 1000,
 *     originMs: 1000,
 *     keepText: true,
 *   },
 * );
 * if (record.outcome.kind !== "ok" || record.firstTokenMs !== 20) throw new Error("unexpected");
 * ```
 */
export function decodeExchange(
  exchange: Exchange,
  protocol: Protocol,
  request: GenerationRequest,
  options: DecodeOptions,
): RequestRecord {
  const { originMs } = options;
  const refused = protocol.carrier === "http" && exchange.status !== 0 &&
    (exchange.status < 200 || exchange.status > 299);
  const reading = refused ? undefined : new Reading(exchange, protocol, request, options);
  reading?.run();
  const outputTokens = reading?.outputTokens();
  const outcome = refused
    ? refusal(exchange, protocol)
    : judge(exchange, protocol, request, reading!, outputTokens);
  const usage = reading?.usage;
  const promptTokens: TokenCount | undefined = usage?.promptTokens !== undefined
    ? { tokens: usage.promptTokens, source: "usage" }
    : options.promptTokens;
  // Written out, here and below: this runs for every request, and spreading costs a microsecond.
  const record: { -readonly [Name in keyof RequestRecord]: RequestRecord[Name] } = {
    load: options.load,
    phase: options.phase,
    index: options.index,
    user: options.user,
    promptId: options.promptId,
    intendedMs: options.intendedMs - originMs,
    requestedTokens: request.outputTokens,
    lengthForced: request.length === "forced",
    sentMs: exchange.sentMs - originMs,
    tickMs: reading?.tickMs() ?? NO_MS,
    tickTokens: reading?.tickTokens() ?? NO_TOKENS,
    reads: exchange.readMs.length,
    events: reading?.events ?? 0,
    bytes: exchange.body.length,
    connection: exchange.connection,
    outcome,
    endMs: (reading?.endMarkMs ?? exchange.endMs) - originMs,
  };
  // A field that was not observed stays absent.
  if (exchange.firstByteMs !== undefined) record.firstByteMs = exchange.firstByteMs - originMs;
  if (exchange.connectMs !== undefined) record.connectMs = exchange.connectMs;
  if (promptTokens !== undefined) record.promptTokens = promptTokens;
  if (outputTokens !== undefined) record.outputTokens = outputTokens;
  if (usage?.cachedTokens !== undefined) record.cachedTokens = usage.cachedTokens;
  if (usage?.reasoningTokens !== undefined) record.reasoningTokens = usage.reasoningTokens;
  if (reading === undefined) return record;
  const { firstEventMs, firstTokenMs, firstAnswerMs, lastTokenMs } = reading;
  if (firstEventMs !== undefined) record.firstEventMs = firstEventMs - originMs;
  if (firstTokenMs !== undefined) record.firstTokenMs = firstTokenMs - originMs;
  if (reading.sawReasoning && firstAnswerMs !== undefined) {
    record.firstAnswerMs = firstAnswerMs - originMs;
  }
  if (lastTokenMs !== undefined) record.lastTokenMs = lastTokenMs - originMs;
  if (reading.tickSource !== undefined) record.tickSource = reading.tickSource;
  if (reading.textEvents > 0) record.textEvents = reading.textEvents;
  if (reading.finishReason !== undefined) record.finishReason = reading.finishReason;
  if (options.keepText) record.text = reading.text;
  return record;
}

/**
 * Reads an exchange that belongs to no load, such as a check or a probe: its times count from the
 * moment it was sent.
 */
export function decodeSingle(
  exchange: Exchange,
  protocol: Protocol,
  request: GenerationRequest,
  options: Pick<DecodeOptions, "promptId" | "keepText">,
): RequestRecord {
  const { sentMs } = exchange;
  const alone = { load: 0, phase: "warmup", index: 0, user: 0 } as const;
  return decodeExchange(exchange, protocol, request, {
    ...alone,
    intendedMs: sentMs,
    originMs: sentMs,
    ...options,
  });
}

/** The record of a request that never left: dropped by the schedule, or cancelled while waiting. */
export function unsentRecord(
  request: GenerationRequest,
  options: DecodeOptions,
  outcome: Outcome,
): RequestRecord {
  const { load, phase, index, user, promptId, intendedMs, originMs } = options;
  return {
    ...{ load, phase, index, user, promptId },
    intendedMs: intendedMs - originMs,
    requestedTokens: request.outputTokens,
    lengthForced: request.length === "forced",
    tickMs: NO_MS,
    tickTokens: NO_TOKENS,
    reads: 0,
    events: 0,
    bytes: 0,
    ...(options.promptTokens !== undefined && { promptTokens: options.promptTokens }),
    connection: "unknown",
    outcome,
  };
}

/** Where ticks are collected before it is known how many there are; grows and stays. */
let scratchMs = new Float64Array(1024);
let scratchTokens = new Uint32Array(1024);

/** One pass over the events of an exchange. */
class Reading {
  events = 0;
  textEvents = 0;
  text = "";
  sawReasoning = false;
  firstEventMs: number | undefined;
  firstTokenMs: number | undefined;
  firstAnswerMs: number | undefined;
  lastTokenMs: number | undefined;
  endMarkMs: number | undefined;
  finishReason: string | undefined;
  tickSource: TokenSource | undefined;
  usage: Usage | undefined;
  /** First error that the engine reported. */
  error: string | undefined;
  /** First event that could not be read, or bytes that are no events at all. */
  malformed: string | undefined;
  /** The last event was half of one. */
  torn = false;
  /** The body is one answer, so that its usage is its count. */
  readonly whole: boolean;

  readonly #exchange: Exchange;
  readonly #protocol: Protocol;
  readonly #request: GenerationRequest;
  readonly #originMs: number;
  readonly #countText: ((text: string) => number) | undefined;
  readonly #needText: boolean;
  /** The read that completed the current event. */
  #read = 0;

  #idTokens = 0;
  #idSource: TokenSource = "ids";
  #counter = -1;
  #counterSource: TokenSource = "counter";
  #soFar = "";
  #thinking = "";

  /** What ticks count; fixed by the first event that has tokens. */
  #basis: "total" | "ids" | "events" | undefined;
  /** Tokens so far on that basis. */
  #tokens = 0;
  #ticks = 0;
  #tickRead = -1;

  constructor(
    exchange: Exchange,
    protocol: Protocol,
    request: GenerationRequest,
    options: DecodeOptions,
  ) {
    this.#exchange = exchange;
    this.#protocol = protocol;
    this.#request = request;
    this.#originMs = options.originMs;
    this.#countText = options.countText;
    this.#needText = options.keepText === true || options.countText !== undefined;
    this.whole = protocol.framing(request.stream) === "json";
    // One slot more than reads: for bytes that no read accounts for.
    if (scratchMs.length <= exchange.readMs.length) {
      scratchMs = new Float64Array(exchange.readMs.length * 2);
      scratchTokens = new Uint32Array(exchange.readMs.length * 2);
    }
  }

  run(): void {
    const { body } = this.#exchange;
    const framing = this.#protocol.framing(this.#request.stream);
    const { quick } = this.#protocol;
    const take = (data: string | Uint8Array, endOffset: number, terminated: boolean) =>
      this.#take(data, endOffset, terminated);
    try {
      if (framing !== "sse" || quick === undefined) cutEvents(framing, body, take);
      else {
        scanSse(body, scannerOf(quick), (value, endOffset) => {
          if (isUnusual(value)) return false;
          const event = quick.read(value, this.#request);
          this.#use(event, this.#arrival(endOffset));
          return true;
        }, take);
      }
    } catch (error) {
      this.malformed ??= oneLine(messageOf(error));
    }
    if (framing === "sse" && this.events === 0 && body.length > 0) this.#readBareBody();
  }

  /** A body without events under `sse`: JSON in place of the stream, or no protocol at all. */
  #readBareBody(): void {
    const { body, end } = this.#exchange;
    const text = decoder.decode(body).trim();
    if (text.startsWith("{")) {
      this.#take(text, body.length, false);
      if (this.torn || this.error !== undefined) return;
      if (this.#tokens === 0 && this.finishReason === undefined) {
        this.error = serverMessage(this.#protocol, text);
      }
    } else if (end.kind === "complete" && text !== "" && !/^(?::|data|event|id|retry)/.test(text)) {
      this.malformed ??= `no event in the stream, which begins "${oneLine(text, QUOTED_CHARS)}"`;
    }
  }

  #take(data: string | Uint8Array, endOffset: number, terminated: boolean): void {
    const { end } = this.#exchange;
    const atMs = this.#arrival(endOffset);
    let event: EngineEvent;
    try {
      event = this.#protocol.readEvent(data, this.#request);
    } catch (error) {
      if (!terminated || (this.whole && end.kind !== "complete")) this.torn = true;
      else if (this.endMarkMs === undefined) {
        this.malformed ??= oneLine(
          `cannot read event ${this.events + 1}, "${quote(data)}": ${messageOf(error)}`,
        );
      }
      return;
    }
    this.#use(event, atMs);
  }

  /** When the bytes up to `endOffset` had come; called with growing offsets. */
  #arrival(endOffset: number): number {
    const { readEnds, readMs } = this.#exchange;
    while (this.#read < readEnds.length && readEnds[this.#read]! < endOffset) this.#read++;
    return this.#read < readMs.length ? readMs[this.#read]! : this.#exchange.endMs;
  }

  #use(event: EngineEvent, atMs: number): void {
    this.events++;
    this.firstEventMs ??= atMs;
    if (event.error !== undefined) this.error ??= oneLine(event.error);
    if (event.finishReason !== undefined) this.finishReason = event.finishReason;
    if (event.usage !== undefined) {
      this.usage = this.usage === undefined ? event.usage : { ...this.usage, ...event.usage };
    }
    this.#count(event, atMs);
    if (event.end) this.endMarkMs ??= atMs;
  }

  #count(event: EngineEvent, atMs: number): void {
    const { textSoFar } = event;
    let answer = event.text !== undefined && event.text !== "";
    if (textSoFar !== undefined && textSoFar !== this.#soFar) {
      answer = true;
      this.#soFar = textSoFar;
      this.text = textSoFar;
    } else if (answer && this.#needText) this.text += event.text;
    const thinking = event.reasoning !== undefined && event.reasoning !== "";
    if (thinking) {
      this.sawReasoning = true;
      if (this.#needText) this.#thinking += event.reasoning;
    }
    if (answer) this.firstAnswerMs ??= atMs;
    if (answer || thinking) this.textEvents++;

    const newTokens = event.newTokens ?? 0;
    if (newTokens > 0) {
      this.#idTokens += newTokens;
      if (event.source !== undefined) this.#idSource = event.source;
    }
    let total = event.totalTokens;
    if (total !== undefined) {
      if (event.source !== undefined) this.#counterSource = event.source;
    } else if (this.#basis === "total" && this.#counter >= 0) {
      // Where chunks carry running totals, the closing usage is the last of them.
      total = event.usage?.outputTokens;
    }
    if (total !== undefined && total > this.#counter) this.#counter = total;
    if (total === undefined && this.#isAll(event, answer || thinking)) {
      total = event.usage?.outputTokens;
    }

    const before = this.#tokens;
    // A total of 0 beside text is no counter: some servers fill it in at the end only.
    if (this.#basis === undefined) {
      if (total !== undefined && total > 0) {
        this.#basis = "total";
        this.tickSource = this.#counter > 0 ? this.#counterSource : "usage";
      } else if (newTokens > 0) {
        this.#basis = "ids";
        this.tickSource = this.#idSource;
      } else if (answer || thinking) {
        this.#basis = "events";
        this.tickSource = "event";
      } else return;
    }
    if (this.#basis === "events") this.#tokens = this.textEvents;
    else if (this.#basis === "ids") this.#tokens += newTokens;
    else if (total !== undefined && total > before) this.#tokens = total;
    if (this.#tokens > before) this.#tick(atMs);
  }

  /** Does the event hold the whole generation, so that its usage counts its own tokens? */
  #isAll(event: EngineEvent, withText: boolean): boolean {
    return this.whole ||
      this.#basis === undefined && withText &&
        (event.finishReason !== undefined || event.end === true);
  }

  #tick(atMs: number): void {
    this.firstTokenMs ??= atMs;
    this.lastTokenMs = atMs;
    if (this.#tickRead !== this.#read) {
      this.#tickRead = this.#read;
      scratchMs[this.#ticks++] = atMs - this.#originMs;
    }
    scratchTokens[this.#ticks - 1] = this.#tokens;
  }

  tickMs(): Float64Array {
    return scratchMs.slice(0, this.#ticks);
  }

  tickTokens(): Uint32Array {
    return scratchTokens.slice(0, this.#ticks);
  }

  /** The best count that the stream gave; nothing when there was no event at all. */
  outputTokens(): TokenCount | undefined {
    if (this.events === 0) return undefined;
    const usage = this.usage?.outputTokens ?? -1;
    const running: TokenCount = this.#counter > 0
      ? { tokens: this.#counter, source: this.#counterSource }
      : { tokens: this.#idTokens, source: this.#idSource };
    if (running.tokens > 0 && running.tokens >= usage) return running;
    if (usage > 0) return { tokens: usage, source: "usage" };
    if (this.textEvents > 0) {
      // A total of 0 beside text was never filled in.
      return this.#countText === undefined
        ? { tokens: this.textEvents, source: "event" }
        : { tokens: this.#countText(this.#thinking + this.text), source: "tokenizer" };
    }
    if (this.#counter === 0) return { tokens: 0, source: this.#counterSource };
    return { tokens: 0, source: usage === 0 ? "usage" : "event" };
  }
}

/** Fields of reports that are no ordinary event, in any protocol. */
const UNUSUAL = { error: "value", message: "value", detail: "value", object: "value" } as const;

const scanners = new WeakMap<QuickEvents, JsonScanner>();

function scannerOf(quick: QuickEvents): JsonScanner {
  let scanner = scanners.get(quick);
  if (scanner === undefined) {
    scanner = new JsonScanner({ ...UNUSUAL, ...quick.wanted });
    scanners.set(quick, scanner);
  }
  return scanner;
}

function isUnusual(value: Readonly<Record<string, unknown>>): boolean {
  return Boolean(value.error || value.message || value.detail) || value.object === "error";
}

/** The server refused: its status says so, whatever became of the body. */
function refusal(exchange: Exchange, protocol: Protocol): Outcome {
  const message = serverMessage(protocol, decoder.decode(exchange.body));
  return { kind: "http_error", status: exchange.status, message };
}

function judge(
  exchange: Exchange,
  protocol: Protocol,
  request: GenerationRequest,
  reading: Reading,
  outputTokens: TokenCount | undefined,
): Outcome {
  const { end } = exchange;
  // What the engine says of itself is the cause; all else may be its consequence.
  if (reading.error !== undefined) return { kind: "engine_error", message: reading.error };
  if (reading.malformed !== undefined) {
    return { kind: "protocol_error", message: reading.malformed };
  }
  if (end.kind === "grpc_status") return grpcFailure(end.status, end.message, reading.events);
  // After the end mark the answer is whole: how the connection ends no longer matters.
  if (reading.endMarkMs === undefined) {
    switch (end.kind) {
      case "connect_error":
      case "timeout":
      case "cancelled":
        return { kind: end.kind, message: oneLine(end.message) };
      case "malformed":
        return { kind: "protocol_error", message: oneLine(end.message) };
      case "cut":
        return { kind: "truncated", message: oneLine(end.message) };
      case "complete":
        if (reading.torn) {
          return { kind: "truncated", message: "the body ended inside an event" };
        }
        if (
          reading.finishReason === undefined && protocol.endMark !== "eof" &&
          !(reading.whole && reading.events > 0)
        ) {
          return { kind: "truncated", message: "the body ended without an end mark" };
        }
    }
  }
  return judgeLength(request, protocol, outputTokens);
}

function judgeLength(
  request: GenerationRequest,
  protocol: Protocol,
  outputTokens: TokenCount | undefined,
): Outcome {
  const { tokens, source } = outputTokens ?? { tokens: 0, source: "event" };
  const wanted = request.outputTokens;
  if (tokens === 0) {
    return { kind: "wrong_length", message: `0 tokens delivered, ${wanted} requested` };
  }
  // Events are not tokens, and a text need not encode to the ids it came from: neither can prove
  // that a length was missed.
  const exact = source === "counter" || source === "ids" || source === "usage";
  if (request.length === "forced" && exact) {
    if (tokens < wanted || tokens > wanted + protocol.lengthTolerance) {
      return {
        kind: "wrong_length",
        message: `${tokens} tokens delivered (by ${source}), ${wanted} forced`,
      };
    }
  }
  return { kind: "ok" };
}

function grpcFailure(status: number, said: string, events: number): Outcome {
  const message = oneLine(`gRPC status ${status}${said === "" ? "" : `: ${said}`}`);
  if (status === GRPC_STATUS.DEADLINE_EXCEEDED) return { kind: "timeout", message };
  if (events === 0) return { kind: "http_error", status, message };
  // CANCELLED is also what a client reports when the server's process is killed.
  return status === GRPC_STATUS.CANCELLED || status === GRPC_STATUS.UNAVAILABLE
    ? { kind: "truncated", message }
    : { kind: "engine_error", message };
}

function serverMessage(protocol: Protocol, body: string): string {
  try {
    return oneLine(protocol.readError(body)) || "no message";
  } catch {
    return oneLine(body) || "no message";
  }
}

function quote(data: string | Uint8Array): string {
  if (typeof data === "string") return oneLine(data, QUOTED_CHARS);
  return Array.from(data.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
