/**
 * gRPC over plain sockets with an HTTP/2 of our own: the gRPC transport for many streams. One read
 * takes everything that has arrived, for all streams of a connection, and every stream that it
 * brought something for gets the same stamp. For more than light loads; `grpc` says why there are
 * two and which one may go. No proxies, no compression.
 *
 * As many calls share a connection as the server allows; for more, another one is opened.
 *
 * A call that the server has not begun, as it says itself (GOAWAY, REFUSED_STREAM), is sent once
 * more, on another connection if need be, and counted as a replaced connection.
 *
 * TLS (`grpcs://`): a certificate is checked as {@linkcode grpcTransport} checks it.
 *
 * @module
 */
import { type BodyLog, LogPool } from "./buffers.ts";
import type { Clock } from "./clock.ts";
import { checkAuthority, deadlineOf, finishExchange, neverSent, stoppedEnd } from "./exchange.ts";
import {
  brokenEnd,
  DEADLINE_MARGIN_MS,
  grpcPath,
  type GrpcTarget,
  grpcTarget,
  NOT_METADATA,
} from "./grpc_call.ts";
import { grpcFrame } from "./grpc_frames.ts";
import { GrpcResponse, statusOfReset } from "./grpc_response.ts";
import { openGrpcRehearsalSocket } from "./grpc_rehearsal.ts";
import { H2Stream, type StreamEnd } from "./h2_connection.ts";
import { showCode } from "./h2_frames.ts";
import { H2Pool } from "./h2_pool.ts";
import { encodeHpack, type Field } from "./hpack.ts";
import { largeEnd, MAX_ANSWER_BYTES } from "./limits.ts";
import type { WireRequest } from "./protocol.ts";
import { nodeModule } from "./node_module.ts";
import type { OpenSocket } from "./socket_events.ts";
import { openSocket } from "./socket_node.ts";
import {
  COUNTER_REPLACED,
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

export const grpcSocketTransport: TransportKind = {
  name: "grpc-socket",
  open: (options) => new GrpcSocketTransport(options, openSocket),
};

/** Prepared calls to keep; a benchmark has a handful, unless every request has its own. */
const PREPARED_CALLS = 1000;

/** The parts of a call that are the same in the next one. */
interface PreparedCall {
  readonly pool: H2Pool;
  readonly block: Uint8Array;
}

interface CallFacts {
  readonly call: PreparedCall;
  readonly body: Uint8Array;
  readonly sentMs: number;
  readonly log: BodyLog;
  readonly options: SendOptions;
  readonly resolve: (exchange: Exchange) => void;
}

class SocketCall extends H2Stream implements WatchedExchange {
  readonly block: Uint8Array;
  readonly body: Uint8Array;
  readonly #transport: GrpcSocketTransport;
  readonly #facts: CallFacts;
  readonly #log: BodyLog;
  readonly #onRead: SendOptions["onRead"];
  readonly #response = new GrpcResponse();
  /** The body of a server that does not speak gRPC means nothing. */
  #keepData = false;
  readonly #maxBytes: number;
  /** Body bytes there were after the last read. */
  #readTo = 0;
  /** When that was. */
  #readMs = NaN;
  #firstByteMs: number | undefined;
  #connection: Exchange["connection"] = "unknown";
  #sentAgain = false;
  #settled = false;

  constructor(transport: GrpcSocketTransport, facts: CallFacts) {
    super();
    this.#transport = transport;
    this.#facts = facts;
    this.#log = facts.log;
    this.#onRead = facts.options.onRead;
    this.#maxBytes = facts.options.maxBytes ?? MAX_ANSWER_BYTES;
    this.block = facts.call.block;
    this.body = facts.body;
  }

  start(): void {
    this.#facts.call.pool.carry(this);
    this.#connection = this.connection?.connectedMs === undefined ? "new" : "reused";
  }

  stop(reason: StopReason): void {
    const { call, options } = this.#facts;
    call.pool.cancel(this);
    const seen = { head: this.#firstByteMs !== undefined, bytes: this.#log.bytes };
    this.#settle(this.#transport.clock.now(), stoppedEnd(reason, options, seen));
  }

  onFields(atMs: number, fields: readonly Field[]): void {
    this.#firstByteMs ??= atMs;
    this.#response.take(fields);
    this.#keepData = this.#response.isGrpc;
  }

  onData(source: Uint8Array, from: number, to: number): void {
    if (this.#keepData) this.#log.append(source, from, to);
  }

  onReadEnd(atMs: number, widthMs: number, restOfMs: number | undefined): void {
    const log = this.#log;
    const from = this.#readTo;
    if (log.bytes === from) return;
    if (restOfMs !== undefined && restOfMs === this.#readMs) log.prolong(atMs, false);
    else log.stamp(atMs, widthMs);
    this.#readMs = atMs;
    this.#readTo = log.bytes;
    countRead(this.#transport.counters, log.bytes - from);
    if (from === 0) this.#facts.options.onFirst?.();
    if (this.#onRead !== undefined) this.#onRead(atMs, log.copyFrom(from));
    const large = largeEnd(log, this.#maxBytes);
    if (large === undefined) return;
    this.#facts.call.pool.cancel(this);
    this.#settle(atMs, large);
  }

  onEnd(atMs: number, end: StreamEnd): void {
    const head = this.#firstByteMs !== undefined;
    switch (end.kind) {
      case "ended":
        return this.#settle(
          atMs,
          this.#response.end() ?? brokenEnd("it ended without a gRPC status", { head }),
        );
      case "reset":
        return this.#settle(
          atMs,
          statusOfReset(end.code) ?? brokenEnd(
            `${head ? "" : "no answer came: "}stream reset with ${showCode(end.code)}`,
            { head },
          ),
        );
      case "refused":
        if (this.#sentAgain || head) return this.#settle(atMs, brokenEnd(end.message, { head }));
        this.#sentAgain = true;
        this.#transport.counters[COUNTER_REPLACED]!++;
        return this.start();
      case "malformed":
        return this.#settle(atMs, { kind: "malformed", message: `not HTTP/2: ${end.message}` });
      case "large":
        return this.#settle(atMs, { kind: "malformed", message: end.message });
      case "lost":
      case "unreachable":
        return this.#settle(atMs, brokenEnd(end.message, { head }));
    }
  }

  #settle(endMs: number, end: ExchangeEnd): void {
    // The receiver of the last read may stop the call before its end is reported.
    if (this.#settled) return;
    this.#settled = true;
    const { sentMs, resolve } = this.#facts;
    const connectedMs = this.connection?.connectedMs;
    const waited = this.#connection === "new" && connectedMs !== undefined && connectedMs >= sentMs;
    this.#transport.release(this);
    resolve(finishExchange({
      sentMs,
      departedMs: this.departedMs,
      firstByteMs: this.#firstByteMs,
      endMs,
      status: end.kind === "grpc_status" ? end.status : 0,
      contentType: "application/grpc",
      connection: this.#connection,
      connectMs: waited ? connectedMs - Math.max(sentMs, this.connection!.openedMs) : undefined,
      end,
    }, this.#log.finish()));
  }
}

/** gRPC over sockets of any kind. */
export class GrpcSocketTransport implements Transport {
  readonly clock: Clock;
  readonly counters: Uint32Array;
  readonly #options: TransportOptions;
  readonly #openSocket: OpenSocket;
  readonly #watchdog: Watchdog;
  readonly #logs: LogPool;
  readonly #prepared = new Map<string, PreparedCall>();
  readonly #pools = new Map<string, H2Pool>();
  #allClosed: (() => void) | undefined;

  /** @throws {TypeError} for an authority that is not PEM text. */
  constructor(options: TransportOptions, openSocket: OpenSocket) {
    checkAuthority(options.caCert);
    this.#options = options;
    this.clock = options.clock;
    this.counters = options.counters ?? new Uint32Array(TRANSPORT_COUNTERS);
    this.#openSocket = openSocket;
    this.#logs = new LogPool(options);
    this.#watchdog = new Watchdog(options.clock);
  }

  send(request: WireRequest, options: SendOptions): Promise<Exchange> {
    const sentMs = this.clock.now();
    let call: PreparedCall;
    try {
      call = this.#prepare(request, options.timeoutMs);
    } catch (error) {
      return Promise.resolve(neverSent(sentMs, error));
    }
    return new Promise((resolve) => {
      const running = new SocketCall(this, {
        call,
        body: grpcFrame(request.body ?? new Uint8Array(0)),
        sentMs,
        log: this.#logs.take(),
        options,
        resolve,
      });
      if (options.signal?.aborted) return running.stop("cancelled");
      this.#watchdog.watch(running, deadlineOf(sentMs, options), options.signal);
      running.start();
    });
  }

  rehearsal(): Transport {
    return new GrpcSocketTransport({ clock: this.clock }, openGrpcRehearsalSocket);
  }

  async close(): Promise<void> {
    this.#watchdog.close();
    for (const pool of this.#pools.values()) pool.destroy();
    if (this.#open > 0) await new Promise<void>((resolve) => this.#allClosed = resolve);
  }

  release(call: WatchedExchange): void {
    this.#watchdog.release(call);
  }

  /** Connections whose descriptors are in use. */
  get #open(): number {
    let open = 0;
    for (const pool of this.#pools.values()) open += pool.size;
    return open;
  }

  /** Finds or makes the parts of a call that are the same in the next one. */
  #prepare({ url, headers }: WireRequest, timeoutMs: number): PreparedCall {
    let key = `${timeoutMs} ${url}`;
    for (const name in headers) key += `\n${name}:${headers[name]}`;
    let call = this.#prepared.get(key);
    if (call === undefined) {
      const target = grpcTarget({ url, headers }, this.#options);
      const fields: Field[] = [
        [":method", "POST"],
        [":scheme", target.secure ? "https" : "http"],
        [":path", grpcPath(url)],
        [":authority", target.authority ?? target.address],
        ...(timeoutMs > 0 ? [["grpc-timeout", grpcTimeout(timeoutMs)] as const] : []),
        ["te", "trailers"],
        ["content-type", "application/grpc"],
        ["user-agent", "tokometer"],
        // The tokens of a compressed message could not be counted.
        ["grpc-accept-encoding", "identity"],
        ...metadataOf(headers),
      ];
      call = { pool: this.#pool(target), block: encodeHpack(fields) };
      if (this.#prepared.size >= PREPARED_CALLS) this.#prepared.clear();
      this.#prepared.set(key, call);
    }
    return call;
  }

  #pool({ key, host, port, secure, serverName }: GrpcTarget): H2Pool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      const { caCert, insecure = false } = this.#options;
      pool = new H2Pool({ host, port, secure, caCert, insecure, alpn: "h2", serverName }, {
        clock: this.clock,
        openSocket: this.#openSocket,
        onClosed: () => {
          if (this.#open === 0) this.#allClosed?.();
        },
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }
}

/** The server's copy of the deadline: at most eight digits and a unit. */
function grpcTimeout(timeoutMs: number): string {
  const ms = Math.ceil(timeoutMs + DEADLINE_MARGIN_MS);
  return ms < 1e8 ? `${ms}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`;
}

const buffers = nodeModule<typeof import("node:buffer")>("node:buffer");

/** @throws {TypeError} for values that HTTP/2 cannot carry as gRPC writes them. */
function metadataOf(headers: WireRequest["headers"]): Field[] {
  return Object.entries(headers).filter(([name]) => !NOT_METADATA.has(name)).map(
    ([name, value]) => {
      // However the user has written the bytes, this is how gRPC writes them.
      if (name.endsWith("-bin")) {
        return [name, buffers().Buffer.from(value, "base64").toString("base64")];
      }
      if (!/^[ -~]*$/.test(value)) {
        throw new TypeError(
          `Cannot send the header "${name}" over gRPC: its value holds other than printable ASCII`,
        );
      }
      return [name, value];
    },
  );
}
