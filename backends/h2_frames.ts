/**
 * Reads and makes frames of HTTP/2 (RFC 9113). The reader is fed from a buffer that the next read
 * overwrites: data is passed on in the pieces in which it arrives, without a copy. Other frames are
 * small; an incomplete one is kept until it is complete.
 *
 * @module
 */

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; what a bit means depends on the type. */
export const FLAG = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;

/** Error codes by their names, in the order of their numbers. */
export const H2_CODE = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

const CODE_NAMES: readonly string[] = Object.keys(H2_CODE);

/** An error code for people: `code 8 (CANCEL)`. */
export function showCode(code: number): string {
  const name = CODE_NAMES[code];
  return name === undefined ? `code ${code}` : `code ${code} (${name})`;
}

/** A fault of the peer that makes its connection unusable. */
export class H2Error extends Error {
  override readonly name = "H2Error";
  /** Error code for the GOAWAY to the peer. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What every client sends first. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
export const FRAME_HEAD_BYTES = 9;
/** Longest payload that a peer may send, unless settings say otherwise. */
export const MAX_FRAME_BYTES = 16_384;
/** Initial window of a stream or connection. */
export const DEFAULT_WINDOW_BYTES = 65_535;
/** Largest window, and largest stream number. */
export const MAX_WINDOW_BYTES: number = 2 ** 31 - 1;

/** Receives frames. A throw ends the reading. */
export interface FrameSink {
  /**
   * A frame of data begins; `bytes` includes its padding, as flow control counts.
   *
   * @throws {H2Error} when it is not allowed here.
   */
  dataBegins(streamId: number, bytes: number): void;
  /** `source[from, to)` is data of the frame that began last. */
  data(source: Uint8Array, from: number, to: number): void;
  dataEnds(endStream: boolean): void;
  /**
   * Any other frame, with padding: its payload is `source[from, to)`, valid during the call.
   *
   * @throws {H2Error} when it is not allowed here, or makes no sense.
   */
  frame(head: FrameHead, source: Uint8Array, from: number, to: number): void;
}

export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** How a server of HTTP/1 begins; no frame within the size limit does. */
const HTTP_IN_ASCII = 0x48545450;

const HEAD = 0;
const DATA_PADDING_LENGTH = 1;
const DATA = 2;
const DATA_PADDING = 3;
const PAYLOAD = 4;

export class FrameReader {
  readonly #sink: FrameSink;
  #state = HEAD;
  readonly #head = new Uint8Array(FRAME_HEAD_BYTES);
  #headBytes = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Bytes left of the payload; for data, without padding. */
  #left = 0;
  #padding = 0;
  #payload: Uint8Array = new Uint8Array(256);
  #payloadBytes = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * Reads `source[from, to)`.
   *
   * @throws {H2Error} when the bytes are not frames, or the sink throws it.
   */
  push(source: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      switch (this.#state) {
        case HEAD:
          if (this.#headBytes === 0 && at + FRAME_HEAD_BYTES <= to) {
            this.#readHead(source, at);
            at += FRAME_HEAD_BYTES;
          } else {
            this.#head[this.#headBytes++] = source[at++]!;
            if (this.#headBytes < FRAME_HEAD_BYTES) break;
            this.#headBytes = 0;
            this.#readHead(this.#head, 0);
          }
          break;
        case DATA: {
          const end = Math.min(to, at + this.#left);
          this.#sink.data(source, at, end);
          this.#left -= end - at;
          at = end;
          if (this.#left === 0) this.#dataDone();
          break;
        }
        case DATA_PADDING_LENGTH:
          this.#padding = source[at++]!;
          this.#left -= this.#padding;
          if (this.#left < 0) {
            throw new H2Error(H2_CODE.PROTOCOL_ERROR, "a frame's padding is longer than the frame");
          }
          if (this.#left > 0) this.#state = DATA;
          else this.#dataDone();
          break;
        case DATA_PADDING: {
          const end = Math.min(to, at + this.#padding);
          this.#padding -= end - at;
          at = end;
          if (this.#padding === 0) this.#dataDone();
          break;
        }
        default:
          at = this.#collect(source, at, to);
      }
    }
  }

  #readHead(bytes: Uint8Array, at: number): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const streamId = ((bytes[at + 5]! & 127) << 24) | (bytes[at + 6]! << 16) |
      (bytes[at + 7]! << 8) | bytes[at + 8]!;
    if (readUint32(bytes, at) === HTTP_IN_ASCII) {
      throw new H2Error(H2_CODE.HTTP_1_1_REQUIRED, "it answers in HTTP/1");
    }
    if (length > MAX_FRAME_BYTES) {
      throw new H2Error(
        H2_CODE.FRAME_SIZE_ERROR,
        `a frame of ${length} bytes, where ${MAX_FRAME_BYTES} are allowed`,
      );
    }
    this.#type = type;
    this.#flags = flags;
    this.#streamId = streamId;
    this.#left = length;
    if (type === FRAME.data) {
      this.#padding = 0;
      this.#sink.dataBegins(streamId, length);
      if ((flags & FLAG.padded) !== 0) {
        if (length === 0) {
          throw new H2Error(
            H2_CODE.FRAME_SIZE_ERROR,
            "a padded frame without the padding's length",
          );
        }
        this.#left--;
        this.#state = DATA_PADDING_LENGTH;
      } else if (length > 0) this.#state = DATA;
      else this.#dataDone();
    } else if (length > 0) {
      this.#payloadBytes = 0;
      this.#state = PAYLOAD;
    } else this.#frameDone(bytes, at, at);
  }

  #dataDone(): void {
    if (this.#padding > 0) {
      this.#state = DATA_PADDING;
      return;
    }
    this.#state = HEAD;
    this.#sink.dataEnds((this.#flags & FLAG.endStream) !== 0);
  }

  /** Passes on a payload that is complete, or keeps what has arrived of it. */
  #collect(source: Uint8Array, from: number, to: number): number {
    const end = Math.min(to, from + this.#left);
    if (this.#payloadBytes === 0 && end === from + this.#left) {
      this.#frameDone(source, from, end);
      return end;
    }
    const needed = this.#payloadBytes + this.#left;
    if (this.#payload.length < needed) {
      const larger = new Uint8Array(needed);
      larger.set(this.#payload.subarray(0, this.#payloadBytes));
      this.#payload = larger;
    }
    this.#payload.set(source.subarray(from, end), this.#payloadBytes);
    this.#payloadBytes += end - from;
    this.#left -= end - from;
    if (this.#left === 0) this.#frameDone(this.#payload, 0, this.#payloadBytes);
    return end;
  }

  #frameDone(source: Uint8Array, from: number, to: number): void {
    this.#state = HEAD;
    const head = { type: this.#type, flags: this.#flags, streamId: this.#streamId };
    this.#sink.frame(head, source, from, to);
  }
}

/** Big-endian, 32 bits. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

/** Big-endian, 32 bits. */
export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes the head of a frame to `bytes[at, at + 9)`; returns where its payload begins. */
export function putFrameHead(
  bytes: Uint8Array,
  at: number,
  { type, flags, streamId, length }: FrameHead & { readonly length: number },
): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  putUint32(bytes, at + 5, streamId);
  return at + FRAME_HEAD_BYTES;
}

export function makeFrame(
  type: number,
  payload: Uint8Array,
  { flags = 0, streamId = 0 }: { readonly flags?: number; readonly streamId?: number } = {},
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  frame.set(payload, putFrameHead(frame, 0, { type, flags, streamId, length: payload.length }));
  return frame;
}

/** WINDOW_UPDATE, of a stream or (0) of the connection. */
export function windowUpdate(streamId: number, increment: number): Uint8Array<ArrayBuffer> {
  return numberFrame(FRAME.windowUpdate, streamId, increment);
}

export function rstStream(streamId: number, code: number): Uint8Array<ArrayBuffer> {
  return numberFrame(FRAME.rstStream, streamId, code);
}

function numberFrame(type: number, streamId: number, value: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4);
  putUint32(payload, 0, value);
  return makeFrame(type, payload, { streamId });
}

export function settings(pairs: readonly (readonly [id: number, value: number])[]): Uint8Array<
  ArrayBuffer
> {
  const payload = new Uint8Array(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    payload[6 * i + 1] = id;
    putUint32(payload, 6 * i + 2, value);
  });
  return makeFrame(FRAME.settings, payload);
}
