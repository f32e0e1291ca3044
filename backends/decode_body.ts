/**
 * Reads the events of a body, and when they arrived.
 *
 * @module
 */
import { describePage, errorMessage, messageOf, oneLine } from "./error_message.ts";
import { cutEvents, unfitEvents } from "./framing.ts";
import type { EventSink } from "./event_sink.ts";
import { scanSse } from "./framing_sse_scan.ts";
import { JsonScanner } from "./json_scan.ts";
import { largeEventMessage, manyEventsMessage, maxEventBytes, maxEvents } from "./limits.ts";
import { BodyTokens, type TokenOptions } from "./decode_tokens.ts";
import type { EngineEvent, GenerationRequest, Protocol, QuickEvents } from "./protocol.ts";
import type { Exchange } from "./transport.ts";

/**
 * Events that cannot be read, after which nothing more of a body is: the first of them has decided
 * the outcome, and each is an exception, a hundred times the work of one that can be read.
 */
const MOST_UNREADABLE = 100;

/** Thrown to end the reading. */
const ENOUGH = Symbol("enough");

/** Characters of an offending event that its message quotes. */
const QUOTED_CHARS = 120;

/** Between an event and the next there is no more than line ends and a short comment. */
const BETWEEN_EVENTS_BYTES = 8;

/** Bytes of one write, cut on their way, come within this. */
const SAME_WRITE_MS = 2;

/** Names of server-sent events that report a failure, whatever their data. */
const ERROR_EVENT = /^(error|failed|failure|exception)$|[._-](error|failed)$/i;

/** Data that only keeps a connection open. */
const KEEP_ALIVE = /^\W*(ping|pong|heart-?beat|keep-?alive|processing|ok)\W*$/i;

const decoder = new TextDecoder();

interface BodyOptions extends TokenOptions {
  readonly maxAnswerBytes?: number;
}

/** One pass over the events of an exchange, and what they said. */
export class BodyReader {
  events = 0;
  firstEventMs: number | undefined;
  endMarkMs: number | undefined;
  finishReason: string | undefined;
  /** The last times of its own that the engine told. */
  timings: EngineEvent["timings"];
  /** The first error that the engine reported. */
  error: string | undefined;
  /** The first event that could not be read, or bytes that are not events at all. */
  malformed: string | undefined;
  /** The last event was incomplete. */
  torn = false;
  /** What the events say about tokens. */
  readonly tokens: BodyTokens;
  /** Reads with several events that something on the way cut by bytes. */
  heldReads = 0;

  readonly #exchange: Exchange;
  readonly #protocol: Protocol;
  readonly #request: GenerationRequest;
  readonly #maxAnswerBytes: number | undefined;
  readonly #mostEvents: number;
  /** The read that completed the current event. */
  #readIndex = 0;

  #unreadable = 0;

  /** Where the last event ended, and how many with something generated its read held. */
  #lastEnd = 0;
  #readEvents = 0;

  constructor(
    exchange: Exchange,
    protocol: Protocol,
    request: GenerationRequest,
    options: BodyOptions,
  ) {
    this.#exchange = exchange;
    this.#protocol = protocol;
    this.#request = request;
    this.#maxAnswerBytes = options.maxAnswerBytes;
    this.#mostEvents = maxEvents(options.maxAnswerBytes);
    this.tokens = new BodyTokens(exchange, request, options);
    this.tokens.whole = protocol.framing(request.stream) === "json";
  }

  /** Reads all events; called once. */
  read(): void {
    const { body } = this.#exchange;
    const framing = this.#protocol.framing(this.#request.stream);
    const unfit = unfitEvents(framing, body, {
      bytes: maxEventBytes(this.#maxAnswerBytes),
      count: this.#mostEvents,
    });
    if (unfit !== undefined) {
      const say = unfit === "large" ? largeEventMessage : manyEventsMessage;
      this.malformed = say(this.#maxAnswerBytes);
      return;
    }
    const { quick } = this.#protocol;
    const take: EventSink<string | Uint8Array> = (data, endOffset, terminated, name) =>
      this.#take(data, endOffset, terminated, name);
    try {
      if (framing !== "sse" || quick === undefined) cutEvents(framing, body, take);
      else {
        scanSse(body, scannerOf(quick), (value, endOffset) => {
          if (isUnusual(value)) return false;
          const event = quick.read(value, this.#request);
          if (quick.orWhole && nothingGenerated(event)) return false;
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
    const text = decoder.decode(body.subarray(0, maxEventBytes(this.#maxAnswerBytes))).trim();
    if (text.startsWith("[") && isListedError(text)) {
      this.error = serverMessage(this.#protocol, text);
    } else if (text.startsWith("{")) {
      this.tokens.whole = true;
      this.#take(text, body.length, false);
      if (this.torn || this.error !== undefined) return;
      if (this.tokens.textEvents === 0 && this.finishReason === undefined) {
        this.error = serverMessage(this.#protocol, text);
      }
    } else if (end.kind === "complete" && text !== "" && !/^(?::|data|event|id|retry)/.test(text)) {
      const page = describePage(text);
      this.malformed ??= page === undefined
        ? `no event in the stream, which begins "${oneLine(text, QUOTED_CHARS)}"`
        : `no event in the stream: an ${page} came`;
    }
  }

  #take(
    data: string | Uint8Array,
    endOffset: number,
    terminated: boolean,
    name: string = "",
  ): void {
    const { end } = this.#exchange;
    const atMs = this.#arrival(endOffset);
    const failed = ERROR_EVENT.test(name);
    if (!failed && terminated && isKeepAlive(name, data)) return;
    let event: EngineEvent;
    try {
      event = this.#protocol.readEvent(data, this.#request);
      if (failed && event.error === undefined) {
        event = { error: serverMessage(this.#protocol, String(data)) };
      }
    } catch (error) {
      if (failed) {
        this.#use({ error: serverMessage(this.#protocol, String(data)) }, atMs, endOffset);
      } else if (!terminated || (this.tokens.whole && end.kind !== "complete")) this.torn = true;
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
    if (readEnds[this.#readIndex]! < endOffset) {
      if (this.#readEvents > 1) this.#lookForHolding();
      this.#readEvents = 0;
      do this.#readIndex++; while (readEnds[this.#readIndex]! < endOffset);
    }
    return this.#readIndex < readMs.length ? readMs[this.#readIndex]! : this.#exchange.endMs;
  }

  #use(event: EngineEvent, atMs: number, endOffset: number): void {
    if (++this.events > this.#mostEvents) {
      this.malformed ??= manyEventsMessage(this.#maxAnswerBytes);
      throw ENOUGH;
    }
    this.firstEventMs ??= atMs;
    if (event.error !== undefined) this.error ??= oneLine(event.error);
    if (event.finishReason !== undefined) this.finishReason = event.finishReason;
    if (event.timings !== undefined) this.timings = event.timings;
    if (this.tokens.take(event, atMs, endOffset, this.#readIndex)) this.#readEvents++;
    this.#lastEnd = endOffset;
    if (event.end) this.endMarkMs ??= atMs;
  }

  /**
   * Counts the read that ends with the last event, when it ended inside the next one and that one's
   * rest came only later: whatever passes the stream on waits until a buffer is full.
   */
  #lookForHolding(): void {
    const { readEnds, readMs } = this.#exchange;
    const read = this.#readIndex;
    if (readEnds[read]! - this.#lastEnd <= BETWEEN_EVENTS_BYTES || read + 1 >= readMs.length) {
      return;
    }
    if (readMs[read + 1]! - readMs[read]! > SAME_WRITE_MS) this.heldReads++;
  }
}

/** Whether data that is none of the protocol's is there by design: under a name, or as a word. */
function isKeepAlive(name: string, data: string | Uint8Array): boolean {
  if (typeof data !== "string" || data.startsWith("{") || data.startsWith("[")) return false;
  return name !== "" && name !== "message" || KEEP_ALIVE.test(data);
}

function nothingGenerated({ text, reasoning, tool, other, newTokens }: EngineEvent): boolean {
  return text === undefined && reasoning === undefined && tool === undefined && !other &&
    newTokens === undefined;
}

/** Fields that mark an event as an error report rather than an ordinary one, in any protocol. */
const UNUSUAL = {
  ...{ error: "value", message: "value", detail: "value", msg: "value" } as const,
  object: "value",
} as const;

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
  return Boolean(value.error || value.message || value.detail || value.msg) ||
    value.object === "error";
}

/** Whether a body is a list with the words of an error. */
function isListedError(body: string): boolean {
  try {
    return errorMessage(JSON.parse(body)) !== undefined;
  } catch {
    return false;
  }
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
