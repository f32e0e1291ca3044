/**
 * Record files of agents, brought to their leader (`--collect`): stored in pieces when an agent is done,
 * and put together in the run's folder. What was cut goes on with the piece that is missing.
 *
 * @module
 */
import type { FleetBus } from "./fleet_bus.ts";
import type { AgentDone } from "./fleet_messages.ts";
import { Hash, Hopeless, type MovingFiles, persistently, whyFailed } from "./fleet_moving.ts";
import {
  fill,
  gzipped,
  hashOfBytes,
  listName,
  listOfPieces,
  loaded,
  MOST_LIST_BYTES,
  PIECE_BYTES,
  RECORDS_SCHEMA,
  type StoredRecords,
} from "./fleet_pieces.ts";
import { RECORD_FILE } from "./run_results.ts";
import { AGENTS_FOLDER } from "./record_leader.ts";
import { fileError, UserError } from "./user_error.ts";

/** Files that are fetched at once. */
const AT_ONCE = 4;

/**
 * Stores an agent's record file, once it is closed. What was stored before a failure is not sent again.
 * Needs `--allow-read`.
 *
 * @returns what {@linkcode AgentDone} says of it.
 * @throws {UserError} when it cannot be read, or not be stored before `signal`.
 */
export async function storeRecords(
  bus: Pick<FleetBus, "store">,
  { run, agent, path }: { readonly run: string; readonly agent: number; readonly path: string },
  { signal, onProgress }: MovingFiles,
): Promise<NonNullable<AgentDone["file"]>> {
  const cannot = `Cannot store the record file ${path}`;
  const whole = new Hash();
  const pieces: StoredRecords["pieces"][number][] = [];
  const put = (name: string, content: () => ReadableStream<Uint8Array>) =>
    persistently(() => bus.store(name, content()), signal);
  try {
    using file = await Deno.open(path);
    const buffer = new Uint8Array(PIECE_BYTES);
    while (true) {
      const bytes = await fill(buffer, file);
      if (bytes.length === 0) break;
      const piece = new Hash();
      piece.add(bytes);
      whole.add(bytes);
      pieces.push({ sha256: piece.hex(), bytes: bytes.length });
      await put(piece.hex(), () => gzipped(bytes));
      onProgress?.(`storing records, ${(whole.bytes / 1e6).toFixed(0)} MB`);
    }
    const stored = { agent, sha256: whole.hex(), bytes: whole.bytes, pieces };
    const list = new TextEncoder().encode(JSON.stringify({ schema: RECORDS_SCHEMA, ...stored }));
    await put(listName(run, agent), () => gzipped(list));
    return { path, sha256: stored.sha256, bytes: stored.bytes };
  } catch (error) {
    if (signal.aborted) throw new UserError(`${cannot}: it was stopped`);
    throw fileError(cannot, error);
  }
}

/** What was collected. */
export interface CollectedRecords {
  /** Record files by the numbers of their agents. */
  readonly files: readonly { readonly agent: number; readonly path: string }[];
  /** Agents whose file is not there, and why, in a clause. */
  readonly missing: readonly { readonly agent: number; readonly why: string }[];
}

/** Where files are collected from, and what for. */
export interface CollectFrom {
  readonly run: string;
  /** How many there were. */
  readonly agents: number;
  /** The run's own; their files go to `agents/<number>/records.jsonl` in it. */
  readonly folder: string;
  /** Where their own files are, for what is told of missing ones. */
  readonly places?: readonly (string | undefined)[];
}

/**
 * Fetches the record files of all agents of a run. Files that are there are kept; the pieces of one that
 * was begun are not fetched again. Stored pieces of a complete file are deleted. Needs `--allow-read
 * --allow-write`.
 *
 * @throws {UserError} when the folder cannot be written.
 */
export async function collectRecords(
  bus: Pick<FleetBus, "load" | "remove">,
  { run, agents, folder, places = [] }: CollectFrom,
  moving: MovingFiles,
): Promise<CollectedRecords> {
  const files: CollectedRecords["files"][number][] = [];
  const missing: CollectedRecords["missing"][number][] = [];
  const digits = String(agents - 1).length;
  let next = 0;
  const work = async () => {
    for (let agent = next++; agent < agents; agent = next++) {
      const own = `${folder}/${AGENTS_FOLDER}/${String(agent).padStart(digits, "0")}`;
      try {
        const why = await collectOne(bus, { list: listName(run, agent), folder: own }, moving);
        if (why === undefined) files.push({ agent, path: `${own}/${RECORD_FILE}` });
        else missing.push({ agent, why: `${why}${ownPlace(places[agent])}` });
      } catch (error) {
        if (error instanceof UserError || error instanceof Deno.errors.NotCapable) throw error;
        missing.push({
          agent,
          why: `${whyFailed(error, moving.signal)}${ownPlace(places[agent])}`,
        });
      }
      moving.onProgress?.(`collecting records, ${files.length + missing.length} of ${agents}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const byAgent = <T extends { readonly agent: number }>(list: T[]) =>
    list.sort((a, b) => a.agent - b.agent);
  return { files: byAgent(files), missing: byAgent(missing) };
}

function ownPlace(place: string | undefined): string {
  return place === undefined ? "" : `; its own is ${place}`;
}

/** @returns why there is none; absent = it is there. */
async function collectOne(
  bus: Pick<FleetBus, "load" | "remove">,
  { list, folder }: { readonly list: string; readonly folder: string },
  { signal }: MovingFiles,
): Promise<string | undefined> {
  const path = `${folder}/${RECORD_FILE}`;
  if (await isThere(path)) return undefined;
  const text = await persistently(() => loaded(bus, list, MOST_LIST_BYTES, signal), signal);
  if (text === undefined) return "it has stored none";
  const stored = listOfPieces(text);
  await ofDisk(folder, () => Deno.mkdir(folder, { recursive: true }));
  const part = `${path}.part`;
  using file = await ofDisk(
    part,
    () => Deno.open(part, { read: true, write: true, create: true }),
  );
  const whole = new Hash();
  let at = await wholePieces(file, stored, whole);
  await file.truncate(whole.bytes);
  await file.seek(whole.bytes, Deno.SeekMode.Start);
  for (; at < stored.pieces.length; at++) {
    const { sha256, bytes } = stored.pieces[at]!;
    const piece = await persistently(async () => {
      const piece = await loaded(bus, sha256, bytes, signal);
      if (piece === undefined) throw new Hopeless("a piece of it is not stored any more");
      if (hashOfBytes(piece) !== sha256) throw new Error("a piece of it is not what was stored");
      return piece;
    }, signal);
    whole.add(piece);
    await ofDisk(part, async () => {
      for (let done = 0; done < piece.length;) done += await file.write(piece.subarray(done));
    });
  }
  if (whole.hex() !== stored.sha256) return "its pieces are not those of the whole";
  await ofDisk(part, async () => {
    await file.sync();
    await Deno.rename(part, path);
  });
  for (const name of [list, ...stored.pieces.map(({ sha256 }) => sha256)]) {
    await bus.remove(name).catch(() => {});
  }
  return undefined;
}

/** How many pieces of an earlier try are whole. */
async function wholePieces(
  file: Deno.FsFile,
  { pieces }: StoredRecords,
  whole: Hash,
): Promise<number> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (const [i, { sha256, bytes }] of pieces.entries()) {
    const piece = await fill(buffer.subarray(0, bytes), file);
    if (piece.length < bytes || hashOfBytes(piece) !== sha256) return i;
    whole.add(piece);
  }
  return pieces.length;
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw fileError(`Cannot read ${path}`, error);
  }
}

/** @throws {UserError} where the disk fails: that of all agents does. */
async function ofDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error);
  }
}
