/**
 * The server's side of an HTTP/2 connection that exists in memory only: tests decide frame by frame
 * what it sends, and see frame by frame what the client sent.
 *
 * @module
 */
import {
  FLAG,
  FRAME,
  type FrameHead,
  FrameReader,
  makeFrame,
  PREFACE,
  settings,
} from "../../backends/h2_frames.ts";
import { encodeHpack, type Field, HpackDecoder } from "../../backends/hpack.ts";
import type { OpenSocket, SocketEvents } from "../../backends/socket_events.ts";

/** A frame of the client's. */
export interface SeenFrame extends FrameHead {
  readonly payload: string;
}

const OK_HEAD: readonly Field[] = [[":status", "200"], ["content-type", "application/grpc"]];

/** A connection as its server sees it. */
export class H2Server {
  /** Frames of the client, oldest first; data is given as it came. */
  readonly frames: SeenFrame[] = [];
  destroyed = false;
  readonly #events: SocketEvents;
  readonly #hpack = new HpackDecoder();
  #data: number[] = [];
  #dataId = 0;
  #preface = PREFACE.length;
  readonly #reader = new FrameReader({
    dataBegins: (streamId) => {
      this.#dataId = streamId;
      this.#data = [];
    },
    data: (source, from, to) => this.#data.push(...source.subarray(from, to)),
    dataEnds: (endStream) => {
      const payload = Uint8Array.from(this.#data).toHex();
      const flags = endStream ? FLAG.endStream : 0;
      this.frames.push({ type: FRAME.data, flags, streamId: this.#dataId, payload });
    },
    frame: (head, source, from, to) =>
      this.frames.push({ ...head, payload: source.slice(from, to).toHex() }),
  });

  constructor(events: SocketEvents) {
    this.#events = events;
  }

  /** Takes what the client writes. */
  write(bytes: Uint8Array): void {
    const skipped = Math.min(this.#preface, bytes.length);
    this.#preface -= skipped;
    this.#reader.push(bytes, skipped, bytes.length);
  }

  /** Sends bytes as one read. */
  say(...pieces: readonly Uint8Array[]): void {
    this.#events.onBytes(...asRead(pieces));
  }

  /** Sends many bytes, as they are, as one read. */
  sayAll(bytes: Uint8Array): void {
    this.#events.onBytes(bytes, bytes.length);
  }

  /** Sends bytes one by one. */
  stammer(...pieces: readonly Uint8Array[]): void {
    const [bytes] = asRead(pieces);
    for (const byte of bytes) this.#events.onBytes(Uint8Array.of(byte), 1);
  }

  /** Ends the connection cleanly. */
  end(): void {
    this.#events.onEnd();
  }

  /** Ends it with an error. */
  fail(cause: string): void {
    this.#events.onError(cause);
  }

  /** Frames of one type that the client sent. */
  seen(type: number): SeenFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Fields of the client's header blocks, by stream. */
  requests(): Map<number, Record<string, string>> {
    const found = new Map<number, Record<string, string>>();
    let block = "";
    for (const { type, flags, streamId, payload } of this.frames) {
      if (type !== FRAME.headers && type !== FRAME.continuation) continue;
      block += payload;
      if ((flags & FLAG.endHeaders) === 0) continue;
      const bytes = Uint8Array.fromHex(block);
      found.set(streamId, Object.fromEntries(this.#hpack.decode(bytes, 0, bytes.length)));
      block = "";
    }
    return found;
  }
}

function asRead(pieces: readonly Uint8Array[]): [bytes: Uint8Array, count: number] {
  const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  return [bytes, bytes.length];
}

/** A function whose connections come to `onServer`, already connected. */
export function openH2(onServer: (server: H2Server) => void): OpenSocket {
  return (_origin, events) => {
    const server = new H2Server(events);
    queueMicrotask(() => {
      events.onConnected();
      onServer(server);
    });
    return {
      writableLength: 0,
      write: (bytes) => server.write(bytes),
      destroy: () => {
        if (server.destroyed) return;
        server.destroyed = true;
        queueMicrotask(() => events.onClose());
      },
    };
  };
}

/** The server's first frame. */
export const hello = (
  pairs: readonly (readonly [id: number, value: number])[] = [],
): Uint8Array => settings(pairs);

/** A header block in one frame. */
export function headers(
  streamId: number,
  fields: readonly Field[] = OK_HEAD,
  flags: number = 0,
): Uint8Array {
  const block = encodeHpack(fields);
  return makeFrame(FRAME.headers, block, { flags: FLAG.endHeaders | flags, streamId });
}

/** Trailers with a status. */
export function trailers(streamId: number, status: string = "0", message?: string): Uint8Array {
  const fields: Field[] = [["grpc-status", status]];
  if (message !== undefined) fields.push(["grpc-message", message]);
  return headers(streamId, fields, FLAG.endStream);
}

/** A frame of data. */
export function data(streamId: number, hex: string, flags: number = 0): Uint8Array {
  return makeFrame(FRAME.data, Uint8Array.fromHex(hex), { flags, streamId });
}
