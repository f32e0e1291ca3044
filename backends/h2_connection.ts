/**
 * One HTTP/2 connection of a client (RFC 9113) over a socket. It reads into the buffer that all
 * connections share and passes data on before it returns: a read allocates nothing, and every stream
 * that it brings something for gets the same stamp.
 *
 * Left out, because it is not needed here: pushed streams (refused), priorities (ignored), a dynamic
 * table for what we send.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { connectionFailure } from "./exchange.ts";
import {
  DEFAULT_WINDOW_BYTES,
  FLAG,
  FRAME,
  FRAME_HEAD_BYTES,
  type FrameHead,
  FrameReader,
  type FrameSink,
  H2_CODE,
  H2Error,
  makeFrame,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  PREFACE,
  putFrameHead,
  putUint32,
  readUint32,
  rstStream,
  SETTING,
  settings,
  showCode,
  windowUpdate,
} from "./h2_frames.ts";
import { joinBytes } from "./join_bytes.ts";
import { type Field, HpackDecoder } from "./hpack.ts";
import { showBytes } from "./limits.ts";
import { FullReads } from "./socket_connection.ts";
import type { OpenSocket, Origin, Socket, SocketEvents } from "./socket_events.ts";

/** Window of each stream. Data is taken at once, so a large window only saves WINDOW_UPDATEs. */
const STREAM_WINDOW_BYTES = 8 * 1024 * 1024;
/** Window of the connection: its streams must not wait for each other. */
const CONNECTION_WINDOW_BYTES = 64 * 1024 * 1024;
/** Streams to begin before the server has said how many it allows; by custom none allows fewer. */
const INITIAL_STREAMS = 100;
/** Largest header block, in bytes. */
const HEADER_LIMIT = 256 * 1024;
/**
 * Most frames in a row that bring no part of an answer; each may want an answer of ours. For each frame
 * of a request two more may come, since a server makes room for it again.
 */
export const IDLE_FRAMES_LIMIT = 10_000;
const FRAMES_PER_SENT = 2;
const PING_BYTES = 8;

export type StreamEnd =
  /** As HTTP/2 defines it. */
  | { readonly kind: "ended" }
  | { readonly kind: "reset"; readonly code: number }
  /** The server says that it has not begun it: it can be sent again. */
  | { readonly kind: "refused"; readonly message: string }
  /** The connection was never established, or the server does not speak HTTP/2. */
  | { readonly kind: "unreachable"; readonly message: string }
  | { readonly kind: "lost"; readonly message: string }
  /** The server broke the rules. */
  | { readonly kind: "malformed"; readonly message: string }
  /** The server sent more than is taken. */
  | { readonly kind: "large"; readonly message: string };

/** A request and its answer. The fields belong to the connection, the methods to the caller. */
export abstract class H2Stream {
  /** 0 while it waits for a connection. */
  id = 0;
  connection: H2Connection | undefined;
  /** The head of the final response has arrived. */
  headSeen = false;
  /** Body bytes that were sent. */
  bodyAt = 0;
  /** Body bytes that the server has room for. */
  sendWindow = 0;
  /** When the last byte of the request had left at the latest; unknown before that. */
  departedMs: number | undefined;
  /** Bytes received since the last WINDOW_UPDATE. */
  received = 0;
  /** The current read brought data. */
  touched = false;
  abstract readonly block: Uint8Array;
  /** Body of the request; never empty. */
  abstract readonly body: Uint8Array;

  /** The head of the response, or its trailers. */
  abstract onFields(atMs: number, fields: readonly Field[]): void;
  /** `source[from, to)` is data; the next read overwrites it. */
  abstract onData(source: Uint8Array, from: number, to: number): void;
  /**
   * The read is over that brought data, which came at most `widthMs` earlier; NaN = unknown.
   *
   * @param restOfMs stamp of the read before it, whose rest it took; `undefined` = none.
   */
  abstract onReadEnd(atMs: number, widthMs: number, restOfMs: number | undefined): void;
  /** The stream is over; nothing follows. */
  abstract onEnd(atMs: number, end: StreamEnd): void;
}

export interface H2Host {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  /** More streams may begin: one has ended, or the server has said how many it allows. */
  roomMade(): void;
  /** The connection is closed for good; its descriptor is free. */
  closed(connection: H2Connection): void;
}

export class H2Connection implements SocketEvents, FrameSink {
  /** When it was established. */
  connectedMs: number | undefined;
  /** When connecting began. */
  readonly openedMs: number;
  /** Why it ended, for the streams that waited for it. */
  failure: string | undefined;
  readonly #host: H2Host;
  readonly #socket: Socket;
  readonly #reader = new FrameReader(this);
  readonly #hpack = new HpackDecoder();
  readonly #streams = new Map<number, H2Stream>();
  /** Streams with body left to send. */
  readonly #unsent = new Set<H2Stream>();
  #nextId = 1;
  #usable = true;
  #settled = false;
  #destroyed = false;
  #maxStreams = Infinity;
  #peerWindow = DEFAULT_WINDOW_BYTES;
  #peerFrameBytes = MAX_FRAME_BYTES;
  #sendWindow = DEFAULT_WINDOW_BYTES;
  #received = 0;
  /** What to write, in one piece, at the end of this microtask turn. */
  #out: Uint8Array[] = [];
  #flushing = false;
  /** Streams whose requests end in what is to be written. */
  #complete: H2Stream[] = [];
  /** Streams whose requests were given to the socket. */
  #leaving: H2Stream[] = [];
  /** Stamp of the current read. */
  #atMs = 0;
  /** How much earlier it may have come. */
  #widthMs = NaN;
  readonly #fullReads = new FullReads();
  #restOfMs: number | undefined;
  readonly #touched: H2Stream[] = [];
  /** Where the data of the current frame goes; `undefined` if the stream is gone. */
  #dataStream: H2Stream | undefined;
  /** Stream of the header block whose CONTINUATION must come next; 0 = none. */
  #blockStream = 0;
  #blockEnds = false;
  #block = new Uint8Array(1024);
  #blockBytes = 0;
  /** Frames since the last one that brought a part of an answer. */
  #idleFrames = 0;

  constructor(origin: Origin, host: H2Host) {
    this.#host = host;
    this.openedMs = host.clock.now();
    this.#write(new TextEncoder().encode(PREFACE));
    this.#write(settings([
      [SETTING.enablePush, 0],
      [SETTING.initialWindowSize, STREAM_WINDOW_BYTES],
    ]));
    this.#write(windowUpdate(0, CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES));
    this.#socket = host.openSocket(origin, this);
  }

  get room(): number {
    return this.#usable ? this.limit - this.#streams.size : 0;
  }

  /** How many streams it can carry in all, as far as known. */
  get limit(): number {
    return this.#settled ? this.#maxStreams : INITIAL_STREAMS;
  }

  /** Whether the server has said how many streams it allows. */
  get settled(): boolean {
    return this.#settled;
  }

  get usable(): boolean {
    return this.#usable;
  }

  /** Begins a stream; there must be room. */
  open(stream: H2Stream): void {
    stream.connection = this;
    stream.id = this.#nextId;
    stream.headSeen = stream.touched = false;
    stream.bodyAt = stream.received = 0;
    stream.departedMs = undefined;
    stream.sendWindow = this.#peerWindow;
    this.#nextId += 2;
    if (this.#nextId > MAX_WINDOW_BYTES) this.#usable = false;
    this.#streams.set(stream.id, stream);
    this.#sendBlock(stream.id, stream.block);
    this.#unsent.add(stream);
    this.#sendBody(stream);
  }

  /** Ends a stream from our side, without calling it. */
  cancel(stream: H2Stream): void {
    if (this.#streams.get(stream.id) !== stream) return;
    this.#write(rstStream(stream.id, H2_CODE.CANCEL));
    stream.touched = false;
    this.#forget(stream);
    this.#madeRoom();
  }

  /** Closes at once, without calling the streams in progress. */
  destroy(): void {
    this.#usable = false;
    this.#destroyed = true;
    this.#streams.clear();
    this.#complete = this.#leaving = [];
    this.#unsent.clear();
    this.#socket.destroy();
  }

  onConnected(): void {
    if (this.#destroyed) return;
    this.connectedMs = this.#host.clock.now();
    this.#flush();
  }

  onBytes(buffer: Uint8Array, count: number): void {
    this.#atMs = this.#host.clock.now();
    this.#widthMs = this.#socket.readWidthMs?.(this.#atMs) ?? NaN;
    this.#restOfMs = this.#fullReads.restOf(this.#atMs, count);
    if (this.#destroyed) return;
    try {
      this.#reader.push(buffer, 0, count);
    } catch (error) {
      if (!(error instanceof H2Error)) throw error;
      this.#endRead();
      this.#fail(error);
      return;
    }
    this.#endRead();
  }

  onDeparted(atMs: number): void {
    for (const stream of this.#leaving) stream.departedMs = atMs;
    this.#leaving = [];
  }

  onEnd(): void {
    this.#endAll(this.#host.clock.now(), "connection closed by the server");
  }

  onError(cause: string): void {
    this.#endAll(this.#host.clock.now(), connectionFailure(cause));
  }

  onClose(): void {
    // After "end" or "error" there is no stream left; without either, this is their end.
    if (!this.#destroyed) this.onEnd();
    this.#host.closed(this);
  }

  dataBegins(streamId: number, bytes: number): void {
    this.#checkOrder(FRAME.data, streamId);
    this.#countFrame();
    this.#received += bytes;
    if (this.#received >= CONNECTION_WINDOW_BYTES / 2) {
      this.#write(windowUpdate(0, this.#received));
      this.#received = 0;
    }
    const stream = this.#dataStream = this.#streams.get(streamId);
    if (stream === undefined) return this.#checkKnown(streamId);
    if (!stream.headSeen) return this.#reject(stream, "data before the head of the response");
    stream.received += bytes;
    if (stream.received >= STREAM_WINDOW_BYTES / 2) {
      this.#write(windowUpdate(streamId, stream.received));
      stream.received = 0;
    }
  }

  data(source: Uint8Array, from: number, to: number): void {
    const stream = this.#dataStream;
    if (stream === undefined) return;
    this.#idleFrames = 0;
    stream.onData(source, from, to);
    if (stream.touched) return;
    stream.touched = true;
    this.#touched.push(stream);
  }

  dataEnds(endStream: boolean): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (endStream && stream !== undefined) this.#finish(stream);
  }

  frame(head: FrameHead, source: Uint8Array, from: number, to: number): void {
    const { type, flags, streamId } = head;
    this.#checkOrder(type, streamId);
    this.#countFrame();
    switch (type) {
      case FRAME.headers:
        return this.#onHeaders(head, source, from, to);
      case FRAME.continuation:
        return this.#collect(flags, source, from, to);
      case FRAME.rstStream: {
        needLength(to - from === 4, "RST_STREAM");
        this.#checkKnown(streamId);
        const stream = this.#streams.get(streamId);
        if (stream !== undefined) this.#end(stream, resetEnd(readUint32(source, from)));
        return;
      }
      case FRAME.settings:
        return this.#onSettings(head, source, from, to);
      case FRAME.ping:
        needLength(to - from === PING_BYTES, "PING");
        if ((flags & FLAG.ack) === 0) {
          this.#write(makeFrame(FRAME.ping, source.slice(from, to), { flags: FLAG.ack }));
        }
        return;
      case FRAME.goaway:
        needLength(to - from >= 8, "GOAWAY");
        return this.#onGoaway(readUint32(source, from) & MAX_WINDOW_BYTES, {
          code: readUint32(source, from + 4),
          debug: new TextDecoder().decode(source.subarray(from + 8, to)),
        });
      case FRAME.windowUpdate:
        needLength(to - from === 4, "WINDOW_UPDATE");
        return this.#onWindowUpdate(streamId, readUint32(source, from) & MAX_WINDOW_BYTES);
      case FRAME.pushPromise:
        throw new H2Error(H2_CODE.PROTOCOL_ERROR, "PUSH_PROMISE, which was refused");
    }
    // PRIORITY means nothing to a client, and unknown frames must be ignored.
  }

  /** Checks the rules that hold for all frames. */
  #checkOrder(type: number, streamId: number): void {
    if (!this.#settled && type !== FRAME.settings) {
      throw new H2Error(H2_CODE.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    }
    const continues = type === FRAME.continuation && streamId === this.#blockStream;
    if (this.#blockStream !== 0 ? !continues : type === FRAME.continuation) {
      throw new H2Error(H2_CODE.PROTOCOL_ERROR, "a header block is interrupted");
    }
  }

  #countFrame(): void {
    if (++this.#idleFrames <= IDLE_FRAMES_LIMIT) return;
    throw new H2Error(
      H2_CODE.ENHANCE_YOUR_CALM,
      `more than ${IDLE_FRAMES_LIMIT.toLocaleString("en-US")} frames without a part of an answer`,
    );
  }

  /** A frame for a stream that is gone is fine; for one that never existed it is an error. */
  #checkKnown(streamId: number): void {
    if (streamId % 2 === 1 && streamId < this.#nextId) return;
    throw new H2Error(H2_CODE.PROTOCOL_ERROR, `a frame for stream ${streamId}, which never was`);
  }

  #onHeaders({ flags, streamId }: FrameHead, source: Uint8Array, from: number, to: number): void {
    this.#checkKnown(streamId);
    let padding = 0;
    if ((flags & FLAG.padded) !== 0) padding = source[from++] ?? 0;
    if ((flags & FLAG.priority) !== 0) from += 5;
    if (from + padding > to) {
      throw new H2Error(H2_CODE.PROTOCOL_ERROR, "a frame's padding is longer than the frame");
    }
    this.#blockStream = streamId;
    this.#blockEnds = (flags & FLAG.endStream) !== 0;
    this.#blockBytes = 0;
    this.#collect(flags, source, from, to - padding);
  }

  /** A part of a header block; most blocks come in one. */
  #collect(flags: number, source: Uint8Array, from: number, to: number): void {
    const last = (flags & FLAG.endHeaders) !== 0;
    if (last && this.#blockBytes === 0) return this.#onBlock(source, from, to);
    const bytes = this.#blockBytes + to - from;
    if (bytes > HEADER_LIMIT) {
      throw new H2Error(
        H2_CODE.ENHANCE_YOUR_CALM,
        `a header block is larger than ${showBytes(HEADER_LIMIT)}`,
      );
    }
    if (bytes > this.#block.length) {
      const larger = new Uint8Array(bytes * 2);
      larger.set(this.#block.subarray(0, this.#blockBytes));
      this.#block = larger;
    }
    this.#block.set(source.subarray(from, to), this.#blockBytes);
    this.#blockBytes = bytes;
    if (last) this.#onBlock(this.#block, 0, bytes);
  }

  #onBlock(source: Uint8Array, from: number, to: number): void {
    const stream = this.#streams.get(this.#blockStream);
    this.#blockStream = 0;
    let fields: Field[];
    try {
      // Also for a stream that is gone: the tables of both sides must stay in step.
      fields = this.#hpack.decode(source, from, to);
    } catch (error) {
      const code = error instanceof RangeError
        ? H2_CODE.ENHANCE_YOUR_CALM
        : H2_CODE.COMPRESSION_ERROR;
      throw new H2Error(code, (error as Error).message);
    }
    if (stream === undefined) return;
    if (stream.headSeen && !this.#blockEnds) {
      return this.#reject(stream, "a second head of the response");
    }
    if (
      !stream.headSeen && fields.some(([name, value]) => name === ":status" && /^1/.test(value))
    ) {
      if (this.#blockEnds) this.#reject(stream, "an interim response that ends the stream");
      return;
    }
    stream.headSeen = true;
    this.#idleFrames = 0;
    stream.onFields(this.#atMs, fields);
    if (this.#blockEnds) this.#finish(stream);
  }

  #onSettings({ flags, streamId }: FrameHead, source: Uint8Array, from: number, to: number): void {
    if (streamId !== 0) throw new H2Error(H2_CODE.PROTOCOL_ERROR, "SETTINGS for a stream");
    if ((flags & FLAG.ack) !== 0) return needLength(from === to, "SETTINGS");
    needLength((to - from) % 6 === 0, "SETTINGS");
    const windowBefore = this.#peerWindow;
    for (let at = from; at < to; at += 6) {
      const id = (source[at]! << 8) | source[at + 1]!;
      const value = readUint32(source, at + 2);
      if (id === SETTING.maxConcurrentStreams) this.#maxStreams = value;
      else if (id === SETTING.initialWindowSize) {
        if (value > MAX_WINDOW_BYTES) throw tooLargeWindow();
        this.#peerWindow = value;
      } else if (id === SETTING.maxFrameSize) {
        if (value < MAX_FRAME_BYTES || value > 0xff_ffff) {
          throw new H2Error(H2_CODE.PROTOCOL_ERROR, `frames of ${value} bytes cannot be agreed on`);
        }
        this.#peerFrameBytes = value;
      }
    }
    if (this.#peerWindow !== windowBefore) {
      const change = this.#peerWindow - windowBefore;
      for (const stream of this.#streams.values()) stream.sendWindow += change;
    }
    this.#settled = true;
    this.#write(makeFrame(FRAME.settings, new Uint8Array(0), { flags: FLAG.ack }));
    this.#sendBodies();
    this.#host.roomMade();
  }

  #onGoaway(
    lastId: number,
    { code, debug }: { readonly code: number; readonly debug: string },
  ): void {
    this.#usable = false;
    const said = [showCode(code), debug].filter(Boolean).join(", ");
    const message = `the server goes away: ${said}`;
    this.failure = message;
    for (const stream of [...this.#streams.values()]) {
      if (stream.id > lastId) this.#end(stream, { kind: "refused", message });
    }
    this.#madeRoom();
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    if (increment === 0) throw new H2Error(H2_CODE.PROTOCOL_ERROR, "a window grows by 0");
    if (streamId === 0) {
      this.#sendWindow += increment;
      if (this.#sendWindow > MAX_WINDOW_BYTES) throw tooLargeWindow();
      this.#sendBodies();
      return;
    }
    this.#checkKnown(streamId);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW_BYTES) throw tooLargeWindow();
    this.#sendBody(stream);
  }

  #finish(stream: H2Stream): void {
    // The server has read all it needs: the rest of the request is not sent.
    if (this.#unsent.has(stream)) this.#write(rstStream(stream.id, H2_CODE.CANCEL));
    this.#end(stream, { kind: "ended" });
  }

  /** Ends one stream that breaks the rules; the others continue. */
  #reject(stream: H2Stream, message: string): void {
    this.#dataStream = undefined;
    this.#write(rstStream(stream.id, H2_CODE.PROTOCOL_ERROR));
    this.#end(stream, { kind: "malformed", message });
  }

  #end(stream: H2Stream, end: StreamEnd): void {
    this.#forget(stream);
    if (stream.touched) {
      stream.touched = false;
      stream.onReadEnd(this.#atMs, this.#widthMs, this.#restOfMs);
    }
    stream.onEnd(this.#atMs, end);
    this.#madeRoom();
  }

  #forget(stream: H2Stream): void {
    this.#streams.delete(stream.id);
    this.#unsent.delete(stream);
    if (this.#dataStream === stream) this.#dataStream = undefined;
  }

  #madeRoom(): void {
    if (!this.#usable && this.#streams.size === 0) this.destroy();
    this.#host.roomMade();
  }

  /** Tells the streams that the read brought data for that it is over. */
  #endRead(): void {
    const touched = this.#touched;
    for (let i = 0; i < touched.length; i++) {
      const stream = touched[i]!;
      if (!stream.touched) continue;
      stream.touched = false;
      stream.onReadEnd(this.#atMs, this.#widthMs, this.#restOfMs);
    }
    touched.length = 0;
  }

  /** The server sent something that is not HTTP/2, or breaks its rules. */
  #fail(error: H2Error): void {
    const payload = new Uint8Array(8);
    putUint32(payload, 4, error.code);
    this.#write(makeFrame(FRAME.goaway, payload));
    this.#flush();
    if (error.code === H2_CODE.ENHANCE_YOUR_CALM) {
      return this.#endAll(this.#atMs, error.message, "large");
    }
    this.#endAll(
      this.#atMs,
      this.#settled ? error.message : `the server does not speak HTTP/2: ${error.message}`,
      this.#settled ? "malformed" : "unreachable",
    );
  }

  #endAll(
    atMs: number,
    message: string,
    kind: "large" | "lost" | "malformed" | "unreachable" = this.connectedMs === undefined
      ? "unreachable"
      : "lost",
  ): void {
    const streams = [...this.#streams.values()];
    const cause = this.failure === undefined || kind !== "lost"
      ? message
      : `${this.failure}; ${message}`;
    this.failure = message;
    this.destroy();
    for (const stream of streams) stream.onEnd(atMs, { kind, message: cause });
  }

  #sendBlock(streamId: number, block: Uint8Array): void {
    for (let from = 0, type: number = FRAME.headers; from < block.length;) {
      const to = Math.min(block.length, from + MAX_FRAME_BYTES);
      const flags = to === block.length ? FLAG.endHeaders : 0;
      this.#write(makeFrame(type, block.subarray(from, to), { flags, streamId }));
      type = FRAME.continuation;
      from = to;
    }
  }

  #sendBodies(): void {
    for (const stream of this.#unsent) this.#sendBody(stream);
  }

  /** Sends as much as the windows allow. */
  #sendBody(stream: H2Stream): void {
    const { body } = stream;
    while (stream.bodyAt < body.length) {
      const left = body.length - stream.bodyAt;
      const length = Math.min(left, this.#peerFrameBytes, stream.sendWindow, this.#sendWindow);
      if (length <= 0) return;
      const frame = new Uint8Array(FRAME_HEAD_BYTES + length);
      const flags = length === left ? FLAG.endStream : 0;
      putFrameHead(frame, 0, { type: FRAME.data, flags, streamId: stream.id, length });
      frame.set(body.subarray(stream.bodyAt, stream.bodyAt + length), FRAME_HEAD_BYTES);
      this.#write(frame);
      this.#idleFrames -= FRAMES_PER_SENT;
      stream.bodyAt += length;
      stream.sendWindow -= length;
      this.#sendWindow -= length;
    }
    this.#unsent.delete(stream);
    this.#complete.push(stream);
  }

  /** Collects the writes of one microtask turn, so that requests leave together. */
  #write(bytes: Uint8Array): void {
    this.#out.push(bytes);
    if (this.#flushing || this.connectedMs === undefined) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const out = this.#out;
    if (out.length === 0 || this.#destroyed || this.connectedMs === undefined) return;
    this.#out = [];
    this.#leaving.push(...this.#complete);
    this.#complete = [];
    this.#socket.write(out.length === 1 ? out[0]! : joinBytes(out));
  }
}

function resetEnd(code: number): StreamEnd {
  return code === H2_CODE.REFUSED_STREAM
    ? { kind: "refused", message: "stream refused by the server" }
    : { kind: "reset", code };
}

function needLength(fits: boolean, name: string): void {
  if (!fits) throw new H2Error(H2_CODE.FRAME_SIZE_ERROR, `${name} has the wrong length`);
}

function tooLargeWindow(): H2Error {
  return new H2Error(H2_CODE.FLOW_CONTROL_ERROR, "a window is too large");
}
