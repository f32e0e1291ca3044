/**
 * One answer over HTTP: from the engine's tokens through the protocol's bytes to the connection,
 * with the stamp just before each write and the injected faults.
 *
 * @module
 */
import {
  type AnswerContext,
  BLOCKED_AT_BYTES,
  countToken,
  endTruth,
  faultMessage,
  injectInPlace,
  type MidStreamFault,
  midStreamFault,
  type MidStreamFaults,
  noteTimes,
  openStream,
} from "./sim_answer.ts";
import type { SimSink } from "./sim_batch.ts";
import { FramedChunk } from "./sim_frame.ts";
import { joinBytes } from "./join_bytes.ts";
import { bytesOf, type HttpExchange } from "./sim_http.ts";
import type { SimFinish, SimReply, SimToken } from "./sim_protocol.ts";

/** What an answer over HTTP is made with. */
type HttpContext = AnswerContext<HttpExchange>;

type Data = string | Uint8Array;

/** Writes a complete answer. */
export function sendReply(
  exchange: HttpExchange,
  reply: SimReply,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = bytesOf(reply.body);
  exchange.head(reply.status, {
    headers: { "content-type": reply.contentType, ...headers },
    body: body.length,
  });
  exchange.raw(body);
  exchange.finish();
}

/** Answers a request that was admitted. */
export function answer(context: HttpContext): void {
  const { exchange, protocol } = context;
  const replaced = injectInPlace(context, {
    status(status, message) {
      const retry: Readonly<Record<string, string>> = status === 429 ? { "retry-after": "1" } : {};
      sendReply(exchange, protocol.errorReply(status, message), retry);
    },
    "json-error": (message) =>
      sendReply(exchange, { ...protocol.errorReply(500, message), status: 200 }),
    refuse: () => exchange.reset(),
    "not-http"() {
      exchange.raw("This is not HTTP\n");
      exchange.close();
    },
  });
  if (replaced) return;
  const cancel = context.job.stream ? streamAnswer(context) : wholeAnswer(context);
  exchange.onGone = () => {
    cancel();
    endTruth(context, "gone");
  };
}

function streamAnswer(context: HttpContext): () => void {
  const { exchange, protocol, job, engine, truth, options, admission } = context;
  const { faults } = admission;
  const stream = openStream(job, options, admission);
  const contentType = protocol.contentType?.(job) ?? "text/event-stream; charset=utf-8";
  const crlf = options.crlf && contentType.startsWith("text/event-stream");
  let fault = midStreamFault(context);
  /** For most tokens, where events differ in their text only. */
  const frame = crlf || options.eventsPerWrite > 1 || fault !== undefined
    ? undefined
    : protocol.frame?.(stream);
  const framed = frame === undefined ? undefined : new FramedChunk(frame);
  /** The prepared token, its chunk's length, and the stamps of the released one not yet in the log. */
  let readyToken: SimToken | undefined;
  let readyLength = 0;
  let releasedMs = 0;
  let releasedPlannedMs = 0;
  let releasedReturnMs = 0;
  let released = false;
  /** Tokens whose text is held back, and events waiting to share a write. */
  let held: SimToken[] = [];
  let events: Data[] = [];
  let stopPings = () => {};

  function flush(plannedMs: number): void {
    if (events.length === 0) return;
    const data = lineEnds(joined(events), crlf);
    events = [];
    truth.write(exchange.body(data), stream.tokensSoFar, plannedMs);
  }

  /** Accounts for the released token. */
  function settle(): void {
    if (!released) return;
    released = false;
    countToken(stream, readyToken!);
    truth.write(releasedMs, stream.tokensSoFar, releasedPlannedMs, releasedReturnMs);
  }

  function send(data: Data): void {
    exchange.body(lineEnds(data, crlf));
  }

  function complete(finish: SimFinish): void {
    stopPings();
    send(protocol.closing?.(stream, finish) ?? "");
    truth.finish(finish);
    exchange.finish({ close: faults.has("close-after-stream") });
    endTruth(context, "done");
  }

  const actions: MidStreamFaults<Data> = {
    cut: () => exchange.close(),
    reset: () => exchange.reset(),
    truncate: () => exchange.finish(),
    "malformed-chunk"() {
      exchange.raw("zz\r\nnot a chunk\r\n");
      exchange.close();
    },
    "error-event"(message) {
      send(protocol.errorEvent(stream, message));
      exchange.finish();
    },
    "malformed-event": (event) => send(halved(event)),
  };

  const sink: SimSink = {
    queued: (times) => noteTimes(stream, truth, times),
    blocked: () => exchange.holding || exchange.buffered > BLOCKED_AT_BYTES,
    tokens(tokens, last, finish, plannedMs) {
      if (exchange.closed) return;
      settle();
      for (const token of tokens) countToken(stream, token);
      if (framed !== undefined && !last && tokens.length === 1 && stream.tokensSoFar > 1) {
        const length = framed.fill(tokens[0]!);
        truth.write(exchange.chunk(framed.bytes, length), stream.tokensSoFar, plannedMs);
        return;
      }
      const pending = held.length === 0 ? tokens : [...held, ...tokens];
      const data = protocol.event(stream, pending, last, finish);
      held = data.length === 0 ? [...pending] : [];
      if (data.length > 0) events.push(data);
      const due = fault !== undefined && stream.tokensSoFar >= fault.atTokens;
      if (events.length >= options.eventsPerWrite || last || due) flush(plannedMs);
      if (due) {
        const { name } = fault!;
        fault = undefined;
        if (name === "malformed-event") actions[name](data);
        else {
          stopPings();
          cancel();
          actions[name](faultMessage(name));
          return endTruth(context, "failed");
        }
      }
      if (last) complete(finish);
    },
    ...(framed !== undefined && {
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
        releasedReturnMs = truth.returnMs();
        releasedPlannedMs = plannedMs;
        released = true;
      },
    }),
  };

  const slowMs = faults.get("slow-headers") ?? 0;
  exchange.head(200, {
    headers: { "content-type": contentType, "cache-control": "no-store" },
    body: "chunked",
    slowMs,
  });
  send(protocol.opening?.(stream) ?? "");
  const pingMs = faults.get("comment-pings");
  if (pingMs !== undefined) stopPings = startPings(context, pingMs, () => send(": ping\n\n"));
  const cancel = engine.submit(job, sink, admission);
  return () => {
    settle();
    stopPings();
    cancel();
  };
}

/** Sends comments until stopped. */
function startPings({ engine }: HttpContext, everyMs: number, ping: () => void): () => void {
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

function wholeAnswer(context: HttpContext): () => void {
  const { exchange, protocol, job, engine, truth, options, admission } = context;
  const stream = openStream(job, options, admission);
  const answered: SimToken[] = [];
  return engine.submit(job, {
    queued: (times) => noteTimes(stream, truth, times),
    tokens(tokens, last, finish, plannedMs) {
      for (const token of tokens) countToken(stream, token);
      answered.push(...tokens);
      if (!last) return;
      const fault = midStreamFault(context);
      if (fault !== undefined) return breakOff(fault);
      const reply = protocol.whole(stream, answered, finish);
      const atMs = engine.timeline.clock.now();
      truth.write(atMs, stream.tokensSoFar, plannedMs);
      truth.finish(finish);
      sendReply(exchange, reply);
      endTruth(context, "done");
    },
  }, admission);

  function breakOff({ name }: MidStreamFault): void {
    if (name === "error-event") {
      sendReply(exchange, protocol.errorReply(500, faultMessage(name)));
    } else {
      const reply = protocol.whole(stream, answered, "length");
      const headers = { "content-type": reply.contentType };
      const malformed = name === "malformed-event" || name === "truncate";
      const half = joined([reply.body]).slice(0, Math.floor(reply.body.length / 2));
      exchange.head(200, {
        headers,
        // An honest length of half a text, or a promise that is then broken.
        body: bytesOf(malformed ? half : reply.body).length,
      });
      exchange.raw(half);
      if (malformed) exchange.finish();
      else if (name === "reset") exchange.reset();
      else exchange.close();
    }
    endTruth(context, "failed");
  }
}

function joined(parts: readonly Data[]): Data {
  if (parts.length === 1) return parts[0]!;
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  return joinBytes(parts.map(bytesOf));
}

function lineEnds(data: Data, crlf: boolean): Data {
  return crlf && typeof data === "string" ? data.replaceAll("\n", "\r\n") : data;
}

/** The first half of an event, ended as its protocol ends events. */
function halved(event: Data): Data {
  if (typeof event !== "string") return event.slice(0, event.length / 2);
  const end = /[\n\0]*$/.exec(event)?.[0] ?? "";
  const whole = event.slice(0, event.length - end.length);
  const last = end === "" ? whole : whole.split(end).at(-1) ?? "";
  return last.slice(0, Math.ceil(last.length / 2)) + end;
}
