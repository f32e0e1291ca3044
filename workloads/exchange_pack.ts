/**
 * Answers on their way from the thread that reads to the one that decodes: a handful packed into
 * three arrays. As objects each would cost twenty microseconds on either side, more than reading it.
 *
 * @module
 */
import type { Exchange, ExchangeEnd } from "../backends/transport.ts";
import type { EndedRequest } from "./load_messages.ts";

/** Packed answers; the arrays fill their buffers, which can be handed over. */
export interface ExchangePack {
  /** {@linkcode FIELDS} numbers for each answer, then the stamps of all reads. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Bytes there were after each read, of all answers. */
  readonly readEnds: Uint32Array<ArrayBuffer>;
  /** All bodies. */
  readonly bodies: Uint8Array<ArrayBuffer>;
  /** Content types that occur. */
  readonly types: readonly string[];
  /** Ends that are not just complete. */
  readonly ends: readonly ExchangeEnd[];
}

/** Numbers that tell of an answer besides its reads. */
const FIELDS = 15;
const CONNECTIONS: readonly Exchange["connection"][] = ["new", "reused", "unknown"];
/** Stands for a number that is absent. */
const ABSENT = NaN;

/** Packs answers, in their order. */
export function packExchanges(ended: readonly EndedRequest[]): ExchangePack {
  let reads = 0;
  let bytes = 0;
  for (const { exchange } of ended) {
    reads += exchange.readMs.length;
    bytes += exchange.body.length;
  }
  const numbers = new Float64Array(ended.length * FIELDS + reads);
  const readEnds = new Uint32Array(reads);
  const bodies = new Uint8Array(bytes);
  const types: string[] = [];
  const ends: ExchangeEnd[] = [];
  let at = 0;
  let read = 0;
  let byte = 0;
  for (const { departure, exchange, originMs } of ended) {
    let type = types.indexOf(exchange.contentType);
    if (type < 0) type = types.push(exchange.contentType) - 1;
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
    numbers[at++] = exchange.body.length;
    numbers[at++] = exchange.readMs.length;
    numbers.set(exchange.readMs, ended.length * FIELDS + read);
    readEnds.set(exchange.readEnds, read);
    bodies.set(exchange.body, byte);
    read += exchange.readMs.length;
    byte += exchange.body.length;
  }
  return { numbers, readEnds, bodies, types, ends };
}

/** The answers of a pack, as views of its arrays. */
export function unpackExchanges(pack: ExchangePack): EndedRequest[] {
  const { numbers, readEnds, bodies, types, ends } = pack;
  const count = (numbers.length - readEnds.length) / FIELDS;
  const result: EndedRequest[] = [];
  let read = 0;
  let byte = 0;
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
    const bytes = numbers[at++]!;
    const reads = numbers[at++]!;
    const stamps = count * FIELDS + read;
    const exchange: Exchange = {
      sentMs,
      endMs,
      status,
      contentType,
      body: bodies.subarray(byte, byte + bytes),
      readMs: numbers.subarray(stamps, stamps + reads),
      readEnds: readEnds.subarray(read, read + reads),
      connection,
      end,
    };
    if (!Number.isNaN(firstByteMs)) exchange.firstByteMs = firstByteMs;
    if (!Number.isNaN(connectMs)) exchange.connectMs = connectMs;
    result.push({ departure, exchange, originMs });
    read += reads;
    byte += bytes;
  }
  return result;
}
