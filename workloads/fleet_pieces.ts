/**
 * A record file in pieces, as it is stored: each by its hash, and a list of them.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { Hash, hashOf, Hopeless, readAll, unlessSilent } from "./fleet_moving.ts";
import { countTo, listOf, objectOf, oneOf, type Shape } from "./json_shape.ts";

/** Version of {@linkcode StoredRecords}. */
export const RECORDS_SCHEMA = "tokometer.records/1";

/** What is stored at once, before it is compressed: so much is sent again after a cut. */
export const PIECE_BYTES: number = 8 * 2 ** 20;
/** 800 GB. */
const MOST_PIECES = 1e5;
/** A record file as it is stored: the pieces by their hashes, each as gzip. */
export interface StoredRecords {
  readonly schema: typeof RECORDS_SCHEMA;
  readonly agent: number;
  readonly sha256: string;
  readonly bytes: number;
  readonly pieces: readonly { readonly sha256: string; readonly bytes: number }[];
}

const hash: Shape = (value, at) =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value)
    ? undefined
    : `${at} is no SHA-256 in hex`;

const storedShape = objectOf<StoredRecords>({
  schema: oneOf([RECORDS_SCHEMA]),
  agent: countTo(1e6),
  sha256: hash,
  bytes: countTo(MOST_PIECES * PIECE_BYTES),
  pieces: listOf(
    objectOf<StoredRecords["pieces"][number]>({ sha256: hash, bytes: countTo(PIECE_BYTES, 1) }),
    MOST_PIECES,
  ),
});

/** Larger than a list of the most pieces. */
export const MOST_LIST_BYTES: number = 32 * 2 ** 20;

/** Name of the list of an agent's pieces. */
export function listName(run: string, agent: number): string {
  return hashOf(`records of agent ${agent} in run ${run}`);
}

/** As much of a file as fits, or all that is left. */
export async function fill(
  buffer: Uint8Array<ArrayBuffer>,
  file: Deno.FsFile,
): Promise<Uint8Array<ArrayBuffer>> {
  let at = 0;
  while (at < buffer.length) {
    const read = await file.read(buffer.subarray(at));
    if (read === null) break;
    at += read;
  }
  return buffer.subarray(0, at);
}

export function gzipped(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  return new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
}

/** What is stored under a name, unpacked; absent = nothing. @throws {Hopeless} for more than `most` bytes. */
export async function loaded(
  bus: Pick<FleetBus, "load">,
  name: string,
  most: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const content = await unlessSilent(signal, () => bus.load(name));
  if (content === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const unpacked = content.pipeThrough(
    new DecompressionStream("gzip") as TransformStream<Uint8Array, Uint8Array>,
  );
  await readAll(unpacked, (chunk) => {
    bytes += chunk.length;
    if (bytes > most) throw new Hopeless("what is stored is larger than it can be");
    chunks.push(chunk);
  }, signal);
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** @throws {Hopeless} for what is none. */
export function listOfPieces(bytes: Uint8Array): StoredRecords {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new Hopeless(`what it stored is no list of pieces: ${messageOf(error)}`);
  }
  const problem = storedShape(value, "list");
  if (problem !== undefined) throw new Hopeless(`what it stored is no list of pieces: ${problem}`);
  return value as StoredRecords;
}

export function hashOfBytes(bytes: Uint8Array): string {
  const hash = new Hash();
  hash.add(bytes);
  return hash.hex();
}
