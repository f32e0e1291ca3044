/**
 * A small HTTP/1.1 server that can also misbehave: late and split heads, broken chunks, resets,
 * connections closed in spite of keep-alive. Full HTTP servers rightly refuse all of that.
 *
 * @module
 */
import { defined } from "./defined.ts";
import { joinBytes } from "./join_bytes.ts";
import { decodeLatin1 } from "./latin1.ts";
import type { SimCertificate } from "./sim_certificate.ts";
import type { SimLoop, SimSocket, SimSocketEvents } from "./sim_loop.ts";
import type { SimArrival, SimExchange, SimRequest } from "./sim_protocol.ts";
import type { Timeline } from "./sim_timeline.ts";

/** Connections of a server so far. */
export interface SimConnections {
  /** All since the start, closed ones included. */
  readonly accepted: number;
  /** Not closed yet. */
  readonly open: number;
  /** Most that were open at the same time. */
  readonly maxOpen: number;
}

/** Headers and timing of a response head. */
export interface HeadOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Length of the body in bytes, or `chunked`. */
  readonly body: number | "chunked";
  /** Sends the head in three pieces over this time; what follows waits for the last one. */
  readonly slowMs?: number;
}

/** A listening port of the simulated server. */
export interface SimPort {
  readonly port: number;
  connections(): SimConnections;
  /** Stops listening and drops every connection. */
  stop(): Promise<void>;
}

/** What a server is started with. */
export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  /** Plaintext without it. */
  readonly tls?: SimCertificate;
  /** Accepts the connections; its clock stamps them. */
  readonly loop: SimLoop;
  readonly timeline: Timeline;
  readonly onRequest: (exchange: HttpExchange) => void;
}

const MAX_HEAD_BYTES = 65_536;
const MAX_BODY_BYTES = 256 * 2 ** 20;
/** A client this far behind does not read at all: it is dropped before it uses up all memory. */
const MAX_BUFFERED_BYTES = 64 * 2 ** 20;

const encoder = new TextEncoder();
const CR = 13;
const LF = 10;
const CRLF = Uint8Array.of(CR, LF);

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  411: "Length Required",
  413: "Content Too Large",
  422: "Unprocessable Entity",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/**
 * Starts listening.
 *
 * @throws {Error} with the system's message, when the address cannot be used.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<SimPort> {
  const { loop, host, port, tls } = options;
  const sockets = new Set<SimSocket>();
  const later = onePerTurn(loop);
  let accepted = 0;
  let maxOpen = 0;
  let onEmpty = () => {};
  const listener = await loop.listen({ host, port, ...defined({ tls }) }, (socket) => {
    sockets.add(socket);
    maxOpen = Math.max(maxOpen, sockets.size);
    const events = serveConnection(socket, ++accepted, { ...options, later });
    return {
      onBytes: events.onBytes,
      onClose() {
        sockets.delete(socket);
        events.onClose();
        if (sockets.size === 0) onEmpty();
      },
    };
  });
  return {
    port: listener.port,
    connections: () => ({ accepted, open: sockets.size, maxOpen }),
    async stop() {
      const closed = listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      if (sockets.size > 0) await new Promise<void>((resolve) => void (onEmpty = resolve));
    },
  };
}

interface Head {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly keepAlive: boolean;
  readonly bodyStart: number;
  readonly bodyLength: number;
  /** Status to refuse the request with. */
  readonly refuse?: number;
}

/**
 * Runs one piece of work per event-loop turn. Sixty-four requests that arrive together take
 * milliseconds to parse and admit. Without turns in between, the later ones would be stamped when
 * they are parsed instead of when they arrived.
 */
function onePerTurn({ nextTurn }: SimLoop): (work: () => void) => void {
  const waiting: (() => void)[] = [];
  const next = () => {
    waiting.shift()?.();
    if (waiting.length > 0) nextTurn().then(next);
  };
  return (work) => {
    if (waiting.push(work) === 1) nextTurn().then(next);
  };
}

function serveConnection(
  socket: SimSocket,
  number: number,
  options: HttpServerOptions & { readonly later: (work: () => void) => void },
): SimSocketEvents {
  const clock = options.loop.clock;
  const clientPort = socket.clientPort;
  let chunks: Uint8Array[] = [];
  let length = 0;
  let firstByteMs = 0;
  let head: Head | undefined;
  let current: HttpExchange | undefined;

  /** Starts the next request once it is complete and the previous one is answered. */
  function take(nowMs: number): void {
    if (current !== undefined || length === 0) return;
    if (head !== undefined && length < head.bodyStart + head.bodyLength) return;
    const bytes = chunks.length === 1 ? chunks[0]! : joinBytes(chunks);
    chunks = [bytes];
    head ??= readHead(bytes);
    if (head === undefined) {
      if (length > MAX_HEAD_BYTES) socket.destroy();
      return;
    }
    if (head.refuse !== undefined) {
      socket.write(`HTTP/1.1 ${statusLine(head.refuse)}\r\ncontent-length: 0\r\n\r\n`);
      socket.end();
      return;
    }
    const end = head.bodyStart + head.bodyLength;
    if (length < end) {
      if (head.headers["expect"]?.toLowerCase() === "100-continue") {
        socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      }
      return;
    }
    const { method, path, query, headers, keepAlive } = head;
    const body = bytes.slice(head.bodyStart, end);
    chunks = length > end ? [bytes.subarray(end)] : [];
    length -= end;
    head = undefined;
    current = new HttpExchange(socket, {
      request: { method, path, query, headers, body },
      arrival: { arrivalMs: firstByteMs, completeMs: nowMs, clientPort, connection: number },
      keepAlive,
      timeline: options.timeline,
      onFinished: () => {
        current = undefined;
        // A pipelined request may be waiting in the buffer.
        options.later(() => take(clock.now()));
      },
    });
    firstByteMs = nowMs;
    options.onRequest(current);
  }

  return {
    onBytes(bytes, atMs) {
      if (length === 0) firstByteMs = atMs;
      chunks.push(bytes);
      length += bytes.length;
      options.later(() => take(atMs));
    },
    onClose: () => current?.gone(),
  };
}

function statusLine(status: number): string {
  return `${status} ${REASONS[status] ?? "Unknown"}`;
}

/** The bytes, in UTF-8 where it is a text. */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** Where the empty line after a request head begins; negative = it has not come. */
function endOfHead(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
  }
  return -1;
}

/** Reads a request head; `undefined` while it is incomplete. */
function readHead(bytes: Uint8Array): Head | undefined {
  const headEnd = endOfHead(bytes);
  if (headEnd < 0) return undefined;
  const [requestLine = "", ...lines] = decodeLatin1(bytes, 0, headEnd).split("\r\n");
  const [method = "", target = "", version = ""] = requestLine.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const queryStart = target.indexOf("?");
  const connection = headers["connection"]?.toLowerCase() ?? "";
  const bodyLength = Number(headers["content-length"] ?? 0);
  const refuse = !version.startsWith("HTTP/1.") || !(bodyLength >= 0)
    ? 400
    : headers["transfer-encoding"] !== undefined
    ? 411
    : bodyLength > MAX_BODY_BYTES
    ? 413
    : undefined;
  return {
    method,
    path: queryStart < 0 ? target : target.slice(0, queryStart),
    query: new URLSearchParams(queryStart < 0 ? "" : target.slice(queryStart + 1)),
    headers,
    keepAlive: version === "HTTP/1.0" ? connection === "keep-alive" : connection !== "close",
    bodyStart: headEnd + 4,
    bodyLength,
    ...(refuse === undefined ? {} : { refuse }),
  };
}

interface ExchangeOptions {
  readonly keepAlive: boolean;
  readonly timeline: Timeline;
  readonly onFinished: () => void;
}

/** One request and its answer. After `close`, `reset` or the client's leaving, writes do nothing. */
export class HttpExchange implements SimExchange {
  readonly request: SimRequest;
  readonly arrival: SimArrival;
  onGone: (() => void) | undefined;
  readonly #socket: SimSocket;
  readonly #options: ExchangeOptions;
  #chunked = false;
  #over = false;
  /** Actions waiting for the last piece of a slow head. */
  #held: (() => void)[] | undefined;

  constructor(
    socket: SimSocket,
    { request, arrival, ...options }: Pick<SimExchange, "arrival" | "request"> & ExchangeOptions,
  ) {
    this.#socket = socket;
    this.request = request;
    this.arrival = arrival;
    this.#options = options;
  }

  get closed(): boolean {
    return this.#over || this.#socket.destroyed;
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  /** The head is still being sent in pieces. */
  get holding(): boolean {
    return this.#held !== undefined;
  }

  head(status: number, { headers, body, slowMs = 0 }: HeadOptions): void {
    this.#chunked = body === "chunked";
    const lines = [
      `HTTP/1.1 ${statusLine(status)}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      body === "chunked" ? "transfer-encoding: chunked" : `content-length: ${body}`,
      `connection: ${this.#options.keepAlive ? "keep-alive" : "close"}`,
    ];
    const text = lines.join("\r\n") + "\r\n\r\n";
    if (slowMs === 0) return void this.#write(text);
    const { timeline } = this.#options;
    const startMs = timeline.clock.now();
    // The first cut is inside the status line, the second inside a header.
    const cuts = [0, 7, text.length - 9, text.length];
    this.#write(text.slice(0, 7));
    this.#held = [];
    timeline.at(startMs + slowMs / 2, () => this.#write(text.slice(cuts[1], cuts[2])));
    timeline.at(startMs + slowMs, () => {
      this.#write(text.slice(cuts[2], cuts[3]));
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const action of held) action();
    });
  }

  /** Writes a piece of the body (a chunk, when chunked); returns the instant just before it. */
  body(data: string | Uint8Array): number {
    if (!this.#chunked || data.length === 0) return this.raw(data);
    const bytes = bytesOf(data);
    return this.raw(joinBytes([bytesOf(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]));
  }

  /**
   * Writes the first `length` of bytes that are a chunk already, which the caller may then
   * overwrite; returns the instant just before it.
   */
  chunk(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    if (this.#held !== undefined || this.closed) return this.raw(bytes.slice(0, length));
    const atMs = this.#socket.send(bytes, length);
    this.#limitBuffer();
    return atMs;
  }

  /** Writes bytes outside of any framing; returns the instant just before it. */
  raw(data: string | Uint8Array): number {
    if (this.#held === undefined) return this.#write(data);
    this.#held.push(() => this.#write(data));
    return this.#options.timeline.clock.now();
  }

  /** Completes the answer. `close`: then ends the connection, even where the head says keep-alive. */
  finish({ close = false }: { readonly close?: boolean } = {}): void {
    if (this.#held !== undefined) return void this.#held.push(() => this.finish({ close }));
    if (this.closed) return;
    if (this.#chunked) this.#write("0\r\n\r\n");
    if (close || !this.#options.keepAlive) this.close();
    else {
      this.#over = true;
      this.onGone = undefined;
      this.#options.onFinished();
    }
  }

  /** Ends the connection now (FIN), complete or not. */
  close(): void {
    if (this.#held !== undefined) return void this.#held.push(() => this.close());
    if (this.closed) return;
    this.#over = true;
    this.onGone = undefined;
    this.#socket.end();
  }

  /** Resets the connection (RST). */
  reset(): void {
    if (this.closed) return;
    this.#over = true;
    this.onGone = undefined;
    this.#socket.reset();
  }

  /** The client closed the connection. */
  gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.onGone?.();
  }

  #write(data: string | Uint8Array): number {
    if (this.closed || data.length === 0) return this.#options.timeline.clock.now();
    const atMs = this.#socket.write(data);
    this.#limitBuffer();
    return atMs;
  }

  #limitBuffer(): void {
    if (this.#socket.writableLength > MAX_BUFFERED_BYTES) this.#socket.destroy();
  }
}
