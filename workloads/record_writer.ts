/**
 * Writing a record file while its run goes on.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { RecordLines } from "./record_line.ts";
import { fileError, UserError } from "./user_error.ts";

/** Where record lines go; rejects e.g. on a full disk. */
export interface RecordSink {
  /** Appends all of the bytes; the next call waits until this one has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Called once, when the last write has settled; rejects when what was written is gone. */
  check?(): Promise<void>;
  /** Called once, after all else. */
  close(): void;
}

/**
 * Appends records in the background, at most a second behind: a client that is killed loses no more.
 */
export interface RecordWriter {
  /** Queues a load that was decided while the run goes on; before its records. Never waits. */
  plan(plan: LoadPlan): void;
  /** Queues a request that has ended; never waits. */
  add(record: RequestRecord): void;
  /** Queues how a session went; never waits. */
  session(session: SessionEnd): void;
  /** Queues what others have collected of a load; before its end. Never waits. */
  state(state: LoadState): void;
  /** Queues how a load went; never waits. */
  end(end: LoadEnd): void;
  /** Writes what is left and closes. */
  close(): Promise<void>;
  /** The first failure, after which nothing more is written; the run itself goes on. */
  readonly failure: Error | undefined;
}

const FLUSH_EVERY_MS = 1000;

/** So much does not wait for the second to be over. */
const FULL_BYTES: number = 1024 * 1024;

/**
 * Starts a record file with its header.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   measureBench,
 *   openRecordFile,
 *   readRecordFile,
 *   type RecordWriter,
 *   startRecordFile,
 *   startSimServer,
 * } from "@tokometer/tokometer";
 *
 * const folder = await Deno.makeTempDir();
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * let writer: RecordWriter | undefined;
 * await measureBench(server.url, { concurrency: [1], requests: 4 }, {
 *   keepRecords: false,
 *   onHeader: async (header) => {
 *     writer = startRecordFile(await openRecordFile(`${folder}/records.jsonl`), header);
 *   },
 *   onRecord: (record) => writer?.add(record),
 *   onLoadEnd: (end) => writer?.end(end),
 * });
 * await writer?.close();
 * await server.stop();
 * const { records } = await readRecordFile(`${folder}/records.jsonl`);
 * assertEquals(records.filter(({ phase }) => phase === "measure").length, 4);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function startRecordFile(sink: RecordSink, header: RunHeader): RecordWriter {
  const lines = new RecordLines();
  lines.addValue({ header });
  let failure: Error | undefined;
  let writing: Promise<void> = Promise.resolve();

  const flush = (): Promise<void> => {
    if (lines.length === 0 || failure !== undefined) return writing;
    const bytes = lines.take();
    writing = writing.then(() => sink.write(bytes)).catch((error) => {
      failure ??= error as Error;
    });
    return writing;
  };
  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS);
  // The header is on disk before the first request leaves.
  void flush();

  return {
    add(record) {
      // A run of days goes on, and must not keep what nobody will write.
      if (failure !== undefined) return;
      lines.addRecord(record);
      if (lines.length >= FULL_BYTES) void flush();
    },
    plan(plan) {
      if (failure === undefined) lines.addValue({ plan });
    },
    session(session) {
      if (failure === undefined) lines.addValue({ session });
    },
    state(state) {
      if (failure === undefined) lines.addValue({ state });
    },
    end(end) {
      if (failure === undefined) lines.addValue({ end });
    },
    async close() {
      clearInterval(timer);
      await flush();
      await sink.check?.().catch((error) => {
        failure ??= error as Error;
      });
      sink.close();
    },
    get failure() {
      return failure;
    },
  };
}

/**
 * Opens a new file for records, to be given to {@linkcode startRecordFile}. Needs `--allow-write`.
 *
 * @throws {UserError} when it exists or cannot be written.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { openRecordFile, UserError } from "@tokometer/tokometer";
 *
 * const folder = await Deno.makeTempDir();
 * const sink = await openRecordFile(`${folder}/records.jsonl`);
 * sink.close();
 * await assertRejects(() => openRecordFile(`${folder}/records.jsonl`), UserError, "exists already");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function openRecordFile(path: string): Promise<RecordSink> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new UserError(`Cannot write ${path}: it exists already, choose another --out`);
    }
    throw fileError(`Cannot write ${path}`, error);
  }
  let written = 0;
  const check = () => refuseReplaced(path, file, written);
  return {
    async write(bytes) {
      // Behind the end of a file that was emptied this would begin with zeros.
      await check();
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      written += bytes.length;
    },
    check,
    close: () => file.close(),
  };
}

/** A file that was removed can still be written to, and nobody will ever read it. */
async function refuseReplaced(path: string, file: Deno.FsFile, written: number): Promise<void> {
  // Nobody is asked for a permission in the middle of a measurement.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return;
  const own = await file.stat();
  let found: Deno.FileInfo;
  try {
    found = await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("it was removed during the run");
  }
  if (found.ino !== own.ino || found.dev !== own.dev) {
    throw new Error("another file took its place during the run");
  }
  if (found.size < written) throw new Error("it was cut short during the run");
}
