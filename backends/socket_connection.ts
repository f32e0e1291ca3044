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
import { COUNTER_BYTES, COUNTER_READS, COUNTER_STAMPED, type ExchangeEnd } from "./transport.ts";

/** Where a connection goes, and how it is secured. */
export interface Origin {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly caCert: string | undefined;
  readonly insecure: boolean;
  /** What TLS is to agree on; HTTP/1.1 unless said otherwise. */
  readonly alpn?: string;
  /** Name to expect in the certificate, where it is not the host's. */
  readonly serverName?: string | undefined;
}

/** What a connection needs of a byte stream. */
export interface Line {
  /** Bytes that wait for the kernel to take them. */
  readonly writableLength: number;
  write(bytes: Uint8Array): void;
  /** Closes at once; no event but `onClose` follows. */
  destroy(): void;
}

/** What a byte stream tells its connection, always after `dial` has returned. */
export interface LineEvents {
  /** Connected, and the handshake is over where there is one. */
  onConnected(): void;
  /**
   * The first `count` bytes of `buffer`, which the next read overwrites. `arrivedMs`: when the
   * kernel received the last of them, on the host's clock, where the line can tell.
   */
  onBytes(buffer: Uint8Array, count: number, arrivedMs?: number): void;
  /** The server will send no more. */
  onEnd(): void;
  /** `cause` in the platform's words, with its code where there is one. */
  onError(cause: string): void;
  /** The descriptor is free. */
  onClose(): void;
}

/** Begins to connect. */
export type Dial = (origin: Origin, events: LineEvents) => Line;

/** The exchange that a connection carries. */
export interface ConnectionFlight {
  /** Head and body of the request, written in one piece. */
  readonly wire: Uint8Array;
  readonly log: BodyLog;
  readonly onRead: ((atMs: number, bytes: Uint8Array) => void) | undefined;
  firstByteMs: number | undefined;
  connectMs: number | undefined;
}

/** Who uses the connections. */
export interface ConnectionHost<F extends ConnectionFlight> {
  readonly clock: Clock;
  readonly dial: Dial;
  readonly counters: Uint32Array;
  /** The exchange is over; the connection is free again, or closing. */
  ended(connection: Connection<F>, flight: F, atMs: number, end: ExchangeEnd): void;
  /** The connection broke before any byte of the answer, as an idle one does that was closed. */
  lost(connection: Connection<F>, flight: F, atMs: number, message: string): void;
  /** The connection is closed for good; its descriptor is free. */
  closed(connection: Connection<F>): void;
}

/** A connection and, while it is in use, its exchange. */
export class Connection<F extends ConnectionFlight> implements LineEvents {
  /** Exchanges begun. */
  uses = 0;
  /** The connection can carry another exchange. */
  usable = true;
  readonly origin: Origin;
  readonly #host: ConnectionHost<F>;
  readonly #parser = new ResponseParser();
  readonly #line: Line;
  readonly #openedMs: number;
  #flight: F | undefined;
  #connected = false;
  /** Stamp of the last read. */
  #latestMs = -Infinity;

  /** Begins to connect. The first exchange is given with `use()` at once. */
  constructor(origin: Origin, host: ConnectionHost<F>) {
    this.origin = origin;
    this.#host = host;
    this.#openedMs = host.clock.now();
    this.#line = host.dial(origin, this);
  }

  /** Starts an exchange: its request is written now, or as soon as the connection stands. */
  use(flight: F): void {
    this.uses++;
    this.#flight = flight;
    this.#parser.start(flight.log);
    if (this.#connected) this.#line.write(flight.wire);
  }

  /** What has been read of the answer. */
  get response(): ResponseParser {
    return this.#parser;
  }

  /** Closes at once; an exchange in progress is dropped without a word. */
  destroy(): void {
    this.usable = false;
    this.#flight = undefined;
    this.#line.destroy();
  }

  /** See {@linkcode LineEvents}. */
  onConnected(): void {
    this.#connected = true;
    const flight = this.#flight;
    if (flight === undefined) return;
    flight.connectMs = this.#host.clock.now() - this.#openedMs;
    this.#line.write(flight.wire);
  }

  /** See {@linkcode LineEvents}. */
  onBytes(buffer: Uint8Array, count: number, arrivedMs?: number): void {
    // Where the kernel stamped one read and not the one before, the later may look like the earlier.
    const atMs = this.#latestMs = Math.max(this.#latestMs, arrivedMs ?? this.#host.clock.now());
    const flight = this.#flight;
    if (flight === undefined) {
      // Nothing was asked: what comes now (a 408, or the rest of a mistake) answers no request.
      this.destroy();
      return;
    }
    const { counters } = this.#host;
    counters[COUNTER_READS]!++;
    counters[COUNTER_BYTES]! += count;
    if (arrivedMs !== undefined) counters[COUNTER_STAMPED]!++;
    const parser = this.#parser;
    const { log } = flight;
    const bodyStart = log.bytes;
    const used = parser.push(buffer, 0, count);
    log.stamp(atMs);
    if (flight.firstByteMs === undefined && parser.headDone) flight.firstByteMs = atMs;
    if (flight.onRead !== undefined && log.bytes > bodyStart) {
      flight.onRead(atMs, log.copyFrom(bodyStart));
    }
    if (parser.done) {
      this.#finish(
        atMs,
        { kind: "complete" },
        parser.reusable && used === count && this.#line.writableLength === 0,
      );
    } else if (parser.error !== undefined) {
      this.#finish(atMs, { kind: "malformed", message: `not HTTP: ${parser.error}` }, false);
    }
  }

  /** See {@linkcode LineEvents}. */
  onEnd(): void {
    const atMs = this.#host.clock.now();
    const flight = this.#flight;
    if (flight === undefined) return this.destroy();
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

  /** See {@linkcode LineEvents}. */
  onError(cause: string): void {
    const atMs = this.#host.clock.now();
    if (this.#flight === undefined) return this.destroy();
    const message = connectionFailure(cause);
    if (this.#parser.headDone) this.#finish(atMs, this.#cut(message), false);
    else if (this.#connected && !this.#parser.started) this.#lose(atMs, message);
    else this.#finish(atMs, { kind: "connect_error", message }, false);
  }

  /** See {@linkcode LineEvents}. */
  onClose(): void {
    // After "end" or "error" there is no exchange any more; without either, this is its end.
    if (this.#flight !== undefined) this.onEnd();
    this.usable = false;
    this.#host.closed(this);
  }

  #cut(cause: string): ExchangeEnd {
    return { kind: "cut", message: `the body broke off: ${cause}` };
  }

  #finish(atMs: number, end: ExchangeEnd, usable: boolean): void {
    const flight = this.#flight!;
    if (usable) this.#flight = undefined;
    else this.destroy();
    this.#host.ended(this, flight, atMs, end);
  }

  #lose(atMs: number, message: string): void {
    const flight = this.#flight!;
    this.destroy();
    this.#host.lost(this, flight, atMs, message);
  }
}
