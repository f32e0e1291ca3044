/**
 * HTTP/1.1 with our own parser, over sockets of any kind. One read takes everything that has arrived,
 * so it catches up after a stall, and a token costs a quarter to a half of the CPU that it costs with
 * `fetch`. No proxies, no HTTP/2.
 *
 * @module
 */
import { type BodyLog, LogPool } from "./buffers.ts";
import type { Clock } from "./clock.ts";
import {
  checkAuthority,
  deadlineOf,
  DEFAULT_HEADERS,
  finishExchange,
  neverSent,
  stoppedEnd,
} from "./exchange.ts";
import { encodeLatin1 } from "./latin1.ts";
import { MAX_ANSWER_BYTES } from "./limits.ts";
import type { WireRequest } from "./protocol.ts";
import { Connection, type ConnectionHost, type RunningExchange } from "./socket_connection.ts";
import type { OpenSocket, Origin } from "./socket_events.ts";
import { openRehearsalSocket } from "./socket_rehearsal.ts";
import {
  COUNTER_REPLACED,
  type Exchange,
  type ExchangeEnd,
  type SendOptions,
  type Transport,
  TRANSPORT_COUNTERS,
  type TransportOptions,
} from "./transport.ts";
import { type StopReason, Watchdog, type WatchedExchange } from "./watchdog.ts";

/** Connections that are being opened at once, before they are needed. */
const CONNECTING_AT_ONCE = 64;
/** Longest wait for them: what does not stand by then is opened by the request that needs it. */
const CONNECTING_MS = 3000;

/** Prepared heads to keep; a benchmark has a handful, unless every request has its own. */
const PREPARED_HEADS = 1000;

class SocketExchange implements RunningExchange, WatchedExchange {
  readonly wire: Uint8Array;
  readonly log: BodyLog;
  readonly options: SendOptions;
  readonly sentMs: number;
  readonly onFirst: SendOptions["onFirst"];
  readonly resolve: (exchange: Exchange) => void;
  readonly #transport: SocketTransport;
  firstByteMs: number | undefined = undefined;
  connectMs: number | undefined = undefined;
  departedMs: number | undefined = undefined;
  connection: Connection<SocketExchange> | undefined = undefined;
  replaced = false;

  constructor(
    transport: SocketTransport,
    wire: Uint8Array,
    { sentMs, log, options, resolve }: Pick<
      SocketExchange,
      "sentMs" | "log" | "options" | "resolve"
    >,
  ) {
    this.#transport = transport;
    this.wire = wire;
    this.sentMs = sentMs;
    this.log = log;
    this.options = options;
    this.onFirst = options.onFirst;
    this.resolve = resolve;
  }

  get maxBytes(): number {
    return this.options.maxBytes ?? MAX_ANSWER_BYTES;
  }

  get onRead(): SendOptions["onRead"] {
    return this.options.onRead;
  }

  stop(reason: StopReason): void {
    this.#transport.stop(this, reason);
  }
}

/** HTTP/1.1 over sockets of any kind. */
export class SocketTransport implements Transport, ConnectionHost<SocketExchange> {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly counters: Uint32Array;
  readonly #options: TransportOptions;
  readonly #watchdog: Watchdog;
  readonly #logs: LogPool;
  readonly #prepared = new Map<string, PreparedHead>();
  /** Requests that were announced and not yet sent, by identity. */
  readonly #encoded = new WeakMap<WireRequest, EncodedRequest>();
  readonly #origins = new Map<string, Origin>();
  /** Free connections; the one that was used last is used next. */
  readonly #idle = new Map<Origin, Connection<SocketExchange>[]>();
  readonly #open = new Set<Connection<SocketExchange>>();
  #allClosed: (() => void) | undefined;
  /** Connections that are being opened ahead of their requests, and what follows when they stand. */
  readonly #ahead = new Map<Connection<SocketExchange>, () => void>();

  /** @throws {TypeError} for an authority that is not PEM text. */
  constructor(options: TransportOptions, openSocket: OpenSocket) {
    checkAuthority(options.caCert);
    this.#options = options;
    this.clock = options.clock;
    this.openSocket = openSocket;
    this.counters = options.counters ?? new Uint32Array(TRANSPORT_COUNTERS);
    this.#logs = new LogPool(options);
    this.#watchdog = new Watchdog(options.clock);
  }

  send(request: WireRequest, options: SendOptions): Promise<Exchange> {
    let encoded: EncodedRequest;
    try {
      encoded = this.#encoded.get(request) ?? this.#encode(request);
      this.#encoded.delete(request);
    } catch (error) {
      return Promise.resolve(neverSent(this.clock.now(), error));
    }
    const { origin, wire } = encoded;
    const sentMs = this.clock.now();
    return new Promise((resolve) => {
      const log = this.#logs.take();
      const exchange = new SocketExchange(this, wire, { sentMs, log, options, resolve });
      if (options.signal?.aborted) return this.stop(exchange, "cancelled");
      this.#watchdog.watch(exchange, deadlineOf(sentMs, options), options.signal);
      this.#carry(exchange, this.#takeIdle(origin) ?? this.#connect(origin));
    });
  }

  ready(requests: readonly WireRequest[]): Promise<void> {
    try {
      for (const request of requests) this.#encoded.set(request, this.#encode(request));
    } catch {
      // Each request that cannot be encoded fails by itself, with its cause.
    }
    return Promise.resolve();
  }

  async connect(request: WireRequest, count: number): Promise<void> {
    let origin: Origin;
    try {
      origin = this.#prepare(request).origin;
    } catch {
      // The request itself will say why it cannot be sent.
      return;
    }
    const idle = this.#idle.get(origin)!;
    const over = new AbortController();
    const timer = this.clock.sleepUntil(this.clock.now() + CONNECTING_MS, over.signal);
    await Promise.race([timer, this.#openAhead(origin, count - idle.length)]);
    over.abort();
    this.#ahead.clear();
    // Taken from the end, so the one that has stood longest goes first: a server that serves one
    // connection after the other waits for that one.
    idle.reverse();
  }

  /** Opens connections, some at once, each followed by the next. */
  #openAhead(origin: Origin, count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = count;
      const open = (): void => {
        left--;
        const connection = this.#connect(origin);
        this.#ahead.set(connection, () => {
          this.#ahead.delete(connection);
          if (left > 0) open();
          else if (this.#ahead.size === 0) resolve();
        });
      };
      while (left > 0 && this.#ahead.size < CONNECTING_AT_ONCE) open();
      if (this.#ahead.size === 0) resolve();
    });
  }

  rehearsal(): Transport {
    return new SocketTransport({ clock: this.clock }, openRehearsalSocket);
  }

  async close(): Promise<void> {
    this.#watchdog.close();
    // Otherwise each of them would be looked for when it is closed.
    for (const idle of this.#idle.values()) idle.length = 0;
    for (const connection of this.#open) connection.destroy();
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => this.#allClosed = resolve);
    }
  }

  /** Ends an exchange from outside; half an answer makes its connection useless. */
  stop(exchange: SocketExchange, reason: StopReason): void {
    exchange.connection?.destroy();
    const seen = { head: exchange.firstByteMs !== undefined, bytes: exchange.log.bytes };
    this.#conclude(exchange, this.clock.now(), stoppedEnd(reason, exchange.options, seen));
  }

  ended(
    connection: Connection<SocketExchange>,
    exchange: SocketExchange,
    atMs: number,
    end: ExchangeEnd,
  ): void {
    // First, because the caller that awaits the exchange sends its next request at once.
    if (connection.usable) this.#idle.get(connection.origin)!.push(connection);
    this.#conclude(exchange, atMs, end);
  }

  lost(
    connection: Connection<SocketExchange>,
    exchange: SocketExchange,
    atMs: number,
    message: string,
  ): void {
    if (connection.uses > 1 && !exchange.replaced) {
      // A server that promises keep-alive and closes anyway fails the connection, not the
      // request. The next connection is a new one: an idle one may have been closed as well.
      exchange.replaced = true;
      this.counters[COUNTER_REPLACED]!++;
      this.#carry(exchange, this.#connect(connection.origin));
    } else this.#conclude(exchange, atMs, { kind: "connect_error", message });
  }

  stands(connection: Connection<SocketExchange>): void {
    // Whoever takes it does not wait for it: to them it is one that was used before.
    connection.uses = 1;
    this.#idle.get(connection.origin)!.push(connection);
    this.#ahead.get(connection)?.();
  }

  closed(connection: Connection<SocketExchange>): void {
    this.#ahead.get(connection)?.();
    this.#open.delete(connection);
    const idle = this.#idle.get(connection.origin)!;
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    if (this.#open.size === 0) this.#allClosed?.();
  }

  #takeIdle(origin: Origin): Connection<SocketExchange> | undefined {
    const idle = this.#idle.get(origin)!;
    let connection = idle.pop();
    // A connection that the server has closed stays listed until its descriptor is free.
    while (connection !== undefined && !connection.usable) connection = idle.pop();
    return connection;
  }

  #connect(origin: Origin): Connection<SocketExchange> {
    const connection = new Connection(origin, this);
    this.#open.add(connection);
    return connection;
  }

  #carry(exchange: SocketExchange, connection: Connection<SocketExchange>): void {
    exchange.connection = connection;
    connection.use(exchange);
  }

  #conclude(exchange: SocketExchange, endMs: number, end: ExchangeEnd): void {
    this.#watchdog.release(exchange);
    const { connection, firstByteMs } = exchange;
    const response = connection?.response;
    exchange.resolve(finishExchange(
      {
        sentMs: exchange.sentMs,
        departedMs: exchange.departedMs,
        firstByteMs,
        endMs,
        status: firstByteMs === undefined ? 0 : response!.status,
        contentType: firstByteMs === undefined ? "" : response!.contentType,
        headers: firstByteMs === undefined ? undefined : response!.headers,
        connection: connection === undefined ? "unknown" : connection.uses > 1 ? "reused" : "new",
        connectMs: exchange.connectMs,
        end,
      },
      exchange.log.finish(),
    ));
  }

  #encode(request: WireRequest): EncodedRequest {
    const head = this.#prepare(request);
    return { origin: head.origin, wire: encodeBytes(head, request) };
  }

  /** Finds or makes the parts of a request that are the same in the next one. */
  #prepare({ method, url, headers }: WireRequest): PreparedHead {
    let key = `${method} ${url}`;
    for (const name in headers) key += `\n${name}:${headers[name]}`;
    let head = this.#prepared.get(key);
    if (head === undefined) {
      const parsed = parseUrl(url);
      head = {
        origin: this.#origin(parsed),
        bytes: encodeLatin1(headText(method, parsed, headers)),
      };
      if (this.#prepared.size >= PREPARED_HEADS) this.#prepared.clear();
      this.#prepared.set(key, head);
    }
    return head;
  }

  #origin({ protocol, hostname, host, port }: URL): Origin {
    const key = `${protocol}//${host}`;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      const secure = protocol === "https:";
      origin = {
        host: hostname.replace(/^\[|\]$/g, ""),
        port: port === "" ? (secure ? 443 : 80) : Number(port),
        secure,
        caCert: this.#options.caCert,
        insecure: this.#options.insecure ?? false,
      };
      this.#origins.set(key, origin);
      this.#idle.set(origin, []);
    }
    return origin;
  }
}

/** What goes out for a request, and where to. */
interface EncodedRequest {
  readonly origin: Origin;
  readonly wire: Uint8Array;
}

/** Where a request goes, and its head up to the length of the body. */
interface PreparedHead {
  readonly origin: Origin;
  readonly bytes: Uint8Array;
}

/** @throws {TypeError} for text that is not a URL, or not HTTP. */
function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new TypeError(`Cannot send to "${text}": it is not a URL`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`Cannot send to "${text}" over --transport socket: use http or https`);
  }
  return url;
}

/** @throws {TypeError} for headers that would break the head. */
function headText(method: string, url: URL, given: WireRequest["headers"]): string {
  const headers: Record<string, string> = { "host": url.host, ...DEFAULT_HEADERS };
  for (const name in given) {
    const value = given[name]!;
    if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(name)) {
      throw new TypeError(`Cannot send the header "${name}": a name is letters, digits and dashes`);
    }
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new TypeError(`Cannot send the header "${name}": its value holds a control character`);
    }
    headers[name.toLowerCase()] = value;
  }
  // Ours, whatever the request says: a wrong length would garble the connection.
  delete headers["content-length"];
  let text = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n`;
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
  return text;
}

/** Head and body of a request in one piece, so that they leave in one segment. */
function encodeBytes(head: PreparedHead, { method, body }: WireRequest): Uint8Array {
  const length = body?.length ?? 0;
  const tail = encodeLatin1(
    body !== undefined || method === "POST" ? `content-length: ${length}\r\n\r\n` : "\r\n",
  );
  const { bytes } = head;
  const wire = new Uint8Array(bytes.length + tail.length + length);
  wire.set(bytes);
  wire.set(tail, bytes.length);
  if (body !== undefined) wire.set(body, bytes.length + tail.length);
  return wire;
}
