/**
 * HTTP over Deno's `fetch`: for light loads. It speaks HTTP/1.1 like every other client, over
 * TLS and through proxies, and reads with a small buffer of our own (a BYOB reader): the default
 * reader makes a fresh, zeroed 64 KiB buffer per event and costs 2.4 times the CPU.
 *
 * `fetch` gives one read per HTTP chunk, however many came in one segment; those of one wake-up are
 * put together here. It does not tell a broken
 * chunk from a broken connection: both end as `cut` here, where `socket` says `malformed`.
 *
 * @module
 */
import { LogPool } from "./buffers.ts";
import { type Clock, nextTurn } from "./clock.ts";
import {
  checkAuthority,
  connectionFailure,
  deadlineOf,
  DEFAULT_HEADERS,
  finishExchange,
  lostConnection,
  stoppedEnd,
  tellingHeaders,
} from "./exchange.ts";
import { largeEnd, MAX_ANSWER_BYTES } from "./limits.ts";
import { LOCAL_ADDRESSES } from "./local_address.ts";
import type { WireRequest } from "./protocol.ts";
import {
  COUNTER_REPLACED,
  type Exchange,
  type ExchangeEnd,
  type SendOptions,
  type Transport,
  TRANSPORT_COUNTERS,
  type TransportKind,
  type TransportOptions,
} from "./transport.ts";
import { type StopReason, Watchdog, type WatchedExchange } from "./watchdog.ts";
import { WakeUp } from "./wake_up.ts";

/** Holds any event of the known engines; larger ones take several reads. */
const READ_BYTES = 4096;

/** Idle connections kept per host: more than the descriptors of a process allow. */
const POOL_PER_HOST = 65_536;

const NO_LOCAL_PROXY = LOCAL_ADDRESSES.join(",");

export const fetchTransport: TransportKind = {
  name: "fetch",
  open: openFetch,
};

/**
 * Opens the transport.
 *
 * @throws {RangeError} with `insecure`: `fetch` cannot accept unknown certificates.
 * @throws {TypeError} when `caCert` holds no usable certificate.
 */
function openFetch(options: TransportOptions): Transport {
  if (options.insecure) {
    throw new RangeError(
      "Cannot accept unknown certificates with --transport fetch: " +
        "use --transport socket, or --ca-cert with the server's authority",
    );
  }
  checkAuthority(options.caCert);
  const client = createClient(options, POOL_PER_HOST);
  let freshClient: Deno.HttpClient | undefined;
  let closed = false;
  const state: FetchState = {
    clock: options.clock,
    counters: options.counters ?? new Uint32Array(TRANSPORT_COUNTERS),
    watchdog: new Watchdog(options.clock),
    logs: new LogPool(options),
    readBuffers: [],
    answered: false,
    client,
    freshClient: () => freshClient ??= createClient(options, 0),
  };
  return {
    send: (request, sendOptions) => send(state, request, sendOptions),
    close(): Promise<void> {
      state.watchdog.close();
      if (!closed) {
        client.close();
        freshClient?.close();
      }
      closed = true;
      return Promise.resolve();
    },
  };
}

interface FetchState {
  readonly clock: Clock;
  readonly counters: Uint32Array;
  readonly watchdog: Watchdog;
  readonly logs: LogPool;
  readonly readBuffers: ArrayBuffer[];
  /** An exchange has completed: connections may be reused from now on. */
  answered: boolean;
  readonly client: Deno.HttpClient;
  /** A client that never reuses a connection. */
  readonly freshClient: () => Deno.HttpClient;
}

class FetchExchange implements WatchedExchange {
  stopped: StopReason | undefined;
  /**
   * Kept to the end: once the Response is garbage-collected, Deno 2.9 ignores an abort and the
   * stream runs on (seen in up to 100 of 100 exchanges).
   */
  response: Response | undefined;
  reader: ReadableStreamBYOBReader | undefined;
  readonly abort = new AbortController();

  stop(reason: StopReason): void {
    this.stopped = reason;
    if (this.reader === undefined) this.abort.abort();
    else this.reader.cancel().catch(ignore);
  }
}

function ignore(): void {}

async function send(
  state: FetchState,
  request: WireRequest,
  options: SendOptions,
): Promise<Exchange> {
  const { clock, counters, watchdog } = state;
  const sentMs = clock.now();
  const log = state.logs.take();
  const wakeUp = new WakeUp();
  let firstByteMs: number | undefined;
  let endMs = sentMs;
  let status = 0;
  let contentType = "";
  let headers: Exchange["headers"];
  let connection: Exchange["connection"] = "unknown";
  let end: ExchangeEnd | undefined;

  const exchange = new FetchExchange();
  if (options.signal?.aborted) exchange.stop("cancelled");
  else {
    watchdog.watch(exchange, deadlineOf(sentMs, options), options.signal);
  }
  try {
    const response = exchange.response = await fetchHead(state, request, exchange);
    endMs = firstByteMs = clock.now();
    // No exchange had completed yet, so there was no connection to reuse.
    if (!state.answered) connection = "new";
    status = response.status;
    contentType = (response.headers.get("content-type") ?? "").toLowerCase();
    headers = tellingHeaders(status, (name) => response.headers.get(name));
    if (response.body !== null) {
      const reader = exchange.reader = response.body.getReader({ mode: "byob" });
      let view = new Uint8Array(state.readBuffers.pop() ?? new ArrayBuffer(READ_BYTES));
      while (true) {
        const { value, done } = await reader.read(view);
        endMs = clock.now();
        if (done) {
          if (value !== undefined) state.readBuffers.push(value.buffer);
          break;
        }
        log.append(value, 0, value.length);
        const readMs = wakeUp.stamp(log, counters, endMs, value.length);
        if (options.onFirst !== undefined && log.bytes === value.length) options.onFirst();
        options.onRead?.(readMs, value.slice());
        end = largeEnd(log, options.maxBytes ?? MAX_ANSWER_BYTES);
        if (end !== undefined) {
          reader.cancel().catch(ignore);
          break;
        }
        view = new Uint8Array(value.buffer);
      }
    }
    if (exchange.stopped === undefined && end === undefined) {
      state.answered = true;
      end = { kind: "complete" };
    }
  } catch (error) {
    endMs = clock.now();
    end = failure(error, { headSeen: firstByteMs !== undefined, answered: state.answered });
  }
  watchdog.release(exchange);
  // Everything is stamped. The connection returns to the pool only now: a caller that sends at once
  // would open a second one and pay for it in its first token. Two turns of the event loop are enough
  // (measured: 1 connection instead of 2 for 30 requests in a row).
  if (end?.kind === "complete") await nextTurn().then(nextTurn);
  if (exchange.stopped !== undefined) {
    end = stoppedEnd(exchange.stopped, options, {
      head: firstByteMs !== undefined,
      bytes: log.bytes,
    });
  }
  return finishExchange(
    {
      sentMs,
      firstByteMs,
      endMs,
      status,
      contentType,
      headers,
      connection,
      end: end ?? { kind: "complete" },
    },
    log.finish(),
  );
}

/**
 * Sends and waits for the response head. A server that promises keep-alive and closes anyway makes
 * a pooled connection fail before any byte of an answer. That is the connection's fault, not the
 * request's, so the request is sent once more, over a connection that is certainly new.
 */
async function fetchHead(
  state: FetchState,
  request: WireRequest,
  exchange: FetchExchange,
): Promise<Response> {
  const init: RequestInit & { client: Deno.HttpClient } = {
    method: request.method,
    headers: { ...DEFAULT_HEADERS, ...lowerCaseNames(request.headers) },
    redirect: "manual",
    signal: exchange.abort.signal,
    client: state.client,
  };
  if (request.body !== undefined) init.body = request.body;
  try {
    return await fetch(request.url, init);
  } catch (error) {
    if (!state.answered || exchange.stopped || !lostConnection(cause(error))) throw error;
    state.counters[COUNTER_REPLACED]!++;
    init.client = state.freshClient();
    return await fetch(request.url, init);
  }
}

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) result[name.toLowerCase()] = headers[name]!;
  return result;
}

/** The innermost cause of what `fetch` threw. */
function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.cause instanceof Error ? error.cause.message : error.message;
  // "error sending request for url (…): client error (Connect): tcp connect error: …"
  return /client error \(\w+\): (.*)$/s.exec(text)?.[1] ?? text;
}

/** How hyper, the library inside `fetch`, words an answer that is not HTTP. */
const NOT_HTTP = /invalid HTTP|invalid content-length|unexpected transfer-encoding/;

/** The limits are hyper's, and so is the count of lines. */
const LARGE_HEAD = "the response head is larger than 408 KiB, or has more than 100 lines";

/** Those of them that another kind of server causes; hyper does not give the bytes. */
const NOT_HTTP1 = /invalid HTTP version/;

/** The same where the server's bytes came before the request was sent. */
const SPOKE_FIRST = /received unexpected message/;

const OTHER_SERVER =
  "the server speaks HTTP/2 only, as gRPC ports do, or no HTTP at all: take its " +
  "HTTP/1.1 port, or a gRPC --protocol; --transport socket tells what it sent";

function failure(
  error: unknown,
  { headSeen, answered }: { readonly headSeen: boolean; readonly answered: boolean },
): ExchangeEnd {
  const text = cause(error);
  if (/head is too large/.test(text)) {
    return { kind: "malformed", message: LARGE_HEAD };
  }
  if (NOT_HTTP1.test(text) || (SPOKE_FIRST.test(text) && !answered)) {
    return { kind: "malformed", message: `not HTTP: ${text}; ${OTHER_SERVER}` };
  }
  if (headSeen) return { kind: "cut", message: `the body broke off: ${text}` };
  if (NOT_HTTP.test(text)) return { kind: "malformed", message: `not HTTP: ${text}` };
  return { kind: "connect_error", message: connectionFailure(text) };
}

function createClient(options: TransportOptions, poolMaxIdlePerHost: number): Deno.HttpClient {
  const { caCert } = options;
  const create = () =>
    Deno.createHttpClient({
      poolMaxIdlePerHost,
      // One stream per connection, as with every other transport here and every other client.
      http2: false,
      // A `host` header of the user's must not be dropped silently.
      allowHost: true,
      ...(caCert !== undefined && { caCerts: [caCert] }),
    });
  return options.proxyLocal ? create() : withoutLocalProxy(create);
}

/**
 * A client reads the proxy variables when it is created; of the two spellings `NO_PROXY` wins.
 * Without permission for it nothing is changed: Deno then still follows the proxy variables.
 */
function withoutLocalProxy<T>(create: () => T): T {
  const readable = (variable: string) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted";
  if (!readable("NO_PROXY")) return create();
  const before = Deno.env.get("NO_PROXY");
  const others = before ?? (readable("no_proxy") ? Deno.env.get("no_proxy") : undefined);
  Deno.env.set("NO_PROXY", others ? `${others},${NO_LOCAL_PROXY}` : NO_LOCAL_PROXY);
  try {
    return create();
  } finally {
    if (before === undefined) Deno.env.delete("NO_PROXY");
    else Deno.env.set("NO_PROXY", before);
  }
}
