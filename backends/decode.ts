/**
 * Turns what the wire showed of one request into observations: text, tokens, times, outcome.
 *
 * @module
 */
import { BodyReader } from "./decode_body.ts";
import { bodyOutcome, refusedOutcome } from "./decode_outcome.ts";
import { readServerTimings } from "./decode_timings.ts";
import { defined } from "./defined.ts";
import { isObject } from "./json_event.ts";
import type { GenerationRequest, Protocol } from "./protocol.ts";
import type { Outcome, RecordDraft, RequestRecord, TokenCount } from "./record.ts";
import type { Exchange } from "./transport.ts";

/** What a record says of a request besides what came back. */
export interface DecodeOptions
  extends Pick<RequestRecord, "load" | "phase" | "index" | "user" | "promptId"> {
  /** When the schedule wanted it to leave, on the transport's clock. */
  readonly intendedMs: number;
  /** Start of the load on the transport's clock: subtracted from every time. */
  readonly originMs: number;
  /** Our count, used where the engine gives none. */
  readonly promptTokens?: TokenCount;
  /** Keep the text of the answer. Default false. */
  readonly keepText?: boolean;
  /** Largest body that the transport took; an event may take a quarter of it. Default 48 MiB. */
  readonly maxAnswerBytes?: number;
  /** Counts the tokens of a text (thinking included) where the engine gives no count. */
  readonly countText?: (text: string) => number;
  /** Note the events at each tick, for a script's own numbers. Default false. */
  readonly eventTicks?: boolean;
}

const OPEN_OBJECT = 0x7b;
const NO_MS = new Float64Array(0);
const NO_TOKENS = new Uint32Array(0);

/**
 * Reads the events of a finished exchange. A failure of the server becomes part of the record and
 * is never thrown.
 *
 * Times: an event arrived with the first read that completes it, and all events of one read are
 * one tick. Running token counts rest on what the first event with tokens offers: its counter, else
 * its ids, else one token per event with text. The final count is the best that the stream gave:
 * counter, ids, usage, our count of the text, events. Usage wins over fewer ids, because chunks that
 * a server's parser swallows take their ids with them.
 *
 * @example
 * ```ts
 * import { findProtocol } from "@tokometer/tokometer";
 * import { decodeExchange } from "@tokometer/tokometer/backends";
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
 *   findProtocol("openai-completions"),
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
  const body = refused ? undefined : new BodyReader(exchange, protocol, request, options);
  body?.read();
  const found = body?.tokens.result(body.events);
  const outputTokens = found?.count;
  const outcome = body === undefined
    ? refusedOutcome(exchange, protocol)
    : bodyOutcome(exchange, protocol, request, body, outputTokens);
  const usage = body?.tokens.usage;
  const promptTokens: TokenCount | undefined = usage?.promptTokens !== undefined
    ? { tokens: usage.promptTokens, source: "usage" }
    : options.promptTokens;
  // Written out, here and below: spreading would cost a microsecond per request.
  const record: RecordDraft = {
    load: options.load,
    phase: options.phase,
    index: options.index,
    user: options.user,
    promptId: options.promptId,
    intendedMs: options.intendedMs - originMs,
    requestedTokens: request.outputTokens,
    lengthForced: request.length === "forced",
    sentMs: exchange.sentMs - originMs,
    tickMs: found?.ticks.ms ?? NO_MS,
    tickTokens: found?.ticks.tokens ?? NO_TOKENS,
    reads: exchange.readMs.length,
    events: body?.events ?? 0,
    bytes: exchange.body.length,
    connection: exchange.connection,
    outcome,
    endMs: (body?.endMarkMs ?? exchange.endMs) - originMs,
  };
  // A field that was not observed stays absent.
  if (exchange.departedMs !== undefined) {
    // The answer's head shows that the request had arrived.
    const byMs = Math.min(exchange.departedMs, exchange.firstByteMs ?? Infinity);
    record.departedMs = byMs - originMs;
  }
  if (exchange.firstByteMs !== undefined) record.firstByteMs = exchange.firstByteMs - originMs;
  if (exchange.connectMs !== undefined) record.connectMs = exchange.connectMs;
  if (promptTokens !== undefined) record.promptTokens = promptTokens;
  if (outputTokens !== undefined) record.outputTokens = outputTokens;
  if (usage?.cachedTokens !== undefined) record.cachedTokens = usage.cachedTokens;
  if (usage?.reasoningTokens !== undefined) record.reasoningTokens = usage.reasoningTokens;
  if (body === undefined || found === undefined) {
    // The object that names the cause is what came, if one did.
    const readMs = exchange.readMs[0];
    if (refused && readMs !== undefined && isObjectText(exchange.body)) {
      record.firstEventMs = readMs - originMs;
    }
    return record;
  }
  const { ticks, rejected, unseen, firstTick } = found;
  const { firstEventMs } = body;
  const { firstAnswerMs, firstToolMs } = body.tokens;
  if (firstEventMs !== undefined) record.firstEventMs = firstEventMs - originMs;
  if (ticks.ms.length > 0) {
    record.firstTokenMs = ticks.ms[0]!;
    record.lastTokenMs = ticks.ms[ticks.ms.length - 1]!;
    if (ticks.widthUs !== undefined) record.tickWidthUs = ticks.widthUs;
  }
  if (body.tokens.reasoningEvents + body.tokens.toolEvents > 0 && firstAnswerMs !== undefined) {
    record.firstAnswerMs = firstAnswerMs - originMs;
  }
  if (firstToolMs !== undefined) record.firstToolMs = firstToolMs - originMs;
  if (body.tokens.tickSource !== undefined) record.tickSource = body.tokens.tickSource;
  if (body.tokens.textEvents > 0) record.textEvents = body.tokens.textEvents;
  if (body.tokens.reasoningEvents > 0) record.reasoningEvents = body.tokens.reasoningEvents;
  if (body.tokens.toolEvents > 0) record.toolEvents = body.tokens.toolEvents;
  if (body.tokens.whole && body.events > 0) record.wholeBody = true;
  if (body.heldReads > 0) record.heldReads = body.heldReads;
  if (ticks.events !== undefined) record.tickEvents = ticks.events;
  if (options.eventTicks && body.tokens.usageEvents > 0) {
    record.usageEvents = body.tokens.usageEvents;
  }
  if (outcome.kind === "ok" && isUnmarked(exchange, body, protocol)) record.unmarkedEnd = true;
  if (unseen > 0) record.unseenTokens = unseen;
  if (rejected !== undefined) record.rejectedCount = rejected;
  if (firstTick !== undefined) record.firstTickTokens = firstTick;
  const timings = body.timings === undefined ? undefined : readServerTimings(body.timings);
  if (timings !== undefined) record.serverTimings = timings;
  if (body.finishReason !== undefined) record.finishReason = body.finishReason;
  if (options.keepText) record.text = body.tokens.text;
  return record;
}

function isObjectText(body: Uint8Array): boolean {
  // Most refusals are short; of a page nothing is parsed.
  if (body[0] !== OPEN_OBJECT) return false;
  try {
    return isObject(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    return false;
  }
}

/** Whether an answer that counts as complete could as well have been cut short. */
function isUnmarked(exchange: Exchange, body: BodyReader, protocol: Protocol): boolean {
  // A gRPC status is an end mark, and a whole body has a length.
  return protocol.carrier === "http" && exchange.status !== 0 && !body.tokens.whole &&
    body.endMarkMs === undefined && body.finishReason === undefined &&
    body.tokens.usage?.outputTokens === undefined;
}

/**
 * Reads an exchange that belongs to no load, such as a check or a probe: its times count from the
 * moment it was sent.
 */
export function decodeSingle(
  exchange: Exchange,
  protocol: Protocol,
  request: GenerationRequest,
  options: Pick<DecodeOptions, "promptId" | "keepText" | "maxAnswerBytes">,
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
  const { load, phase, index, user, promptId, intendedMs, originMs, promptTokens } = options;
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
    ...defined({ promptTokens }),
    connection: "unknown",
    outcome,
  };
}
