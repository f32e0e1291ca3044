/**
 * One HTTP/1.1 connection over a byte stream. All connections read into one buffer and parse it
 * before they return, so a read allocates nothing and an open stream costs no buffer.
 *
 * @module
 */
import type { BodyLog } from "./buffers.ts";
import type { Clock } from "./clock.ts";
import { connectionFailure } from "./exchange.ts";
import { ResponseParser } from "./http1.ts";
import { largeEnd } from "./limits.ts";
import {
  type OpenSocket,
  type Origin,
  READ_BYTES,
  type ReadStamp,
  type Socket,
  type SocketEvents,
} from "./socket_events.ts";
import { COUNTER_STAMPED, countRead, type ExchangeEnd } from "./transport.ts";
import { LONGEST_WAKE_UP_MS } from "./wake_up.ts";

const CR = 13;

/** Stamp of the read that is being handled. */
const read = new Float64Array(2);

/** The reads of one socket: what one has no room for comes with the next. */
export class FullReads {
  /** First and latest of those in a row that were full. */
  #firstMs = NaN;
  #latestMs = NaN;

  /** The last read was full. Where neither it nor this one is, `restOf` need not be called. */
  get any(): boolean {
    return !Number.isNaN(this.#firstMs);
  }

  /** To be called for each read; the stamp of the one whose rest it takes, `undefined` = none. */
  restOf(atMs: number, count: number): number | undefined {
    const restOfMs = atMs - this.#firstMs < LONGEST_WAKE_UP_MS ? this.#latestMs : undefined;
    if (count < READ_BYTES) this.#firstMs = this.#latestMs = NaN;
    else {
      this.#latestMs = atMs;
      if (Number.isNaN(this.#firstMs)) this.#firstMs = atMs;
    }
    return restOfMs;
  }
}

/** The exchange that a connection carries. */
export interface RunningExchange {
  /** Head and body of the request, written in one piece. */
  readonly wire: Uint8Array;
  readonly log: BodyLog;
  /** Largest body. */
  readonly maxBytes: number;
  readonly onRead: ((atMs: number, bytes: Uint8Array) => void) | undefined;
  readonly onFirst: (() => void) | undefined;
  firstByteMs: number | undefined;
  connectMs: number | undefined;
  departedMs: number | undefined;
}

export interface ConnectionHost<E extends RunningExchange> {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly counters: Uint32Array;
  /** The exchange is over; the connection is free again, or closing. */
  ended(connection: Connection<E>, exchange: E, atMs: number, end: ExchangeEnd): void;
  /** The connection broke before any byte of the answer, as an idle one does that was closed. */
  lost(connection: Connection<E>, exchange: E, atMs: number, message: string): void;
  /** The connection stands, and no exchange waits for it. */
  stands(connection: Connection<E>): void;
  /** The connection is closed for good; its descriptor is free. */
  closed(connection: Connection<E>): void;
}

/** A connection and, while it is in use, its exchange. */
export class Connection<E extends RunningExchange> implements SocketEvents {
  uses = 0;
  /** The connection can carry another exchange. */
  usable = true;
  readonly origin: Origin;
  readonly #host: ConnectionHost<E>;
  readonly #parser = new ResponseParser();
  readonly #socket: Socket;
  readonly #openedMs: number;
  #exchange: E | undefined;
  #connected = false;
  #latestMs = -Infinity;
  readonly #fullReads = new FullReads();

  /** Begins to connect. An exchange may be given with `use()` at once. */
  constructor(origin: Origin, host: ConnectionHost<E>) {
    this.origin = origin;
    this.#host = host;
    this.#openedMs = host.clock.now();
    this.#socket = host.openSocket(origin, this);
  }

  /** Starts an exchange: its request is written now, or as soon as the connection stands. */
  use(exchange: E): void {
    this.uses++;
    this.#exchange = exchange;
    // Another connection may have taken it before, and lost it.
    exchange.departedMs = undefined;
    this.#parser.start(exchange.log);
    if (this.#connected) this.#socket.write(exchange.wire);
  }

  /** What has been read of the answer. */
  get response(): ResponseParser {
    return this.#parser;
  }

  /** Closes at once; the host is not told about an exchange in progress. */
  destroy(): void {
    this.usable = false;
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  onConnected(): void {
    this.#connected = true;
    const exchange = this.#exchange;
    if (exchange === undefined) return this.#host.stands(this);
    exchange.connectMs = this.#host.clock.now() - this.#openedMs;
    this.#socket.write(exchange.wire);
  }

  onDeparted(atMs: number): void {
    if (this.#exchange !== undefined) this.#exchange.departedMs = atMs;
  }

  onBytes(buffer: Uint8Array, count: number, stamp?: ReadStamp): boolean {
    const stampMs = stamp === undefined ? this.#host.clock.now() : stamp.arrivedMs;
    const widthMs = stamp === undefined
      ? this.#socket.readWidthMs?.(stampMs) ?? NaN
      : stamp.widthMs;
    // Where the kernel stamped this read and not the one before, this one may seem to be earlier.
    const atMs = this.#latestMs = Math.max(this.#latestMs, stampMs);
    const exchange = this.#exchange;
    if (exchange === undefined) {
      // Nothing was asked: these bytes (a 408, or the rest of a mistake) answer no request.
      this.destroy();
      return true;
    }
    const { counters } = this.#host;
    countRead(counters, count);
    if (widthMs < 0) counters[COUNTER_STAMPED]!++;
    const parser = this.#parser;
    const { log } = exchange;
    const bodyStart = log.bytes;
    const used = parser.push(buffer, 0, count);
    const exact = atMs === stampMs && endsWithBody(buffer, parser.bodyEnd, count);
    const full = this.#fullReads.any || count === READ_BYTES;
    if (full && this.#fullReads.restOf(atMs, count) !== undefined && log.reads > 0) {
      log.prolong(atMs, exact && widthMs < 0);
    } else {
      read[0] = atMs;
      read[1] = exact ? widthMs : Math.abs(widthMs) + (atMs - stampMs);
      log.stampRead(read);
    }
    if (exchange.firstByteMs === undefined && parser.headDone) exchange.firstByteMs = atMs;
    const first = exchange.onFirst !== undefined && bodyStart === 0 && log.bytes > 0;
    if (first) exchange.onFirst!();
    if (exchange.onRead !== undefined && log.bytes > bodyStart) {
      exchange.onRead(atMs, log.copyFrom(bodyStart));
    }
    const large = largeEnd(log, exchange.maxBytes);
    if (large !== undefined) this.#finish(atMs, large, false);
    else if (parser.done) {
      this.#finish(
        atMs,
        { kind: "complete" },
        parser.reusable && used === count && this.#socket.writableLength === 0,
      );
    } else if (parser.error !== undefined) {
      const message = parser.limitPassed ? parser.error : `not HTTP: ${parser.error}`;
      this.#finish(atMs, { kind: "malformed", message }, false);
    } else return first || exchange.onRead !== undefined;
    return true;
  }

  onEnd(): void {
    const atMs = this.#host.clock.now();
    const exchange = this.#exchange;
    if (exchange === undefined) return this.destroy();
    switch (this.#parser.eof()) {
      case "complete":
        return this.#finish(atMs, { kind: "complete" }, false);
      case "body":
        return this.#finish(atMs, this.#cut("connection closed by the server"), false);
      case "head":
        return this.#finish(
          atMs,
          { kind: "connect_error", message: "connection closed inside the response head" },
          false,
        );
      default:
        this.#lose(atMs, "connection closed by the server without an answer");
    }
  }

  onError(cause: string): void {
    const atMs = this.#host.clock.now();
    if (this.#exchange === undefined) return this.destroy();
    const message = connectionFailure(cause);
    if (this.#parser.headDone) this.#finish(atMs, this.#cut(message), false);
    else if (this.#connected && !this.#parser.started) this.#lose(atMs, message);
    else this.#finish(atMs, { kind: "connect_error", message }, false);
  }

  onClose(): void {
    // After "end" or "error" there is no exchange left; without either, this is its end.
    if (this.#exchange !== undefined) this.onEnd();
    this.usable = false;
    this.#host.closed(this);
  }

  #cut(cause: string): ExchangeEnd {
    return { kind: "cut", message: `the body broke off: ${cause}` };
  }

  #finish(atMs: number, end: ExchangeEnd, usable: boolean): void {
    const exchange = this.#exchange!;
    if (usable) this.#exchange = undefined;
    else this.destroy();
    this.#host.ended(this, exchange, atMs, end);
  }

  #lose(atMs: number, message: string): void {
    const exchange = this.#exchange!;
    this.destroy();
    this.#host.lost(this, exchange, atMs, message);
  }
}

/**
 * Whether nothing follows the body's last byte in a read but the line end of its chunk, which servers
 * send along with it: then the stamp of the read is that of the body.
 */
function endsWithBody(buffer: Uint8Array, bodyEnd: number, count: number): boolean {
  const left = count - bodyEnd;
  return left === 0 || left <= 2 && buffer[bodyEnd] === CR;
}
