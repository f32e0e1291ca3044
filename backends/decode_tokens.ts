/**
 * What the events of a body say about tokens: how many there were, when they came, and which of the
 * server's counts the stream contradicts.
 *
 * @module
 */
import type { EngineEvent, GenerationRequest, Usage } from "./protocol.ts";
import type { TokenCount, TokenSource } from "./record.ts";
import { type Exchange, KERNEL_STAMP_WIDTH_MS } from "./transport.ts";

/** With so many events since its last step, a running count stands still. */
const STILL_EVENTS = 3;

/** Two counts agree when the lower is at least this share of the higher. */
const AGREEMENT = 0.9;

/** What is kept besides counts and ticks. */
export interface TokenOptions {
  readonly originMs: number;
  readonly keepText?: boolean;
  readonly countText?: (text: string) => number;
  readonly eventTicks?: boolean;
}

/** Scratch space for ticks, whose number is not known beforehand. It grows and is reused. */
let scratchMs = new Float64Array(1024);
let scratchTokens = new Uint32Array(1024);
let scratchEvents = new Uint32Array(1024);
let scratchWidthUs = new Uint32Array(1024);

/** Counts the tokens of one body, event by event. */
export class BodyTokens {
  /** Events with something generated. */
  textEvents = 0;
  /** Of these, with thinking and nothing of the answer. */
  reasoningEvents = 0;
  /** Of these, with a part of a tool call. */
  toolEvents = 0;
  /** Of these, after the first and with usage. */
  usageEvents = 0;
  text = "";
  firstAnswerMs: number | undefined;
  firstToolMs: number | undefined;
  tickSource: TokenSource | undefined;
  usage: Usage | undefined;
  /** The body is a single event, so its usage counts its own tokens. */
  whole = false;

  readonly #exchange: Exchange;
  readonly #request: GenerationRequest;
  readonly #originMs: number;
  readonly #countText: ((text: string) => number) | undefined;
  readonly #needText: boolean;
  readonly #eventTicks: boolean;

  #idTokens = 0;
  #idSource: TokenSource = "ids";
  #counter = -1;
  #counterSource: TokenSource = "counter";
  #soFar = "";
  /** Text of thinking and tool calls. */
  #aside = "";
  /** Characters of everything generated, and of the thinking in it. */
  #chars = 0;
  #thinkingChars = 0;
  /** Characters of the first tick, and its text where it is kept. */
  #firstChars = 0;
  #firstText = "";

  /** What ticks count; fixed by the first event with tokens. */
  #basis: "total" | "ids" | "events" | undefined;
  /** Tokens so far on that basis. */
  #tokens = 0;
  /** How the engine's counter went: steps upwards after the first, and the largest. */
  #steps = 0;
  #largestStep = 1;
  /** Events with something generated before the counter's first value came, that one included. */
  #eventsAtCount = 0;
  /** What the closing usage counts beyond the counter. */
  #closing = 0;
  #ticks = 0;
  #tickRead = -1;
  /** The latest tick is as exact as the kernel's stamp, unless more comes with its read. */
  #exact = false;
  /** Every tick so far has a width. */
  #widths: boolean;

  constructor(exchange: Exchange, request: GenerationRequest, options: TokenOptions) {
    this.#exchange = exchange;
    this.#request = request;
    this.#originMs = options.originMs;
    this.#widths = exchange.readWidthMs !== undefined;
    this.#countText = options.countText;
    this.#eventTicks = options.eventTicks === true;
    this.#needText = options.keepText === true || options.countText !== undefined;
    // One slot more than there are reads, for bytes that no read accounts for.
    if (scratchMs.length <= exchange.readMs.length) {
      scratchMs = new Float64Array(exchange.readMs.length * 2);
      scratchTokens = new Uint32Array(exchange.readMs.length * 2);
      scratchEvents = new Uint32Array(exchange.readMs.length * 2);
      scratchWidthUs = new Uint32Array(exchange.readMs.length * 2);
    }
  }

  /** Takes the next event, which read `read` completed; returns whether it carries anything generated. */
  take(event: EngineEvent, atMs: number, endOffset: number, read: number): boolean {
    // A later event of the same read: the tick's own was not the last byte.
    if (this.#exact && this.#tickRead === read) this.#setWidth(read, false);
    if (event.usage !== undefined) {
      this.usage = this.usage === undefined ? event.usage : { ...this.usage, ...event.usage };
    }
    const generated = this.#takeGenerated(event, atMs, read);
    if (generated && event.usage !== undefined && this.textEvents > 1) this.usageEvents++;
    const newTokens = event.newTokens ?? 0;
    if (newTokens > 0) {
      this.#idTokens += newTokens;
      if (event.source !== undefined) this.#idSource = event.source;
    }
    let total = event.totalTokens;
    if (total !== undefined) {
      if (event.source !== undefined) this.#counterSource = event.source;
      if (total > this.#counter) this.#stepTo(total);
    } else if (this.#basis === "total" && this.#counter >= 0) {
      // Where chunks carry running totals, the closing usage is the last one.
      total = this.#closeCounter(event);
    }
    if (total === undefined && this.#isAll(event, generated)) total = event.usage?.outputTokens;

    const before = this.#tokens;
    // A total of 0 beside text is not a counter: some servers fill it in only at the end.
    if (this.#basis === undefined) {
      if (total !== undefined && total > 0) {
        this.#basis = "total";
        this.tickSource = this.#counter > 0 ? this.#counterSource : "usage";
      } else if (newTokens > 0) {
        this.#basis = "ids";
        this.tickSource = this.#idSource;
      } else if (generated) {
        this.#basis = "events";
        this.tickSource = "event";
      } else return generated;
    }
    if (this.#basis === "events") this.#tokens = this.textEvents;
    else if (this.#basis === "ids") this.#tokens += newTokens;
    else if (total !== undefined && total > before) this.#tokens = total;
    if (generated || this.#tokens > before) this.#tick(atMs, endOffset, read);
    return generated;
  }

  /** Notes what the event carries; returns whether that is anything. */
  #takeGenerated(event: EngineEvent, atMs: number, read: number): boolean {
    const { textSoFar, tool = "", reasoning = "" } = event;
    let chars = event.text?.length ?? 0;
    let text = event.text ?? "";
    if (textSoFar !== undefined && textSoFar !== this.#soFar) {
      chars = Math.max(1, textSoFar.length - this.#soFar.length);
      if (this.#needText) text = textSoFar.slice(this.#soFar.length);
      this.#soFar = textSoFar;
      this.text = textSoFar;
    } else if (chars > 0 && this.#needText) this.text += text;
    const answer = chars > 0 || event.other === true;
    if (answer) this.firstAnswerMs ??= atMs;
    if (tool !== "") {
      this.toolEvents++;
      this.firstToolMs ??= atMs;
    }
    if (reasoning !== "") {
      this.#thinkingChars += reasoning.length;
      if (!answer && tool === "") this.reasoningEvents++;
    }
    if (!answer && tool === "" && reasoning === "") return false;
    this.textEvents++;
    chars += tool.length + reasoning.length;
    this.#chars += chars;
    const inFirst = this.#ticks === 0 || this.#ticks === 1 && this.#tickRead === read;
    if (inFirst) this.#firstChars += chars;
    if (this.#needText) {
      this.#aside += reasoning + tool;
      if (inFirst) this.#firstText += text + reasoning + tool;
    }
    return true;
  }

  /** Takes the next value of the engine's counter. */
  #stepTo(total: number): void {
    if (this.#counter <= 0) {
      this.#eventsAtCount = this.textEvents;
    } else {
      this.#steps++;
      this.#largestStep = Math.max(this.#largestStep, total - this.#counter);
    }
    this.#counter = total;
  }

  /** The total that a closing event gives a running counter; nothing when it is no further step. */
  #closeCounter(event: EngineEvent): number | undefined {
    const total = event.usage?.outputTokens;
    if (total === undefined || total <= this.#counter) return total;
    const step = total - this.#counter;
    if (event.finishReason === undefined || step > 2 * this.#largestStep) {
      // Tokens that the stream did not show when they came, if ever.
      this.#closing = total;
      return undefined;
    }
    this.#stepTo(total);
    return total;
  }

  /** Whether the event holds the whole generation, so that its usage counts its own tokens. */
  #isAll(event: EngineEvent, generated: boolean): boolean {
    return this.whole ||
      this.#basis === undefined && generated &&
        (event.finishReason !== undefined || event.end === true);
  }

  #tick(atMs: number, endOffset: number, read: number): void {
    if (this.#tickRead !== read) {
      this.#tickRead = read;
      scratchMs[this.#ticks++] = atMs - this.#originMs;
      this.#setWidth(read, this.#exchange.readEnds[read] === endOffset);
    }
    scratchTokens[this.#ticks - 1] = this.#tokens;
    scratchEvents[this.#ticks - 1] = this.textEvents;
  }

  /** @param last the event ends with its read, whose last byte the kernel may have stamped. */
  #setWidth(read: number, last: boolean): void {
    if (!this.#widths) return;
    const widthMs = this.#exchange.readWidthMs![read] ?? NaN;
    this.#exact = widthMs < 0 && last;
    const ms = this.#exact ? KERNEL_STAMP_WIDTH_MS : Math.abs(widthMs);
    this.#widths = ms >= 0;
    // One more, because times are rounded to whole microseconds.
    scratchWidthUs[this.#ticks - 1] = Math.ceil(ms * 1000) + 1;
  }

  /** What came of all events together; called once, after the last of `events`. */
  result(events: number): TokenResult {
    const rejected = this.#rejectCounter();
    const { count, rejected: other } = events === 0
      ? { count: undefined }
      : this.#totalCount(rejected !== undefined);
    const hidden = count === undefined ? 0 : this.#hiddenTokens(count.tokens);
    const ticks = this.#chosenTicks(hidden);
    const unseen = Math.max(hidden, this.#closedUnseen(count, ticks));
    return {
      count,
      rejected: rejected ?? other,
      unseen,
      firstTick: this.#firstTick(ticks, (count?.tokens ?? 0) - unseen),
      ticks,
    };
  }

  /**
   * A running count that stands still while text comes, or that closes far from where it ran without
   * having agreed with the events, is no counter: ticks then count events. Returns the count.
   */
  #rejectCounter(): TokenCount | undefined {
    if (this.#basis !== "total" || this.#counter <= 0) return undefined;
    const later = this.textEvents - this.#eventsAtCount;
    const still = this.#steps === 0 && later >= STILL_EVENTS;
    const astray = this.#closing > 0 && later > 0 && this.#counter < AGREEMENT * this.textEvents;
    if (!still && !astray) return undefined;
    this.#basis = "events";
    this.tickSource = "event";
    return { tokens: this.#counter, source: this.#counterSource };
  }

  /** The best count that the stream gave. */
  #totalCount(
    counterRejected: boolean,
  ): { readonly count: TokenCount; readonly rejected?: TokenCount } {
    const { textEvents } = this;
    const usage = this.usage?.outputTokens ?? -1;
    const counter = Math.max(this.#counter, this.#closing);
    const running: TokenCount = counter > 0 && !counterRejected
      ? { tokens: counter, source: this.#counterSource }
      : { tokens: this.#idTokens, source: this.#idSource };
    if (running.tokens > 0 && running.tokens >= usage) return { count: running };
    const stated: TokenCount = { tokens: usage, source: "usage" };
    const byEvents: TokenCount = { tokens: textEvents, source: "event" };
    if (usage > 0) {
      // Hardly an event carries something generated without a token.
      const denied = textEvents >= STILL_EVENTS && usage < textEvents / 2 && !this.whole;
      return denied ? { count: byEvents, rejected: stated } : { count: stated };
    }
    if (textEvents === 0) {
      if (this.#counter === 0) return { count: { tokens: 0, source: this.#counterSource } };
      return { count: { tokens: 0, source: usage === 0 ? "usage" : "event" } };
    }
    // A total of 0 beside text was never filled in.
    if (this.#countText === undefined) return { count: byEvents };
    return this.#judgeTokenizer(byEvents, this.#countText(this.#aside + this.text));
  }

  /**
   * The text encoded again, where the stream does not deny it. A text need not encode to the ids that
   * it came from, and the tokenizer may be another model's, so what was asked for and the events, of
   * which hardly one has no token, come first.
   */
  #judgeTokenizer(
    byEvents: TokenCount,
    tokens: number,
  ): { readonly count: TokenCount; readonly rejected?: TokenCount } {
    const { length, outputTokens: asked } = this.#request;
    const counted: TokenCount = { tokens, source: "tokenizer" };
    const events = byEvents.tokens;
    const nearEvents = agree(tokens, events);
    if (tokens !== events && length === "forced" && events === asked) {
      return nearEvents ? { count: byEvents } : { count: byEvents, rejected: counted };
    }
    const possible = length === "forced"
      ? nearEvents || agree(tokens, asked)
      : tokens >= events && tokens <= asked || nearEvents || agree(tokens, asked);
    return possible ? { count: counted } : { count: byEvents, rejected: counted };
  }

  /** Tokens of thinking that were counted and not sent. */
  #hiddenTokens(total: number): number {
    const thought = this.usage?.reasoningTokens ?? 0;
    // A token has a character at least, so thinking of fewer was not all sent.
    if (thought === 0 || this.#thinkingChars >= thought) return 0;
    const others = this.textEvents - this.reasoningEvents;
    // Some engines leave thinking out of the total.
    if (total - thought < Math.min(others, 1)) return 0;
    return Math.max(0, thought - this.reasoningEvents);
  }

  /** Tokens that only the closing total counts. */
  #closedUnseen(count: TokenCount | undefined, { tokens }: Ticks): number {
    if (this.#closing === 0 || this.#basis !== "total" || count === undefined) return 0;
    return Math.max(0, count.tokens - (tokens[tokens.length - 1] ?? 0));
  }

  /** The ticks on the basis that held, without hidden tokens. */
  #chosenTicks(hidden: number): Ticks {
    const count = this.#ticks;
    const source = this.#basis === "events" ? scratchEvents : scratchTokens;
    const first = count === 0 ? 0 : source[0]!;
    // A counter includes what was thought before the first token was sent.
    const less = this.#basis !== "events" && first > hidden ? hidden : 0;
    // Reads that brought text and no token, such as the rest of one, are no ticks.
    let kept = count;
    for (let tick = 0; tick < count; tick++) {
      if (source[tick] === (tick === 0 ? 0 : source[tick - 1])) kept--;
    }
    const ticks = emptyTicks(kept, {
      widths: this.#widths && count > 0,
      events: this.#eventTicks,
    });
    const { ms, tokens, widthUs, events } = ticks;
    let place = 0;
    let before = 0;
    for (let tick = 0; tick < count; tick++) {
      const total = source[tick]!;
      if (total === before) continue;
      before = total;
      ms[place] = scratchMs[tick]!;
      tokens[place] = total - less;
      if (widthUs !== undefined) widthUs[place] = scratchWidthUs[tick]!;
      if (events !== undefined) events[place] = scratchEvents[tick]!;
      place++;
    }
    return ticks;
  }

  /** Tokens of the first tick where its events hold several each, out of `total` sent. */
  #firstTick({ ms, tokens }: Ticks, total: number): TokenCount | undefined {
    if (this.#basis !== "events" || ms.length < 2 || this.#chars === 0) return undefined;
    if (AGREEMENT * total <= this.textEvents) return undefined;
    const most = total - (ms.length - 1);
    const clamp = (count: number) => Math.max(tokens[0]!, Math.min(most, count));
    // A share, so that the tokenizer need not be the model's own.
    const text = this.#aside + this.text;
    const all = this.#countText?.(text) ?? 0;
    if (this.#countText !== undefined && all > 0) {
      // What follows may join the last token of the first text.
      const first = text.startsWith(this.#firstText)
        ? all - this.#countText(text.slice(this.#firstText.length))
        : this.#countText(this.#firstText);
      return { tokens: clamp(Math.round(first / all * total)), source: "tokenizer" };
    }
    const share = this.#firstChars / this.#chars;
    return { tokens: clamp(Math.round(share * total)), source: "estimate" };
  }
}

/** Ticks as a record has them. */
export interface Ticks {
  /** Relative to the origin. */
  readonly ms: Float64Array;
  /** Tokens so far at each. */
  readonly tokens: Uint32Array;
  /** How much earlier each may have been, in µs; absent where one of them is unknown. */
  readonly widthUs: Uint32Array | undefined;
  /** Events with something generated so far at each, where they are wanted. */
  readonly events: Uint32Array | undefined;
}

const NO_MS = new Float64Array(0);
const NO_TOKENS = new Uint32Array(0);

/** Lists of so many ticks, side by side in memory of their own: of arrays apart each costs as much again. */
function emptyTicks(
  count: number,
  { widths, events }: { readonly widths: boolean; readonly events: boolean },
): Ticks {
  if (count === 0) {
    return {
      ms: NO_MS,
      tokens: NO_TOKENS,
      widthUs: widths ? NO_TOKENS : undefined,
      events: events ? NO_TOKENS : undefined,
    };
  }
  const memory = new ArrayBuffer(count * (12 + (widths ? 4 : 0) + (events ? 4 : 0)));
  return {
    ms: new Float64Array(memory, 0, count),
    tokens: new Uint32Array(memory, 8 * count, count),
    widthUs: widths ? new Uint32Array(memory, 12 * count, count) : undefined,
    events: events ? new Uint32Array(memory, (widths ? 16 : 12) * count, count) : undefined,
  };
}

/** What the events of a body say about tokens. */
export interface TokenResult {
  /** The best count; absent when there was no event at all. */
  readonly count: TokenCount | undefined;
  /** A count that the stream contradicts. */
  readonly rejected: TokenCount | undefined;
  /** Tokens that were counted and not sent. */
  readonly unseen: number;
  /** The record's `firstTickTokens`. */
  readonly firstTick: TokenCount | undefined;
  readonly ticks: Ticks;
}

/** Whether two counts are about the same; one more may be a special token's. */
function agree(one: number, other: number): boolean {
  return Math.abs(one - other) <= Math.max(1, (1 - AGREEMENT) * Math.max(one, other));
}
