/**
 * Cuts bodies into events: a whole body at once after the request, or piece by piece for a probe.
 *
 * @module
 */
import type { Framing } from "./protocol.ts";
import { bodyText, type CutOptions, type EventSink } from "./event_sink.ts";
import { cutGrpcFrames, GRPC_PREFIX_BYTES } from "./grpc_frames.ts";
import { cutNdjson } from "./framing_ndjson.ts";
import { cutNul } from "./framing_nul.ts";
import { cutSse } from "./framing_sse.ts";

/** Longer bodies of text are cut in parts of this size, or of an event that is larger. */
const WINDOW_BYTES: number = 2 ** 20;

/**
 * Calls `onEvent` for each event of a body, in order. The data is a text, or the message's bytes
 * for `grpc`. With `json` the whole body is one event, complete at its last byte.
 *
 * @example
 * ```ts
 * import { cutEvents } from "@tokometer/tokometer/backends";
 *
 * const body = new TextEncoder().encode("data: 1\n\ndata: 2\n\n");
 * const ends: number[] = [];
 * cutEvents("sse", body, (_data, endOffset) => ends.push(endOffset));
 * if (ends.join() !== "9,18") throw new Error("an event ends with its blank line");
 * ```
 *
 * @returns bytes consumed: all, or up to the last complete event when more is to come.
 * @throws {SyntaxError} at a gRPC message that is compressed.
 */
export function cutEvents(
  framing: Framing,
  body: Uint8Array,
  onEvent: EventSink<string | Uint8Array>,
  options: CutOptions = {},
): number {
  const whole = framing === "json" || framing === "grpc" || body.length <= WINDOW_BYTES;
  if (whole) return cutWhole(framing, body, onEvent, options);
  const { start = true, final = true } = options;
  // Part by part, so that a body of many megabytes is not held a second time as a text.
  for (let from = 0, size = WINDOW_BYTES;;) {
    const last = from + size >= body.length;
    const used = cutWhole(
      framing,
      last ? body.subarray(from) : body.subarray(from, from + size),
      (data, endOffset, terminated, name) => onEvent(data, from + endOffset, terminated, name),
      { start: start && from === 0, final: final && last },
    );
    from += used;
    if (last) return from;
    size = used === 0 ? size * 2 : WINDOW_BYTES;
  }
}

function cutWhole(
  framing: Framing,
  body: Uint8Array,
  onEvent: EventSink<string | Uint8Array>,
  options: CutOptions,
): number {
  switch (framing) {
    case "sse":
      return cutSse(body, onEvent, options);
    case "ndjson":
      return cutNdjson(body, onEvent, options);
    case "nul":
      return cutNul(body, onEvent, options);
    case "grpc":
      return cutGrpcFrames(body, onEvent, options);
    case "json": {
      if (options.final === false) return 0;
      const text = bodyText(body).replace(/^\ufeff/, "").trim();
      // Only the end of the body ends it, so nobody can tell that it is incomplete.
      if (text !== "") onEvent(text, body.length, true);
      return body.length;
    }
  }
}

/** What a body may hold. */
export interface EventLimits {
  /** Of one event with its framing and what precedes it: comments, empty lines. */
  readonly bytes: number;
  /** Of them, comments and empty ones included. */
  readonly count: number;
}

/**
 * Whether an event is so large, or so many are in the body, that they should not be read. The content
 * of an event is parsed in one piece, which can take many times as much memory.
 *
 * A body that is no longer than a single event may be is always read.
 */
export function unfitEvents(
  framing: Framing,
  body: Uint8Array,
  { bytes, count }: EventLimits,
): "large" | "many" | undefined {
  if (body.length <= bytes) return undefined;
  if (framing === "json") return "large";
  let events = 0;
  for (let start = 0; start < body.length; events++) {
    const end = eventEnd(framing, body, start);
    if (end - start > bytes) return "large";
    if (events === count) return "many";
    start = end;
  }
  return undefined;
}

/** The end of the event that begins at `from`, or of the body. */
function eventEnd(framing: Exclude<Framing, "json">, body: Uint8Array, from: number): number {
  switch (framing) {
    case "grpc":
      return grpcMessageEnd(body, from);
    case "ndjson":
    case "nul": {
      const at = body.indexOf(framing === "nul" ? 0 : LF, from);
      return at < 0 ? body.length : at + 1;
    }
    case "sse":
      for (let at = from + 1; at < body.length; at++) if (endsSse(body, at)) return at + 1;
      return body.length;
  }
}

/** One event of an {@linkcode EventCutter}. */
export interface CutEvent {
  /** Text of the event without its framing, or the message's bytes for gRPC. */
  readonly data: string | Uint8Array;
  /** Bytes from the start of the body to the end of the event. */
  readonly endOffset: number;
  /** False when only the end of the body closed it. */
  readonly terminated: boolean;
}

/**
 * Cuts a body that arrives in pieces, with the same result as {@linkcode cutEvents} on the whole,
 * however it is split.
 *
 * @example
 * ```ts
 * import { EventCutter } from "@tokometer/tokometer/backends";
 *
 * const cutter = new EventCutter("ndjson");
 * const bytes = new TextEncoder().encode('{"tokens":1}\n');
 * const early = cutter.feed(bytes.subarray(0, 5));
 * const late = cutter.feed(bytes.subarray(5));
 * if (early.length !== 0 || late[0]?.data !== '{"tokens":1}') throw new Error("unexpected");
 * ```
 */
export class EventCutter {
  readonly #framing: Framing;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  /** Bytes of the buffer that are in use: what no event has taken yet. */
  #length = 0;
  #consumed = 0;

  /**
   * Starts at the first byte of a body; each body needs a cutter of its own.
   *
   * @param framing how the body is cut.
   */
  constructor(framing: Framing) {
    this.#framing = framing;
  }

  /** Takes the next bytes; returns the events that they complete. */
  feed(bytes: Uint8Array): readonly CutEvent[] {
    const from = this.#length;
    const length = from + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(this.#pending);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, from);
    this.#length = length;
    // An unfinished event is not looked at again with every piece that only makes it longer.
    return mayEnd(this.#framing, this.#pending, from) ? this.#cut(false) : [];
  }

  /** The body has ended; returns the events in the rest. */
  end(): readonly CutEvent[] {
    return this.#cut(true);
  }

  get #pending(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  #cut(final: boolean): readonly CutEvent[] {
    const events: CutEvent[] = [];
    const base = this.#consumed;
    // A message of gRPC is a view, which must not be overwritten by the next bytes.
    const pending = this.#framing === "grpc" ? this.#pending.slice() : this.#pending;
    const used = cutEvents(
      this.#framing,
      pending,
      (data, endOffset, terminated) =>
        events.push({ data, endOffset: base + endOffset, terminated }),
      { start: base === 0, final },
    );
    this.#consumed += used;
    this.#buffer.copyWithin(0, used, this.#length);
    this.#length -= used;
    return events;
  }
}

const LF = 10;
const CR = 13;

/** Whether an event may end in `pending[from, …)`, when none did before. */
function mayEnd(framing: Framing, pending: Uint8Array, from: number): boolean {
  switch (framing) {
    case "json":
      return false;
    case "grpc":
      return pending[0] !== 0 || grpcMessageEnd(pending, 0) <= pending.length;
    case "ndjson":
      return pending.indexOf(LF, from) >= 0;
    case "nul":
      return pending.indexOf(0, from) >= 0;
    case "sse": {
      for (let at = Math.max(1, from); at < pending.length; at++) {
        if (endsSse(pending, at)) return true;
      }
      return false;
    }
  }
}

/** Whether the byte at `at` ends an empty line: two line ends that are not the halves of one. */
function endsSse(body: Uint8Array, at: number): boolean {
  const byte = body[at];
  if (byte === LF) return body[at - 1] === LF;
  return byte === CR && (body[at - 1] === CR || body[at - 1] === LF);
}

/** The end of the message that begins at `from`, which may be behind the body's. */
function grpcMessageEnd(body: Uint8Array, from: number): number {
  if (body.length - from < GRPC_PREFIX_BYTES) return from + GRPC_PREFIX_BYTES;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return from + GRPC_PREFIX_BYTES + view.getUint32(from + 1);
}
