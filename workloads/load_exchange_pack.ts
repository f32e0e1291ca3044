/**
 * Answers on their way from the thread that reads to the one that decodes: some dozen per buffer, and
 * the buffer comes back to be used again. Sent as objects, or in memory that is allocated anew, they
 * would cost more than reading them did. Until there is a buffer for it, a body stays in the blocks in
 * which it was collected.
 *
 * @module
 */
import type { CollectedBody } from "../backends/buffers.ts";
import type { Exchange, ExchangeEnd } from "../backends/transport.ts";
import type { Departure } from "./order.ts";

/** A request that is over. */
export interface EndedRequest {
  readonly departure: Departure;
  readonly exchange: Exchange;
  /** The sending thread's own clock at the load's start. */
  readonly originMs: number;
}

/** Packed answers; `memory` is to be transferred. */
export interface ExchangePack {
  /** {@linkcode FIELDS} numbers per answer, and from {@linkcode HEADER_BYTES} on their data. */
  readonly memory: ArrayBuffer;
  readonly count: number;
  /** Content types that occur. */
  readonly types: readonly string[];
  /** End reasons other than `complete`. */
  readonly ends: readonly ExchangeEnd[];
}

/** Answers in one pack at most. */
export const FULL_PACK = 32;
/** Numbers per answer besides its reads. */
const FIELDS = 18;
const HEADER_BYTES: number = FULL_PACK * FIELDS * 8;
/** Room in a pack, unless one answer alone needs more; pages that are never written cost nothing. */
const PACK_BYTES: number = 256 * 1024;
/** Buffers that are kept for later. */
export const SPARE_PACKS = 4;
const CONNECTIONS: readonly Exchange["connection"][] = ["new", "reused", "unknown"];
/** Stands for a number that is absent. */
const ABSENT = NaN;

/** Bytes of an answer of so many bytes and reads; a multiple of eight. */
function collectedBytes(bytes: number, reads: number): number {
  return Math.ceil((reads * 16 + bytes) / 8) * 8;
}

/** An answer's arrays, side by side in `memory` from `at` on, a multiple of eight. */
function collectInto(
  memory: ArrayBuffer,
  at: number,
  bytes: number,
  reads: number,
): CollectedBody {
  return {
    readMs: new Float64Array(memory, at, reads),
    readEnds: new Uint32Array(memory, at + reads * 8, reads),
    readWidthMs: new Float32Array(memory, at + reads * 12, reads),
    body: new Uint8Array(memory, at + reads * 16, bytes),
  };
}

/** Bytes of an answer, wherever it lies. */
function bodyBytes({ held, body }: Exchange): number {
  return held?.bytes ?? body.length;
}

/** Bytes that an answer takes in a pack. */
function packedBytes(exchange: Exchange): number {
  return collectedBytes(bodyBytes(exchange), exchange.held?.reads ?? exchange.readMs.length);
}

/** Puts answers into packs, when there is somebody to read them. */
export class Packer {
  /** Answers that wait, of which the first `#taken` were packed. */
  #waiting: EndedRequest[] = [];
  #taken = 0;
  #bytes = 0;
  readonly #spare: ArrayBuffer[] = [];

  /** Answers that wait. */
  get count(): number {
    return this.#waiting.length - this.#taken;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an answer that is over; its body stays where it is. */
  add(ended: EndedRequest): void {
    this.#waiting.push(ended);
    this.#bytes += bodyBytes(ended.exchange);
  }

  /** A pack of the first answers that wait, at most so many; at least one must. */
  take(most: number = FULL_PACK): ExchangePack {
    const from = this.#taken;
    let bytes = packedBytes(this.#waiting[from]!.exchange);
    const room = Math.max(PACK_BYTES, bytes);
    let to = from + 1;
    for (const end = from + Math.min(most, FULL_PACK, this.count); to < end; to++) {
      const more = packedBytes(this.#waiting[to]!.exchange);
      if (bytes + more > room) break;
      bytes += more;
    }
    const memory = (room > PACK_BYTES ? undefined : this.#spare.pop()) ??
      new ArrayBuffer(HEADER_BYTES + room);
    const pack = { memory, count: to - from, types: [], ends: [] };
    const taken = this.#waiting.slice(from, to);
    this.#taken = to;
    // A held body that was moved has no bytes any more.
    for (const { exchange } of taken) this.#bytes -= bodyBytes(exchange);
    writePack(pack, taken);
    if (this.count === 0) {
      this.#waiting = [];
      this.#taken = 0;
    }
    return pack;
  }

  /** Takes back a pack's memory, which is no longer read. */
  giveBack(memory: ArrayBuffer): void {
    const usual = memory.byteLength === HEADER_BYTES + PACK_BYTES;
    if (usual && this.#spare.length < SPARE_PACKS) this.#spare.push(memory);
    // At once, not when the collector looks.
    else memory.transfer(0);
  }
}

/** Moves answers into the memory of a pack. */
function writePack(
  { memory, types, ends }: { memory: ArrayBuffer; types: string[]; ends: ExchangeEnd[] },
  all: readonly EndedRequest[],
): void {
  const numbers = new Float64Array(memory, 0, FULL_PACK * FIELDS);
  let at = 0;
  let place = HEADER_BYTES;
  for (const { departure, exchange, originMs } of all) {
    const { held, body, readMs } = exchange;
    const bytes = held?.bytes ?? body.length;
    const reads = held?.reads ?? readMs.length;
    let type = types.indexOf(exchange.contentType);
    if (type < 0) type = types.push(exchange.contentType) - 1;
    numbers[at++] = departure.index;
    numbers[at++] = departure.user;
    numbers[at++] = departure.item;
    numbers[at++] = departure.intendedMs;
    numbers[at++] = departure.heldMs ?? ABSENT;
    numbers[at++] = originMs;
    numbers[at++] = exchange.sentMs;
    numbers[at++] = exchange.departedMs ?? ABSENT;
    numbers[at++] = exchange.firstByteMs ?? ABSENT;
    numbers[at++] = exchange.endMs;
    numbers[at++] = exchange.status;
    numbers[at++] = type;
    numbers[at++] = CONNECTIONS.indexOf(exchange.connection);
    numbers[at++] = exchange.connectMs ?? ABSENT;
    numbers[at++] = exchange.end.kind === "complete" ? ABSENT : ends.push(exchange.end) - 1;
    numbers[at++] = place;
    numbers[at++] = reads;
    numbers[at++] = bytes;
    const target = collectInto(memory, place, bytes, reads);
    if (held === undefined) copyArrays(exchange, target);
    else held.moveTo(target);
    place += collectedBytes(bytes, reads);
  }
}

function copyArrays(
  { body, readMs, readEnds, readWidthMs }: Exchange,
  target: CollectedBody,
): void {
  target.body.set(body);
  target.readMs.set(readMs);
  target.readEnds.set(readEnds);
  if (readWidthMs === undefined) target.readWidthMs.fill(NaN);
  else target.readWidthMs.set(readWidthMs);
}

/** The answers of a pack, as views of its memory. */
export function unpackExchanges({ memory, count, types, ends }: ExchangePack): EndedRequest[] {
  const numbers = new Float64Array(memory, 0, count * FIELDS);
  const result: EndedRequest[] = [];
  for (let i = 0; i < count; i++) {
    let at = i * FIELDS;
    const departure: { -readonly [Name in keyof Departure]: Departure[Name] } = {
      index: numbers[at++]!,
      user: numbers[at++]!,
      item: numbers[at++]!,
      intendedMs: numbers[at++]!,
    };
    const heldMs = numbers[at++]!;
    if (!Number.isNaN(heldMs)) departure.heldMs = heldMs;
    const originMs = numbers[at++]!;
    const sentMs = numbers[at++]!;
    const departedMs = numbers[at++]!;
    const firstByteMs = numbers[at++]!;
    const endMs = numbers[at++]!;
    const status = numbers[at++]!;
    const contentType = types[numbers[at++]!]!;
    const connection = CONNECTIONS[numbers[at++]!]!;
    const connectMs = numbers[at++]!;
    const end: ExchangeEnd = ends[numbers[at++]!] ?? { kind: "complete" };
    const place = numbers[at++]!;
    const reads = numbers[at++]!;
    const bytes = numbers[at++]!;
    const { body, readMs, readEnds, readWidthMs } = collectInto(memory, place, bytes, reads);
    const exchange: Exchange = {
      sentMs,
      endMs,
      status,
      contentType,
      body,
      readMs,
      readEnds,
      readWidthMs,
      connection,
      end,
    };
    if (!Number.isNaN(departedMs)) exchange.departedMs = departedMs;
    if (!Number.isNaN(firstByteMs)) exchange.firstByteMs = firstByteMs;
    if (!Number.isNaN(connectMs)) exchange.connectMs = connectMs;
    result.push({ departure, exchange, originMs });
  }
  return result;
}
