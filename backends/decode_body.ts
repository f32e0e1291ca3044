/**
 * Reads the events of a body: text, token counts, and when they arrived.
 *
 * @module
 */
import { messageOf, oneLine } from "./error_message.ts";
import { cutEvents, hasLargerEvent } from "./framing.ts";
import { scanSse } from "./framing_sse_scan.ts";
import { JsonScanner } from "./json_scan.ts";
import { largeEventMessage, maxEventBytes } from "./limits.ts";
import type { EngineEvent, GenerationRequest, Protocol, QuickEvents, Usage } from "./protocol.ts";
import type { TokenCount, TokenSource } from "./record.ts";
import { type Exchange, KERNEL_STAMP_WIDTH_MS } from "./transport.ts";

/**
 * Events that cannot be read, after which nothing more of a body is: the first of them has decided
 * the outcome, and each is an exception, a hundred times the work of one that can be read.
 */
const MOST_UNREADABLE = 100;

/** Thrown to end the reading. */
const ENOUGH = Symbol("enough");

/** Characters of an offending event that its message quotes. */
const QUOTED_CHARS = 120;

const decoder = new TextDecoder();

interface BodyOptions {
  readonly originMs: number;
  readonly keepText?: boolean;
  readonly countText?: (text: string) => number;
  readonly maxAnswerBytes?: number;
}

/** Scratch space for ticks, whose number is not known beforehand. It grows and is reused. */
let scratchMs = new Float64Array(1024);
let scratchTokens = new Uint32Array(1024);
let scratchWidthUs = new Uint32Array(1024);

/** One pass over the events of an exchange, and what they said. */
export class BodyReader {
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
  /** The first error that the engine reported. */
  error: string | undefined;
  /** The first event that could not be read, or bytes that are not events at all. */
  malformed: string | undefined;
  /** The last event was incomplete. */
  torn = false;
  /** The body is a single event, so its usage counts its own tokens. */
  readonly whole: boolean;

  readonly #exchange: Exchange;
  readonly #protocol: Protocol;
  readonly #request: GenerationRequest;
  readonly #originMs: number;
  readonly #countText: ((text: string) => number) | undefined;
  readonly #needText: boolean;
  readonly #maxAnswerBytes: number | undefined;
  /** The read that completed the current event. */
  #readIndex = 0;

  #unreadable = 0;

  #idTokens = 0;
  #idSource: TokenSource = "ids";
  #counter = -1;
  #counterSource: TokenSource = "counter";
  #soFar = "";
  #thinking = "";

  /** What ticks count; fixed by the first event with tokens. */
  #basis: "total" | "ids" | "events" | undefined;
  /** Tokens so far on that basis. */
  #tokens = 0;
  #ticks = 0;
  #tickRead = -1;
  /** The latest tick is as exact as the kernel's stamp, unless more comes with its read. */
  #exact = false;
  /** Every tick so far has a width. */
  #widths: boolean;

  constructor(
    exchange: Exchange,
    protocol: Protocol,
    request: GenerationRequest,
    options: BodyOptions,
  ) {
    this.#exchange = exchange;
    this.#protocol = protocol;
    this.#request = request;
    this.#originMs = options.originMs;
    this.#widths = exchange.readWidthMs !== undefined;
    this.#countText = options.countText;
    this.#maxAnswerBytes = options.maxAnswerBytes;
    this.#needText = options.keepText === true || options.countText !== undefined;
    this.whole = protocol.framing(request.stream) === "json";
    // One slot more than there are reads, for bytes that no read accounts for.
    if (scratchMs.length <= exchange.readMs.length) {
      scratchMs = new Float64Array(exchange.readMs.length * 2);
      scratchTokens = new Uint32Array(exchange.readMs.length * 2);
      scratchWidthUs = new Uint32Array(exchange.readMs.length * 2);
    }
  }

  /** Reads all events; called once. */
  read(): void {
    const { body } = this.#exchange;
    const framing = this.#protocol.framing(this.#request.stream);
    if (hasLargerEvent(framing, body, maxEventBytes(this.#maxAnswerBytes))) {
      this.malformed = largeEventMessage(this.#maxAnswerBytes);
      return;
    }
    const { quick } = this.#protocol;
    const take = (data: string | Uint8Array, endOffset: number, terminated: boolean) =>
      this.#take(data, endOffset, terminated);
    try {
      if (framing !== "sse" || quick === undefined) cutEvents(framing, body, take);
      else {
        scanSse(body, scannerOf(quick), (value, endOffset) => {
          if (isUnusual(value)) return false;
          const event = quick.read(value, this.#request);
          this.#use(event, this.#arrival(endOffset), endOffset);
          return true;
        }, take);
      }
    } catch (error) {
      if (error !== ENOUGH) this.malformed ??= oneLine(messageOf(error));
    }
    if (framing === "sse" && this.events === 0 && body.length > 0) this.#readBareBody();
  }

  /** Reads an `sse` body without events: JSON in place of the stream, or not the protocol at all. */
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
      if (++this.#unreadable === MOST_UNREADABLE) throw ENOUGH;
      return;
    }
    this.#use(event, atMs, endOffset);
  }

  /** When the bytes up to `endOffset` had arrived; called with increasing offsets. */
  #arrival(endOffset: number): number {
    const { readEnds, readMs } = this.#exchange;
    while (this.#readIndex < readEnds.length && readEnds[this.#readIndex]! < endOffset) {
      this.#readIndex++;
    }
    return this.#readIndex < readMs.length ? readMs[this.#readIndex]! : this.#exchange.endMs;
  }

  #use(event: EngineEvent, atMs: number, endOffset: number): void {
    this.events++;
    // A later event of the same read: the tick's own was not the last byte.
    if (this.#exact && this.#tickRead === this.#readIndex) this.#setWidth(false);
    this.firstEventMs ??= atMs;
    if (event.error !== undefined) this.error ??= oneLine(event.error);
    if (event.finishReason !== undefined) this.finishReason = event.finishReason;
    if (event.usage !== undefined) {
      this.usage = this.usage === undefined ? event.usage : { ...this.usage, ...event.usage };
    }
    this.#count(event, atMs, endOffset);
    if (event.end) this.endMarkMs ??= atMs;
  }

  #count(event: EngineEvent, atMs: number, endOffset: number): void {
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
      // Where chunks carry running totals, the closing usage is the last one.
      total = event.usage?.outputTokens;
    }
    if (total !== undefined && total > this.#counter) this.#counter = total;
    if (total === undefined && this.#isAll(event, answer || thinking)) {
      total = event.usage?.outputTokens;
    }

    const before = this.#tokens;
    // A total of 0 beside text is not a counter: some servers fill it in only at the end.
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
    if (this.#tokens > before) this.#tick(atMs, endOffset);
  }

  /** Whether the event holds the whole generation, so that its usage counts its own tokens. */
  #isAll(event: EngineEvent, withText: boolean): boolean {
    return this.whole ||
      this.#basis === undefined && withText &&
        (event.finishReason !== undefined || event.end === true);
  }

  #tick(atMs: number, endOffset: number): void {
    this.firstTokenMs ??= atMs;
    this.lastTokenMs = atMs;
    if (this.#tickRead !== this.#readIndex) {
      this.#tickRead = this.#readIndex;
      scratchMs[this.#ticks++] = atMs - this.#originMs;
      this.#setWidth(this.#exchange.readEnds[this.#readIndex] === endOffset);
    }
    scratchTokens[this.#ticks - 1] = this.#tokens;
  }

  /** @param last the event ends with its read, whose last byte the kernel may have stamped. */
  #setWidth(last: boolean): void {
    if (!this.#widths) return;
    const widthMs = this.#exchange.readWidthMs![this.#readIndex] ?? NaN;
    this.#exact = widthMs < 0 && last;
    const ms = this.#exact ? KERNEL_STAMP_WIDTH_MS : Math.abs(widthMs);
    this.#widths = ms >= 0;
    // One more, because times are rounded to whole microseconds.
    scratchWidthUs[this.#ticks - 1] = Math.ceil(ms * 1000) + 1;
  }

  /** Times of the ticks, relative to the origin. */
  tickMs(): Float64Array {
    return scratchMs.slice(0, this.#ticks);
  }

  /** Tokens so far at each tick. */
  tickTokens(): Uint32Array {
    return scratchTokens.slice(0, this.#ticks);
  }

  /** How much earlier each may have been, in µs; absent where one of them is unknown. */
  tickWidthUs(): Uint32Array | undefined {
    return this.#widths && this.#ticks > 0 ? scratchWidthUs.slice(0, this.#ticks) : undefined;
  }

  /** The best count that the stream gave; `undefined` when there was no event at all. */
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

/** Fields that mark an event as an error report rather than an ordinary one, in any protocol. */
const UNUSUAL = { error: "value", message: "value", detail: "value", object: "value" } as const;

const scanners = new WeakMap<QuickEvents, JsonScanner>();

function scannerOf(quick: QuickEvents): JsonScanner {
  let scanner = scanners.get(quick);
  if (scanner === undefined) {
    scanner = new JsonScanner({ ...UNUSUAL, ...quick.fields });
    scanners.set(quick, scanner);
  }
  return scanner;
}

function isUnusual(value: Readonly<Record<string, unknown>>): boolean {
  return Boolean(value.error || value.message || value.detail) || value.object === "error";
}

/** What the server says in a body that reports a failure. */
export function serverMessage(protocol: Protocol, body: string): string {
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
