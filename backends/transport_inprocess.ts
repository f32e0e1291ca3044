/**
 * The transport `inprocess`: requests go to an engine in a worker of its own instead of to a server.
 * Its stamps are the engine's, taken when a token is produced, so latencies contain neither the
 * message to this thread nor this thread's work.
 *
 * The weights are loaded before the first request counts as sent.
 *
 * @module
 */
import { type BodyLog, LogPool } from "./buffers.ts";
import { type Clock, epochOriginMs } from "./clock.ts";
import { defined } from "./defined.ts";
import { deadlineOf, finishExchange, neverSent, stoppedEnd } from "./exchange.ts";
import type {
  EngineCall,
  EnginePrompt,
  EngineSettings,
  FromEngine,
  GenerationEvent,
  ToEngine,
} from "./inprocess_messages.ts";
import type { TextMessage, WireRequest } from "./protocol.ts";
import { INPROCESS_SCHEME, TOKENIZE_PATH } from "./protocol_transformers.ts";
import {
  countRead,
  type Exchange,
  type ExchangeEnd,
  type SendOptions,
  type Transport,
  TRANSPORT_COUNTERS,
  type TransportKind,
  type TransportOptions,
} from "./transport.ts";
import { type StopReason, Watchdog, type WatchedExchange } from "./watchdog.ts";
import { startWorker } from "./worker.ts";

export const inprocessTransport: TransportKind = {
  name: "inprocess",
  open: (options) => new InprocessTransport(options, startEngineWorker),
};

/** An engine's thread, seen from outside. */
export interface EnginePort {
  send(message: ToEngine): void;
  listen(listener: (message: FromEngine) => void): void;
  end(): void;
}

export type StartEngine = () => EnginePort;

/** Opens the transport with another engine: for tests. */
export function openInprocess(options: TransportOptions, start: StartEngine): Transport {
  return new InprocessTransport(options, start);
}

const encoder = new TextEncoder();

class InprocessTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #start: StartEngine;
  readonly #counters: Uint32Array;
  readonly #watchdog: Watchdog;
  readonly #logs = new LogPool();
  readonly #generations = new Map<number, Generation>();
  readonly #tokenizing = new Map<number, (answer: string) => void>();
  #port: EnginePort | undefined;
  /** `model` and settings of the engine that runs. */
  #model = "";
  #opening: Promise<void> | undefined;
  #warming: Promise<void> | undefined;
  #warm = false;
  #resolve: Partial<Record<FromEngine["kind"], () => void>> = {};
  #reject: ((error: Error) => void) | undefined;
  #failure: string | undefined;
  /** Adds to the engine's stamps to make them ours. */
  #offsetMs = 0;
  #number = 0;

  constructor(options: TransportOptions, start: StartEngine) {
    this.#options = options;
    this.#start = start;
    this.#counters = options.counters ?? new Uint32Array(TRANSPORT_COUNTERS);
    this.#watchdog = new Watchdog(options.clock);
  }

  async ready(requests: readonly WireRequest[]): Promise<void> {
    const first = requests[0];
    if (first === undefined) return;
    await this.#open(first);
    await (this.#warming ??= this.#ask("warmed", { kind: "warm" }));
    this.#warm = true;
  }

  async send(request: WireRequest, options: SendOptions): Promise<Exchange> {
    const { clock } = this.#options;
    try {
      if (request.url.endsWith(`#${TOKENIZE_PATH}`)) return await this.#tokenize(request);
      // Once everything is ready, no turn of the event loop: the request leaves at once.
      if (!this.#warm) await this.ready([request]);
      this.#checkModel(request);
    } catch (error) {
      return neverSent(clock.now(), error);
    }
    const number = this.#number++;
    const call = readCall(request);
    return await new Promise((resolve) => {
      const generation = new Generation({
        clock,
        offsetMs: this.#offsetMs,
        counters: this.#counters,
        log: this.#logs.take(),
        options,
        cancel: () => this.#port?.send({ kind: "cancel", number }),
        settle: (exchange) => {
          this.#generations.delete(number);
          this.#watchdog.release(generation);
          resolve(exchange);
        },
      });
      if (options.signal?.aborted) return generation.stop("cancelled");
      if (this.#failure !== undefined) return generation.fail(this.#failure);
      this.#generations.set(number, generation);
      this.#watchdog.watch(generation, deadlineOf(generation.sentMs, options), options.signal);
      this.#port!.send({ kind: "generate", number, call });
    });
  }

  async close(): Promise<void> {
    this.#watchdog.close();
    const port = this.#port;
    if (port === undefined) return;
    this.#port = undefined;
    if (this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#resolve.closed = resolve;
        this.#reject = () => resolve();
        port.send({ kind: "close" });
      });
    }
    port.end();
  }

  async #open(request: WireRequest): Promise<void> {
    if (this.#opening === undefined) {
      const model = this.#model = modelOf(request);
      const port = this.#port = this.#start();
      port.listen((message) => this.#receive(message));
      const settings = readSettings(request);
      this.#opening = this.#ask("opened", { kind: "open", model, settings });
    }
    await this.#opening;
    this.#checkModel(request);
  }

  #checkModel(request: WireRequest): void {
    const model = modelOf(request);
    if (model !== this.#model) {
      throw new TypeError(`Cannot run "${model}": this transport has loaded "${this.#model}"`);
    }
  }

  /** Sends one of the messages that are answered in order. */
  #ask(answer: "opened" | "warmed", message: ToEngine): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(new TypeError(this.#failure));
      this.#resolve[answer] = resolve;
      this.#reject = reject;
      this.#port!.send(message);
    });
  }

  async #tokenize(request: WireRequest): Promise<Exchange> {
    const { clock } = this.#options;
    await this.#open(request);
    const sentMs = clock.now();
    const answer = await new Promise<string>((resolve) => {
      const number = this.#number++;
      this.#tokenizing.set(number, resolve);
      if (this.#failure !== undefined) return this.#fail(this.#failure);
      this.#port!.send({ kind: "tokenize", number, prompt: readPrompt(parseBody(request)) });
    });
    const log = this.#logs.take();
    const body = encoder.encode(answer);
    log.append(body, 0, body.length);
    const endMs = clock.now();
    log.stamp(endMs);
    return finishExchange({
      sentMs,
      firstByteMs: endMs,
      endMs,
      status: 200,
      contentType: "application/json",
      connection: "reused",
      end: { kind: "complete" },
    }, log.finish());
  }

  #receive(message: FromEngine): void {
    switch (message.kind) {
      case "opened":
        this.#offsetMs = message.originMs - epochOriginMs();
        return this.#resolve.opened?.();
      case "warmed":
      case "closed":
        return this.#resolve[message.kind]?.();
      case "failed":
        return this.#fail(message.message);
      case "tokenized":
        this.#tokenizing.get(message.number)?.(JSON.stringify({ ids: message.ids }));
        this.#tokenizing.delete(message.number);
        return;
      case "event":
        return this.#generations.get(message.number)?.receive(message.event);
    }
  }

  /** The engine is gone: everything that waits for it fails. */
  #fail(message: string): void {
    this.#failure = message;
    this.#reject?.(new TypeError(message));
    for (const resolve of this.#tokenizing.values()) resolve(JSON.stringify({ error: message }));
    this.#tokenizing.clear();
    for (const generation of [...this.#generations.values()]) generation.fail(message);
  }
}

interface GenerationOptions {
  readonly clock: Clock;
  readonly offsetMs: number;
  readonly counters: Uint32Array;
  readonly log: BodyLog;
  readonly options: SendOptions;
  readonly cancel: () => void;
  readonly settle: (exchange: Exchange) => void;
}

class Generation implements WatchedExchange {
  readonly sentMs: number;
  readonly #options: GenerationOptions;
  #firstByteMs: number | undefined;

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.sentMs = options.clock.now();
  }

  receive(event: GenerationEvent): void {
    const atMs = event.atMs + this.#options.offsetMs;
    switch (event.kind) {
      case "started":
        this.#firstByteMs = atMs;
        return;
      case "token":
        return this.#read(atMs, `{"token":${event.token}}\n`);
      case "done": {
        const { text, finishReason, promptTokens, outputTokens } = event.answer;
        const usage = { prompt_tokens: promptTokens, completion_tokens: outputTokens };
        this.#read(atMs, `${JSON.stringify({ text, finish_reason: finishReason, usage })}\n`);
        return this.#settle(atMs, { kind: "complete" });
      }
      case "error":
        this.#read(atMs, `${JSON.stringify({ error: event.message })}\n`);
        return this.#settle(atMs, { kind: "complete" });
    }
  }

  stop(reason: StopReason): void {
    const { options, log, cancel, clock } = this.#options;
    cancel();
    const seen = { head: this.#firstByteMs !== undefined, bytes: log.bytes };
    this.#settle(clock.now(), stoppedEnd(reason, options, seen));
  }

  fail(message: string): void {
    this.#settle(this.#options.clock.now(), { kind: "cut", message });
  }

  #read(atMs: number, line: string): void {
    const { log, counters, options } = this.#options;
    const bytes = encoder.encode(line);
    log.append(bytes, 0, bytes.length);
    log.stamp(atMs);
    countRead(counters, bytes.length);
    if (log.bytes === bytes.length) options.onFirst?.();
    options.onRead?.(atMs, bytes);
  }

  #settle(endMs: number, end: ExchangeEnd): void {
    this.#options.settle(finishExchange({
      sentMs: this.sentMs,
      firstByteMs: this.#firstByteMs,
      endMs,
      status: this.#firstByteMs === undefined ? 0 : 200,
      contentType: "application/x-ndjson",
      connection: "reused",
      end,
    }, this.#options.log.finish()));
  }
}

function modelOf(request: WireRequest): string {
  return request.url.slice(INPROCESS_SCHEME.length, request.url.lastIndexOf("#/"));
}

type Body = Readonly<Record<string, unknown>>;

function parseBody(request: WireRequest): Body {
  return JSON.parse(new TextDecoder().decode(request.body));
}

function readPrompt(body: Body): EnginePrompt {
  return Array.isArray(body.prompt_ids)
    ? { promptIds: body.prompt_ids as number[] }
    : { messages: (body.messages ?? []) as TextMessage[] };
}

function readCall(request: WireRequest): EngineCall {
  const body = parseBody(request);
  const { min_new_tokens: minNewTokens, temperature, top_p: topP, top_k: topK, seed, stop } = body;
  return {
    ...readPrompt(body),
    maxNewTokens: body.max_new_tokens as number,
    stream: body.stream === true,
    // The protocol wrote them: their types are known.
    ...defined({ minNewTokens, temperature, topP, topK, seed, stop }) as Partial<EngineCall>,
  };
}

/** @throws {TypeError} for a setting that does not exist: it would have no effect. */
function readSettings(request: WireRequest): EngineSettings {
  const given = parseBody(request).engine ?? {};
  const settings: { -readonly [Name in keyof EngineSettings]: EngineSettings[Name] } = {};
  for (const [name, value] of Object.entries(given)) {
    if (name === "dtype" && typeof value === "string") settings.dtype = value;
    else if (name === "device" && typeof value === "string") settings.device = value;
    else if (name === "threads" && isCount(value)) settings.threads = value;
    else if (name === "max_batch" && isCount(value)) settings.maxBatch = value;
    else if (name === "log_severity" && Number.isInteger(value)) {
      settings.logSeverity = value as number;
    } else {
      throw new TypeError(
        `Cannot use the engine setting ${name} = ${JSON.stringify(value)}: known are dtype and ` +
          "device (texts), threads and max_batch (from 1) and log_severity (0 to 4)",
      );
    }
  }
  return settings;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1;
}

function startEngineWorker(): EnginePort {
  let listener: (message: FromEngine) => void = () => {};
  const worker = startWorker<FromEngine>("backends/transformers_worker.ts", {
    message: (message) => listener(message),
    failure: (message) => listener({ kind: "failed", message }),
  });
  return {
    send: (message) => worker.postMessage(message),
    listen: (heard) => {
      listener = heard;
    },
    end: () => worker.terminate(),
  };
}
