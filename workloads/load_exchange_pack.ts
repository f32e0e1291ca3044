/**
 * Answers on their way from the thread that reads to the one that decodes. Their bodies and stamps
 * are collected in the memory they travel in, some dozen answers per buffer, and the buffer comes
 * back to be used again: sent as objects, or copied and allocated anew, they would cost more than
 * reading them did.
 *
 * @module
 */
import type { CollectedBody } from "../backends/buffers.ts";
import type { Exchange, ExchangeEnd } from "../backends/transport.ts";
import type { Departure } from "./load_runner.ts";

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
const FIELDS = 17;
const HEADER_BYTES: number = FULL_PACK * FIELDS * 8;
/** Room in a pack, unless one answer alone needs more; pages that are never written cost nothing. */
const PACK_BYTES: number = 256 * 1024;
/** Buffers that are kept for later. */
const SPARE_PACKS = 8;
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

/** A buffer that is being filled. */
class Pack implements ExchangePack {
  readonly memory: ArrayBuffer;
  readonly types: string[] = [];
  readonly ends: ExchangeEnd[] = [];
  /** Answers that are complete in here. */
  count = 0;
  /** Answers that room was reserved for. */
  reserved = 0;
  /** Takes no more. */
  closed = false;
  readonly #numbers: Float64Array;
  #at = HEADER_BYTES;

  constructor(memory: ArrayBuffer) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory, 0, FULL_PACK * FIELDS);
  }

  get complete(): boolean {
    return this.closed && this.count === this.reserved;
  }

  hasRoom(bytes: number): boolean {
    return !this.closed && this.#at + bytes <= this.memory.byteLength;
  }

  reserve(bytes: number, reads: number): CollectedBody {
    const { memory } = this;
    const place = this.#at;
    this.#at += collectedBytes(bytes, reads);
    this.closed = ++this.reserved === FULL_PACK;
    return collectInto(memory, place, bytes, reads);
  }

  add({ departure, exchange, originMs }: EndedRequest): void {
    const { types, ends } = this;
    const numbers = this.#numbers;
    let type = types.indexOf(exchange.contentType);
    if (type < 0) type = types.push(exchange.contentType) - 1;
    let at = this.count++ * FIELDS;
    numbers[at++] = departure.index;
    numbers[at++] = departure.user;
    numbers[at++] = departure.item;
    numbers[at++] = departure.intendedMs;
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
    numbers[at++] = exchange.readMs.byteOffset;
    numbers[at++] = exchange.readMs.length;
    numbers[at++] = exchange.body.length;
  }
}

const NONE: readonly ExchangePack[] = [];

/** Collects answers in packs. */
export class Packer {
  /** Packs that were not yet handed over, the newest last. */
  #open: Pack[] = [];
  readonly #spare: ArrayBuffer[] = [];

  /** For a transport: room for a finished answer, which should then be added. */
  readonly collect = (bytes: number, reads: number): CollectedBody =>
    this.#packFor(collectedBytes(bytes, reads)).reserve(bytes, reads);

  /** Adds an answer that is over; its body may lie where `collect` put it. */
  add(ended: EndedRequest): void {
    const { body, readMs, readEnds, readWidthMs } = ended.exchange;
    const pack = this.#open.find(({ memory }) => memory === body.buffer);
    if (pack !== undefined) return pack.add(ended);
    const collected = this.collect(body.length, readMs.length);
    collected.body.set(body);
    collected.readMs.set(readMs);
    collected.readEnds.set(readEnds);
    if (readWidthMs === undefined) collected.readWidthMs.fill(NaN);
    else collected.readWidthMs.set(readWidthMs);
    this.add({ ...ended, exchange: { ...ended.exchange, ...collected } });
  }

  /** Memory of the packs that were not yet handed over. */
  get bytes(): number {
    return this.#open.reduce((sum, { memory }) => sum + memory.byteLength, 0);
  }

  /** Closes the newest pack: it is ready once every answer with room in it was added. */
  close(): void {
    const last = this.#open.at(-1);
    if (last !== undefined && last.count > 0) last.closed = true;
  }

  /** Packs that are ready, the oldest first; they are the caller's. */
  takeReady(most: number = Infinity): readonly ExchangePack[] {
    if (!this.#open.some(({ complete }) => complete)) return NONE;
    const ready = this.#open.filter(({ complete }) => complete).slice(0, most);
    this.#open = this.#open.filter((pack) => !ready.includes(pack));
    return ready.map(({ memory, count, types, ends }) => ({ memory, count, types, ends }));
  }

  /** Takes back a pack's memory, which is no longer read. */
  giveBack(memory: ArrayBuffer): void {
    if (this.#spare.length < SPARE_PACKS && isUsual(memory)) this.#spare.push(memory);
  }

  #packFor(bytes: number): Pack {
    const last = this.#open.at(-1);
    if (last?.hasRoom(bytes)) return last;
    if (last !== undefined) last.closed = true;
    const memory = (bytes > PACK_BYTES ? undefined : this.#spare.pop()) ??
      new ArrayBuffer(HEADER_BYTES + Math.max(PACK_BYTES, bytes));
    const pack = new Pack(memory);
    this.#open.push(pack);
    return pack;
  }
}

/**
 * Decides where packs are decoded which memory goes back. After a burst there is far more than the
 * other thread keeps, and what it does not keep would wait there for a collector that seldom comes.
 */
export class PackReturns {
  /** Buffers that the other thread has for later, at most. */
  #there = 0;

  /** A pack has come. */
  received(): void {
    this.#there = Math.max(0, this.#there - 1);
  }

  /** Whether the memory is to be sent back; frees it if not. */
  wants(memory: ArrayBuffer): boolean {
    if (isUsual(memory) && this.#there < SPARE_PACKS) {
      this.#there++;
      return true;
    }
    memory.transfer(0);
    return false;
  }
}

function isUsual(memory: ArrayBuffer): boolean {
  return memory.byteLength === HEADER_BYTES + PACK_BYTES;
}

/** The answers of a pack, as views of its memory. */
export function unpackExchanges({ memory, count, types, ends }: ExchangePack): EndedRequest[] {
  const numbers = new Float64Array(memory, 0, count * FIELDS);
  const result: EndedRequest[] = [];
  for (let i = 0; i < count; i++) {
    let at = i * FIELDS;
    const departure = {
      index: numbers[at++]!,
      user: numbers[at++]!,
      item: numbers[at++]!,
      intendedMs: numbers[at++]!,
    };
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
