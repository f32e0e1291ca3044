/**
 * Answers on their way from the thread that reads to the one that decodes. Their bodies and stamps
 * are collected where they travel, a handful in one buffer, and the buffer comes back to be used
 * again: as objects, or copied and allocated anew, they would cost more than reading them did.
 *
 * @module
 */
import type { CollectedBody } from "../backends/buffers.ts";
import type { Exchange, ExchangeEnd } from "../backends/transport.ts";
import { collectedBytes, collectInto } from "./load_collected.ts";
import type { EndedRequest } from "./load_messages.ts";

/** Packed answers; `memory` is to be handed over. */
export interface ExchangePack {
  /** {@linkcode FIELDS} numbers for each answer, and from {@linkcode HEADER_BYTES} on their data. */
  readonly memory: ArrayBuffer;
  readonly count: number;
  /** Content types that occur. */
  readonly types: readonly string[];
  /** Ends that are not just complete. */
  readonly ends: readonly ExchangeEnd[];
}

/** Answers in one pack at most. */
export const FULL_PACK = 32;
/** Numbers that tell of an answer besides its reads. */
const FIELDS = 16;
const HEADER_BYTES: number = FULL_PACK * FIELDS * 8;
/** Room in a pack, unless one answer alone needs more; pages that nobody writes to cost nothing. */
const PACK_BYTES: number = 256 * 1024;
/** Buffers that are kept for later. */
const SPARE_PACKS = 8;
const CONNECTIONS: readonly Exchange["connection"][] = ["new", "reused", "unknown"];
/** Stands for a number that is absent. */
const ABSENT = NaN;

/** A buffer that is being filled. */
class Pack implements ExchangePack {
  readonly memory: ArrayBuffer;
  readonly types: string[] = [];
  readonly ends: ExchangeEnd[] = [];
  /** Answers that were told. */
  count = 0;
  /** Answers that room was taken for. */
  taken = 0;
  /** Takes no more. */
  closed = false;
  readonly #numbers: Float64Array;
  #at = HEADER_BYTES;

  constructor(memory: ArrayBuffer) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory, 0, FULL_PACK * FIELDS);
  }

  get complete(): boolean {
    return this.closed && this.count === this.taken;
  }

  hasRoom(bytes: number): boolean {
    return !this.closed && this.#at + bytes <= this.memory.byteLength;
  }

  take(bytes: number, reads: number): CollectedBody {
    const { memory } = this;
    const place = this.#at;
    this.#at += collectedBytes(bytes, reads);
    this.closed = ++this.taken === FULL_PACK;
    return collectInto(memory, place, bytes, reads);
  }

  tell({ departure, exchange, originMs }: EndedRequest): void {
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

/** Collects answers in packs. */
export class Packer {
  /** Packs that were not yet handed over, the newest last. */
  #open: Pack[] = [];
  readonly #spare: ArrayBuffer[] = [];

  /** For a transport: room for a finished answer, which is then to be told. */
  readonly collect = (bytes: number, reads: number): CollectedBody =>
    this.#packFor(collectedBytes(bytes, reads)).take(bytes, reads);

  /** An answer that is over: the transport's own, with its body where `collect` put it. */
  tell(ended: EndedRequest): void {
    const { body, readMs, readEnds } = ended.exchange;
    const pack = this.#open.find(({ memory }) => memory === body.buffer);
    if (pack !== undefined) return pack.tell(ended);
    const collected = this.collect(body.length, readMs.length);
    collected.body.set(body);
    collected.readMs.set(readMs);
    collected.readEnds.set(readEnds);
    this.tell({ ...ended, exchange: { ...ended.exchange, ...collected } });
  }

  /** Puts no more into what was begun: it is ready as soon as all that is in it was told. */
  close(): void {
    const last = this.#open.at(-1);
    if (last !== undefined && last.count > 0) last.closed = true;
  }

  /** Packs that are ready; they are the caller's. */
  takeReady(): readonly ExchangePack[] {
    if (!this.#open.some(({ complete }) => complete)) return NONE;
    const ready = this.#open.filter(({ complete }) => complete);
    this.#open = this.#open.filter(({ complete }) => !complete);
    return ready.map(({ memory, count, types, ends }) => ({ memory, count, types, ends }));
  }

  /** A pack's memory, which nobody looks at any more. */
  giveBack(memory: ArrayBuffer): void {
    if (this.#spare.length < SPARE_PACKS && memory.byteLength === HEADER_BYTES + PACK_BYTES) {
      this.#spare.push(memory);
    }
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

const NONE: readonly ExchangePack[] = [];

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
    const { body, readMs, readEnds } = collectInto(memory, place, bytes, reads);
    const exchange: Exchange = {
      sentMs,
      endMs,
      status,
      contentType,
      body,
      readMs,
      readEnds,
      connection,
      end,
    };
    if (!Number.isNaN(firstByteMs)) exchange.firstByteMs = firstByteMs;
    if (!Number.isNaN(connectMs)) exchange.connectMs = connectMs;
    result.push({ departure, exchange, originMs });
  }
  return result;
}
