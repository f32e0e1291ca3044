/**
 * gRPC over HTTP/2, by the library `@grpc/grpc-js`: one channel per server, kept for the whole run,
 * that carries all streams. Messages stay bytes, stamped when the library hands them over; those of one
 * wake-up are one read.
 *
 * There are two gRPC transports. This one is the reference implementation's, for light loads. It
 * costs many times the CPU of `grpc-socket` and hides when bytes arrived. `grpc-socket` may go when
 * `node:http2` under Deno is stable (`node_http2.ts`) and as fast as sockets of our own; this one may
 * go when nobody needs what only it has, the proxies of the environment.
 *
 * TLS (`grpcs://`): a certificate is checked against the host name. Deno's TLS cannot check one
 * against an IP address, so a loopback address counts as `localhost`, and for any other address a
 * `host` header says which name to expect.
 *
 * Messages that arrive in one packet with a status other than OK may be lost: the library does not
 * hand over what it has when a call fails.
 *
 * A server may limit the streams of a connection (HTTP/2's MAX_CONCURRENT_STREAMS); calls above the
 * limit wait inside the library, and their wait is part of the latency.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Client, ClientReadableStream, Metadata, StatusObject } from "@grpc/grpc-js";
import { defined } from "./defined.ts";
import { type BodyLog, LogPool } from "./buffers.ts";
import { type Clock, nextTurn, wallClockMs } from "./clock.ts";
import {
  connectionFailure,
  deadlineOf,
  finishExchange,
  neverSent,
  stoppedEnd,
} from "./exchange.ts";
import {
  brokenEnd,
  DEADLINE_MARGIN_MS,
  grpcPath,
  type GrpcTarget,
  grpcTarget,
  NOT_METADATA,
  statusEnd,
} from "./grpc_call.ts";
import { GRPC_PREFIX_BYTES } from "./grpc_frames.ts";
import { type GrpcModule, loadGrpc } from "./grpc_load.ts";
import { GRPC_STATUS } from "./grpc_status.ts";
import { largeEnd, largeEventMessage, MAX_ANSWER_BYTES, maxEventBytes } from "./limits.ts";
import { isLocal } from "./local_address.ts";
import { nodeModule } from "./node_module.ts";
import type { WireRequest } from "./protocol.ts";
import {
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

const buffers = nodeModule<typeof import("node:buffer")>("node:buffer");

export const grpcTransport: TransportKind = {
  name: "grpc",
  open: openGrpc,
};

/** The library's number for a channel whose connection is up. */
const READY = 2;
/** The library's number for a channel that was closed. */
const SHUTDOWN = 4;

/** HTTP/2 window of a connection: many streams of tensors must not wait for each other. */
const WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Shortest time between two attempts to connect; calls in between fail at once. Nearly as good as
 * trying for every request, as other clients do: a server that is back is found.
 */
const BACKOFF_MS = 25;

/**
 * Opens the transport.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-env`.
 */
function openGrpc(options: TransportOptions): Transport {
  const loading = loadGrpc();
  // A failure is reported by `send`; a transport that is never used has no one to report it to.
  loading.catch(() => {});
  return new GrpcTransport(options, loading);
}

class GrpcTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #loading: Promise<GrpcModule>;
  readonly #channels = new Map<string, Channel>();
  readonly #counters: Uint32Array;
  readonly #watchdog: Watchdog;
  readonly #logs: LogPool;

  constructor(options: TransportOptions, loading: Promise<GrpcModule>) {
    this.#options = options;
    this.#loading = loading;
    this.#counters = options.counters ?? new Uint32Array(TRANSPORT_COUNTERS);
    this.#logs = new LogPool(options);
    this.#watchdog = new Watchdog(options.clock);
  }

  async send(request: WireRequest, options: SendOptions): Promise<Exchange> {
    const grpc = await this.#loading;
    const { clock } = this.#options;
    let channel: Channel;
    let call: CallRequest;
    try {
      channel = this.#channel(grpc, request, options);
      call = {
        path: grpcPath(request.url),
        message: request.body ?? new Uint8Array(0),
        metadata: metadataOf(grpc, request.headers),
      };
    } catch (error) {
      return neverSent(clock.now(), error);
    }
    return await new Promise((resolve) => {
      const running = new LibraryCall({
        clock,
        counters: this.#counters,
        channel,
        log: this.#logs.take(),
        options,
        settle: (exchange) => {
          this.#watchdog.release(running);
          resolve(exchange);
        },
      });
      if (options.signal?.aborted) return running.stop("cancelled");
      this.#watchdog.watch(running, deadlineOf(running.sentMs, options), options.signal);
      running.start(call);
    });
  }

  async close(): Promise<void> {
    this.#watchdog.close();
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of channels) channel.close();
    // The library closes its connections over a few turns of the event loop, without notice.
    for (let turns = channels.length > 0 ? 4 : 0; turns > 0; turns--) await nextTurn();
  }

  #channel(grpc: GrpcModule, request: WireRequest, { maxBytes }: SendOptions): Channel {
    const target = grpcTarget(request, this.#options);
    const key = `${target.key} ${maxBytes}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      const client = openClient(grpc, target, { ...this.#options, ...defined({ maxBytes }) });
      this.#channels.set(key, channel = new Channel(client, this.#options.clock));
    }
    return channel;
  }
}

/** A client and what is known of its connection. */
class Channel {
  readonly client: Client;
  /** When the connection last came up. */
  readyMs: number | undefined;
  readonly #clock: Clock;
  #watching = false;

  constructor(client: Client, clock: Clock) {
    this.client = client;
    this.#clock = clock;
  }

  get ready(): boolean {
    return this.client.getChannel().getConnectivityState(false) === READY;
  }

  close(): void {
    const subchannels = subchannelsOf(this.client);
    this.client.close();
    for (const subchannel of subchannels) {
      subchannel.continueConnecting = false;
      subchannel.backoffTimeout?.stop?.();
    }
  }

  watch(): void {
    if (this.#watching) return;
    const channel = this.client.getChannel();
    const state = channel.getConnectivityState(false);
    this.#watching = true;
    // Without a deadline there is no timer that would keep the process alive.
    channel.watchConnectivityState(state, Infinity, () => {
      const nowMs = this.#clock.now();
      this.#watching = false;
      const next = channel.getConnectivityState(false);
      if (next === READY) this.readyMs = nowMs;
      else if (next !== SHUTDOWN) this.watch();
    });
  }
}

/** Messages closer than this came together. */
const AT_ONCE_MS = 1;
/** So many of them are taken without a pause. */
const MOST_IN_ROW = 256;

interface CallRequest {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly message: Uint8Array;
  readonly metadata: Metadata;
}

/** The internals of the library that `close()` of a client forgets to stop. */
interface Subchannel {
  continueConnecting?: boolean;
  readonly backoffTimeout?: { stop?(): void };
}

/**
 * The subchannels of a client. After a failed attempt to connect, their timer runs on when the client
 * is closed, and even starts another attempt. Where a version of the library keeps them elsewhere,
 * none is found and the timer runs out by itself: it does not keep the process alive.
 */
function subchannelsOf(client: Client): Subchannel[] {
  const { internalChannel } = client.getChannel() as {
    internalChannel?: {
      subchannelPool?: { pool?: Record<string, { subchannel?: Subchannel }[]> };
    };
  };
  const pool = internalChannel?.subchannelPool?.pool ?? {};
  return Object.values(pool).flat().flatMap(({ subchannel }) => subchannel ?? []);
}

interface CallFacts {
  readonly clock: Clock;
  readonly counters: Uint32Array;
  readonly channel: Channel;
  readonly log: BodyLog;
  readonly options: SendOptions;
  readonly settle: (exchange: Exchange) => void;
}

class LibraryCall implements WatchedExchange {
  readonly sentMs: number;
  readonly #facts: CallFacts;
  readonly #prefix = new Uint8Array(GRPC_PREFIX_BYTES);
  readonly #prefixView = new DataView(this.#prefix.buffer);
  readonly #wakeUp = new WakeUp();
  #connection: Exchange["connection"] = "unknown";
  #firstByteMs: number | undefined;
  #stream: ClientReadableStream<Buffer> | undefined;
  #settled = false;
  #latestMs = 0;
  /** Messages that followed each other at once. */
  #inRow = 0;

  constructor(facts: CallFacts) {
    this.#facts = facts;
    this.sentMs = facts.clock.now();
  }

  start(request: CallRequest): void {
    const { channel, clock, options } = this.#facts;
    this.#connection = channel.ready ? "reused" : "new";
    const deadline = options.timeoutMs > 0
      ? wallClockMs() + options.timeoutMs + DEADLINE_MARGIN_MS
      : Infinity;
    const stream = this.#stream = channel.client.makeServerStreamRequest<Uint8Array, Buffer>(
      request.path,
      (message) => buffers().Buffer.from(message.buffer, message.byteOffset, message.byteLength),
      (message) => message,
      request.message,
      request.metadata,
      { deadline },
    );
    // After the call was made: only then has the channel begun to connect.
    if (this.#connection === "new") channel.watch();
    stream.on("data", (message: Buffer) => this.#receive(clock.now(), message));
    stream.on("metadata", () => this.#firstByteMs ??= clock.now());
    stream.on("status", (status: StatusObject) => {
      const atMs = clock.now();
      if (stream.readableLength === 0) this.#finish(atMs, status);
      else stream.on("end", () => this.#finish(atMs, status));
    });
    // Repeats the status; without a listener it would end the process.
    stream.on("error", () => {});
  }

  stop(reason: StopReason): void {
    const { clock, log, options } = this.#facts;
    const seen = { head: this.#firstByteMs !== undefined, bytes: log.bytes };
    this.#settle(clock.now(), stoppedEnd(reason, options, seen));
    this.#stream?.cancel();
  }

  #receive(atMs: number, message: Buffer): void {
    if (this.#settled) return;
    const { log, counters, options } = this.#facts;
    this.#firstByteMs ??= atMs;
    const bytes = GRPC_PREFIX_BYTES + message.length;
    this.#prefixView.setUint32(1, message.length);
    log.append(this.#prefix, 0, GRPC_PREFIX_BYTES);
    log.append(message, 0, message.length);
    const readMs = this.#wakeUp.stamp(log, counters, atMs, bytes);
    if (options.onFirst !== undefined && log.bytes === bytes) options.onFirst();
    options.onRead?.(readMs, log.copyFrom(log.bytes - bytes));
    const large = largeEnd(log, options.maxBytes ?? MAX_ANSWER_BYTES);
    if (large === undefined) return this.#breathe(atMs);
    this.#settle(atMs, large);
    this.#stream?.cancel();
  }

  /**
   * The library hands over all it has in one go, and may have a million messages: no timer, deadline
   * or interrupt would be served meanwhile.
   */
  #breathe(atMs: number): void {
    this.#inRow = atMs - this.#latestMs < AT_ONCE_MS ? this.#inRow + 1 : 0;
    this.#latestMs = atMs;
    if (this.#inRow < MOST_IN_ROW) return;
    this.#inRow = 0;
    this.#stream?.pause();
    void nextTurn().then(() => this.#stream?.resume());
  }

  #finish(atMs: number, status: StatusObject): void {
    const seen = { head: this.#firstByteMs !== undefined, connected: this.#facts.channel.ready };
    if (TOO_LARGE.test(status.details)) {
      const message = largeEventMessage(this.#facts.options.maxBytes);
      return this.#settle(atMs, { kind: "malformed", message });
    }
    this.#settle(atMs, endOf(status, seen), status.code);
  }

  #settle(endMs: number, end: ExchangeEnd, status: number = 0): void {
    if (this.#settled) return;
    this.#settled = true;
    const { channel, log, settle } = this.#facts;
    const waited = this.#connection === "new" && channel.readyMs !== undefined &&
      channel.readyMs >= this.sentMs;
    settle(finishExchange({
      sentMs: this.sentMs,
      firstByteMs: this.#firstByteMs,
      endMs,
      status,
      contentType: "application/grpc",
      connection: this.#connection,
      connectMs: waited ? channel.readyMs! - this.sentMs : undefined,
      end,
    }, log.finish()));
  }
}

/** How the library words a message above its limit, of which it tells the server as well. */
const TOO_LARGE = /^Received message larger than max /;

/**
 * How the library words a stream that ended without a status from the server. A server that is killed
 * in the middle of a stream shows as CANCELLED, although nobody cancelled.
 */
const NO_STATUS =
  /^(Received RST_STREAM with code|Call cancelled$|Connection dropped$|Stream refused by server$)/;

/** What surrounds the socket's own message when no connection could be made. */
const NO_CONNECTION =
  /^No connection established\. Last error: (.*?)(?: \(\d{4}-[^)]*\))?\.? Resolution note:.*$/s;

/** How the library words an answer in HTTP/1, or in no protocol that it knows. */
const NOT_HTTP2 = /^Protocol error$/;

function connectionWords(details: string): string {
  const said = NO_CONNECTION.exec(details)?.[1] ?? details;
  return NOT_HTTP2.test(said)
    ? "the server does not speak HTTP/2 on this port: take its gRPC port, or an HTTP --protocol"
    : said;
}

function endOf(
  { code, details }: { readonly code: number; readonly details: string },
  seen: { readonly head: boolean; readonly connected: boolean },
): ExchangeEnd {
  if (code !== GRPC_STATUS.OK && (!seen.connected || NO_STATUS.test(details))) {
    if (seen.head) return brokenEnd(details, seen);
    const cause = NO_STATUS.test(details) ? `no answer came: ${details}` : connectionWords(details);
    return brokenEnd(connectionFailure(cause), seen);
  }
  return statusEnd(code, details);
}

function metadataOf(
  { library }: GrpcModule,
  headers: Readonly<Record<string, string>>,
): Metadata {
  const metadata = new library.Metadata();
  for (const [name, value] of Object.entries(headers)) {
    if (NOT_METADATA.has(name)) continue;
    metadata.set(name, name.endsWith("-bin") ? buffers().Buffer.from(value, "base64") : value);
  }
  return metadata;
}

function openClient(
  { library, grpcRootsPath }: GrpcModule,
  { secure, address, host, authority, serverName }: GrpcTarget,
  options: TransportOptions & Pick<SendOptions, "maxBytes">,
): Client {
  let credentials = library.credentials.createInsecure();
  if (secure) {
    const roots = options.caCert !== undefined
      ? buffers().Buffer.from(options.caCert)
      : grpcRootsPath !== undefined
      ? buffers().Buffer.from(Deno.readFileSync(grpcRootsPath))
      : null;
    credentials = library.credentials.createSsl(
      roots,
      null,
      null,
      options.insecure ? { rejectUnauthorized: false, checkServerIdentity: () => undefined } : {},
    );
  }
  return new library.Client(address, credentials, {
    "grpc.max_receive_message_length": maxEventBytes(options.maxBytes),
    "grpc.max_send_message_length": -1,
    "grpc.primary_user_agent": "tokometer",
    // A failure must be visible, not hidden by a second attempt.
    "grpc.enable_retries": 0,
    "grpc.initial_reconnect_backoff_ms": BACKOFF_MS,
    "grpc.max_reconnect_backoff_ms": BACKOFF_MS,
    // Otherwise transports would share connections, and closing one would not close them.
    "grpc.use_local_subchannel_pool": 1,
    // Looking up settings in DNS records costs time.
    "grpc.service_config_disable_resolution": 1,
    "grpc-node.flow_control_window": WINDOW_BYTES,
    ...(isLocal(host) && !options.proxyLocal && { "grpc.enable_http_proxy": 0 }),
    ...defined({
      "grpc.ssl_target_name_override": serverName,
      "grpc.default_authority": authority,
    }),
  });
}
