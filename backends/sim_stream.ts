/**
 * One answer of the simulated server: from the engine's tokens through the protocol's bytes to the
 * connection, with the stamp just before each write and the faults that strike on the way.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Admission, PacedSink, SimulatedEngine } from "./sim_engine.ts";
import { FramedChunk } from "./sim_frame.ts";
import type { HttpExchange } from "./sim_http.ts";
import type { SimOptions } from "./sim_options.ts";
import { simQuirks } from "./sim_options.ts";
import type { SimJob, SimProtocol, SimReply, SimStream, SimToken } from "./sim_protocol.ts";
import type { TruthEnd, TruthEntry } from "./sim_truth.ts";

/** What an answer is made with. */
export interface AnswerContext {
  readonly exchange: HttpExchange;
  readonly protocol: SimProtocol;
  readonly job: SimJob;
  readonly admission: Admission;
  readonly engine: SimulatedEngine;
  readonly truth: TruthEntry;
  readonly options: SimOptions;
}

type Data = string | Uint8Array;

/** The engine waits for a reader that is this many bytes behind, as an engine's event loop does. */
const BLOCKED_AT_BYTES = 2 ** 20;

/** Faults that replace the answer by an error status. */
const ERROR_STATUS: Readonly<Record<string, number>> = {
  "http-429": 429,
  "http-500": 500,
  "http-503": 503,
};

/** Faults that strike after some tokens. */
const MID_STREAM = [
  "cut",
  "reset",
  "truncate",
  "malformed-chunk",
  "malformed-event",
  "error-event",
] as const;

/** Writes a complete answer. */
export function sendReply(
  exchange: HttpExchange,
  reply: SimReply,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
  exchange.head(reply.status, {
    headers: { "content-type": reply.contentType, ...headers },
    body: body.length,
  });
  exchange.raw(body);
  exchange.finish();
}

/** Answers a request that was admitted. */
export function answer(context: AnswerContext): void {
  if (strikesAtOnce(context)) return;
  const cancel = context.job.stream ? streamAnswer(context) : wholeAnswer(context);
  context.exchange.onGone = () => {
    cancel();
    finishTruth(context, "gone");
  };
}

function finishTruth({ truth, options }: AnswerContext, how: TruthEnd): void {
  truth.end(options.clock.now(), how);
}

/** Faults that leave no answer, or another one. */
function strikesAtOnce(context: AnswerContext): boolean {
  const { exchange, protocol, admission: { faults } } = context;
  if (faults.has("hang")) {
    exchange.onGone = () => finishTruth(context, "gone");
    return true;
  }
  const errorFault = Object.keys(ERROR_STATUS).find((name) => faults.has(name));
  if (errorFault !== undefined) {
    const status = ERROR_STATUS[errorFault] ?? 500;
    const retry: Readonly<Record<string, string>> = status === 429 ? { "retry-after": "1" } : {};
    sendReply(exchange, protocol.errorReply(status, `Fault to order: ${errorFault}`), retry);
  } else if (faults.has("json-error")) {
    const reply = protocol.errorReply(500, "Fault to order: json-error");
    sendReply(exchange, { ...reply, status: 200 });
  } else if (faults.has("refuse")) exchange.reset();
  else if (faults.has("not-http")) {
    exchange.raw("This is not HTTP\n");
    exchange.close();
  } else return false;
  finishTruth(context, "failed");
  return true;
}

interface MutableStream extends SimStream {
  tokensSoFar: number;
  reasoningSoFar: number;
  textSoFar: string;
}

function openStream({ job, admission, options }: AnswerContext): MutableStream {
  const quirks = simQuirks(options);
  if (admission.faults.has("missing-done")) quirks.add("done:missing");
  if (admission.faults.has("hold-utf8")) quirks.add("join-utf8");
  return {
    job,
    serial: admission.serial,
    tokensSoFar: 0,
    reasoningSoFar: 0,
    textSoFar: "",
    cachedTokens: admission.cachedTokens,
    quirks,
  };
}

function count(stream: MutableStream, tokens: readonly SimToken[]): void {
  for (const token of tokens) countOne(stream, token);
}

function countOne(stream: MutableStream, token: SimToken): void {
  stream.tokensSoFar++;
  stream.textSoFar += token.text;
  if (token.reasoning) stream.reasoningSoFar++;
}

function streamAnswer(context: AnswerContext): () => void {
  const { exchange, protocol, job, engine, truth, options, admission: { faults } } = context;
  const stream = openStream(context);
  const contentType = protocol.contentType(job);
  const crlf = options.crlf && contentType.startsWith("text/event-stream");
  const strike = MID_STREAM.find((name) => faults.has(name));
  const strikeAt = strike === undefined
    ? Infinity
    : faults.get(strike) || Math.max(1, Math.floor(job.maxTokens / 2));
  /** For most of the tokens, where events differ in their text alone. */
  const frame = crlf || options.eventsPerWrite > 1 || strike !== undefined
    ? undefined
    : protocol.frame?.(stream);
  const framed = frame === undefined ? undefined : new FramedChunk(frame);
  /** The token that is ready, its chunk's length, and what is not in the log yet of the one before. */
  let readyToken: SimToken | undefined;
  let readyLength = 0;
  let releasedMs = 0;
  let releasedPlannedMs = 0;
  let released = false;
  let struck = false;
  /** Tokens whose text is held back, and events that wait for more to share a write. */
  let held: SimToken[] = [];
  let events: Data[] = [];
  let stopPings = () => {};

  function flush(plannedMs: number): void {
    if (events.length === 0) return;
    const data = lineEnds(joined(events), crlf);
    events = [];
    truth.write(exchange.body(data), stream.tokensSoFar, plannedMs);
  }

  /** Does for the token that was released what did not have to be done at that instant. */
  function settle(): void {
    if (!released) return;
    released = false;
    countOne(stream, readyToken!);
    truth.write(releasedMs, stream.tokensSoFar, releasedPlannedMs);
  }

  function send(data: Data): void {
    exchange.body(lineEnds(data, crlf));
  }

  function complete(finish: "length" | "stop"): void {
    stopPings();
    send(protocol.closing(stream, finish));
    truth.finish(finish);
    exchange.finish({ close: faults.has("close-after-stream") });
    finishTruth(context, "done");
  }

  function give(end: () => void): void {
    stopPings();
    cancel();
    end();
    finishTruth(context, "failed");
  }

  function strikeNow(lastEvent: Data): void {
    struck = true;
    switch (strike) {
      case "cut":
        return give(() => exchange.close());
      case "reset":
        return give(() => exchange.reset());
      case "truncate":
        return give(() => exchange.finish());
      case "malformed-chunk":
        return give(() => {
          exchange.raw("zz\r\nnot a chunk\r\n");
          exchange.close();
        });
      case "error-event":
        return give(() => {
          send(protocol.errorEvent(stream, "Fault to order: error-event"));
          exchange.finish();
        });
      case "malformed-event":
        return send(halved(lastEvent));
    }
  }

  const sink: PacedSink = {
    blocked: () => exchange.holding || exchange.buffered > BLOCKED_AT_BYTES,
    tokens(tokens, last, finish, plannedMs) {
      if (exchange.closed) return;
      settle();
      count(stream, tokens);
      if (framed !== undefined && !last && tokens.length === 1 && stream.tokensSoFar > 1) {
        const length = framed.fill(tokens[0]!);
        truth.write(exchange.chunk(framed.bytes, length), stream.tokensSoFar, plannedMs);
        return;
      }
      const pending = held.length === 0 ? tokens : [...held, ...tokens];
      const data = protocol.event(stream, pending, last, finish);
      held = data.length === 0 ? [...pending] : [];
      if (data.length > 0) events.push(data);
      const striking = !struck && stream.tokensSoFar >= strikeAt;
      if (events.length >= options.eventsPerWrite || last || striking) flush(plannedMs);
      if (striking) strikeNow(data);
      if (last && (!striking || strike === "malformed-event")) complete(finish);
    },
    ...(framed === undefined ? {} : {
      settle,
      prepare(nextToken) {
        if (stream.tokensSoFar === 0) return false;
        readyToken = nextToken();
        readyLength = framed.fill(readyToken);
        return true;
      },
      release(plannedMs) {
        if (exchange.closed) return;
        releasedMs = exchange.chunk(framed.bytes, readyLength);
        releasedPlannedMs = plannedMs;
        released = true;
      },
    }),
    fail(message) {
      give(() => {
        send(protocol.errorEvent(stream, message));
        exchange.finish();
      });
    },
  };

  const slowMs = faults.get("slow-headers") ?? 0;
  exchange.head(200, {
    headers: { "content-type": contentType, "cache-control": "no-store" },
    body: "chunked",
    slowMs,
  });
  send(protocol.opening(stream));
  const pingMs = faults.get("comment-pings");
  if (pingMs !== undefined) stopPings = startPings(context, pingMs, () => send(": ping\n\n"));
  const cancel = engine.submit(job, sink, context.admission);
  return () => {
    settle();
    stopPings();
    cancel();
  };
}

/** Sends a comment now and then until it is stopped. */
function startPings({ engine }: AnswerContext, everyMs: number, ping: () => void): () => void {
  let stop = () => {};
  let dueMs = engine.timeline.clock.now();
  const next = () => {
    ping();
    dueMs += Math.max(1, everyMs);
    stop = engine.timeline.at(dueMs, next);
  };
  next();
  return () => stop();
}

function wholeAnswer(context: AnswerContext): () => void {
  const { exchange, protocol, job, engine, truth, admission: { faults } } = context;
  const stream = openStream(context);
  const answered: SimToken[] = [];
  return engine.submit(job, {
    tokens(tokens, last, finish, plannedMs) {
      count(stream, tokens);
      answered.push(...tokens);
      if (!last) return;
      const broken = MID_STREAM.find((name) => faults.has(name));
      if (broken !== undefined) return breakOff(broken);
      const reply = protocol.whole(stream, answered, finish);
      const atMs = engine.timeline.clock.now();
      truth.write(atMs, stream.tokensSoFar, plannedMs);
      truth.finish(finish);
      sendReply(exchange, reply);
      finishTruth(context, "done");
    },
    fail(message) {
      sendReply(exchange, protocol.errorReply(500, message));
      finishTruth(context, "failed");
    },
  }, context.admission);

  function breakOff(fault: typeof MID_STREAM[number]): void {
    if (fault === "error-event") {
      sendReply(exchange, protocol.errorReply(500, `Fault to order: ${fault}`));
    } else {
      const reply = protocol.whole(stream, answered, "length");
      const headers = { "content-type": reply.contentType };
      const malformed = fault === "malformed-event" || fault === "truncate";
      const half = joined([reply.body]).slice(0, Math.floor(reply.body.length / 2));
      exchange.head(200, {
        headers,
        // An honest length of half a text, or a promise that is then broken.
        body: malformed ? Buffer.byteLength(half) : Buffer.byteLength(reply.body),
      });
      exchange.raw(half);
      if (malformed) exchange.finish();
      else if (fault === "reset") exchange.reset();
      else exchange.close();
    }
    finishTruth(context, "failed");
  }
}

function joined(parts: readonly Data[]): Data {
  if (parts.length === 1) return parts[0]!;
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  return Buffer.concat(parts.map((part) => Buffer.from(part as string)));
}

function lineEnds(data: Data, crlf: boolean): Data {
  return crlf && typeof data === "string" ? data.replaceAll("\n", "\r\n") : data;
}

/** The event without its second half, ended as events of its protocol end. */
function halved(event: Data): Data {
  if (typeof event !== "string") return event.slice(0, event.length / 2);
  const end = /[\n\0]*$/.exec(event)?.[0] ?? "";
  const whole = event.slice(0, event.length - end.length);
  const last = end === "" ? whole : whole.split(end).at(-1) ?? "";
  return last.slice(0, Math.ceil(last.length / 2)) + end;
}
