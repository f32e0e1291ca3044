/**
 * The record file: JSON lines, appended as requests end, read back by every report.
 *
 * Line 1 `{"header": RunHeader}`, then `{"record": …}` for each request, `{"session": SessionEnd}` for
 * each session and `{"end": LoadEnd}` for each load. A load that was decided while the run went on has a
 * line `{"plan": LoadPlan}` before its first record. Times have whole microseconds. A file that was cut
 * short (a killed client, a full disk) is read up to its last whole line.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord, TokenSource } from "../backends/record.ts";
import {
  type LoadEnd,
  type LoadPlan,
  MOST_LOADS,
  RECORD_SCHEMA,
  type Run,
  type RunHeader,
} from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { readLines } from "./line_stream.ts";
import { RecordLines } from "./record_line.ts";
import { OpenSessions } from "./record_sessions.ts";
import { endShape, sessionShape } from "./record_shape_end.ts";
import { headerShape, planShape } from "./record_shape_header.ts";
import { recordShape } from "./record_shape_request.ts";
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

/** The content of one line of a record file; the header comes first. */
export interface RecordEntry {
  /** A line that cannot be used and is left out. */
  readonly fault?: {
    /** File that it is in. */
    readonly path: string;
    /** Its number, from 1 on. */
    readonly line: number;
    /** What is wrong with it, e.g. `record.sentMs is "x", not a number from …`. */
    readonly problem: string;
  };
  /** What was run. */
  readonly header?: RunHeader;
  /** A load that the header does not know; it comes before its records. */
  readonly plan?: LoadPlan;
  /** One request. */
  readonly record?: RequestRecord;
  /** How a session went. */
  readonly session?: SessionEnd;
  /** How a load went. */
  readonly end?: LoadEnd;
}

/**
 * Reads a record file back, whole. Needs `--allow-read`.
 *
 * @throws {UserError} when it is missing, is not a record file, or has a line that cannot be used.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readRecordFile, startSimServer, summarize } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const folder = await Deno.makeTempDir();
 * const argv = ["bench", server.url, "--requests=4", "--concurrency=1", `--out=${folder}/run`];
 * await main(argv, { stdout: () => {}, stderr: () => {} });
 * await server.stop();
 * const run = await readRecordFile(`${folder}/run/records.jsonl`);
 * assertEquals(summarize(run).loads[0]?.counts.completed, 4);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readRecordFile(path: string): Promise<Run> {
  let run: {
    header: RunHeader;
    records: RequestRecord[];
    ends: LoadEnd[];
    sessions?: SessionEnd[];
  } | undefined;
  for await (const { header, plan, record, session, end, fault } of streamRecordFile(path)) {
    if (fault !== undefined) throw notRecords(path, `line ${fault.line}: ${fault.problem}`);
    if (header !== undefined) run = { header, records: [], ends: [] };
    if (plan !== undefined && run !== undefined) run.header = withPlan(run.header, plan);
    if (record !== undefined) run?.records.push(record);
    if (session !== undefined && run !== undefined) (run.sessions ??= []).push(session);
    if (end !== undefined) run?.ends.push(end);
  }
  return run!;
}

/**
 * Reads a record file line by line, in memory that does not grow with it. Each line is checked; one
 * that cannot be used is left out and named. A load without an end is given one as far as its records
 * tell. Needs `--allow-read`.
 *
 * @param options.onRead told the bytes of each line, to show how far it is.
 * @throws {UserError} when it is missing or is not a record file.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startSimServer, streamRecordFile } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const folder = await Deno.makeTempDir();
 * const argv = ["bench", server.url, "--requests=4", "--concurrency=1", `--out=${folder}/run`];
 * await main(argv, { stdout: () => {}, stderr: () => {} });
 * await server.stop();
 * let measured = 0;
 * for await (const { record } of streamRecordFile(`${folder}/run/records.jsonl`)) {
 *   if (record?.phase === "measure") measured++;
 * }
 * assertEquals(measured, 4);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function* streamRecordFile(
  path: string,
  options: { readonly onRead?: ((bytes: number) => void) | undefined } = {},
): AsyncGenerator<RecordEntry> {
  const loads = new Map<number, { lastMs: number; lastSentMs: number }>();
  let header: RunHeader | undefined;
  let plans: LoadPlan[] = [];
  let sessions: OpenSessions | undefined;
  for await (const line of readEntries(path, options)) {
    if (line.header !== undefined) {
      yield { header: header = line.header };
      sessions = new OpenSessions(plans = [...header.loads]);
    }
    if (line.plan !== undefined) {
      plans.push(line.plan);
      yield { plan: line.plan };
    }
    if (line.fault !== undefined) yield { fault: line.fault };
    if (line.record !== undefined) {
      const record = unpack(line.record);
      if (record.phase === "measure") {
        const { lastMs, lastSentMs } = loads.get(record.load) ?? { lastMs: 0, lastSentMs: 0 };
        loads.set(record.load, {
          lastMs: Math.max(lastMs, record.endMs ?? 0),
          lastSentMs: Math.max(lastSentMs, record.sentMs ?? 0),
        });
      }
      sessions!.add(record);
      yield { record };
    }
    if (line.session !== undefined) {
      sessions!.close(line.session);
      yield { session: line.session };
    }
    if (line.end !== undefined) {
      loads.delete(line.end.load);
      yield { end: line.end };
    }
  }
  // Loads that were running when the client was killed.
  for (const [load, plan] of plans.entries()) {
    const seen = loads.get(load);
    if (seen === undefined) continue;
    for (const session of sessions!.left(load)) yield { session };
    yield {
      end: {
        load,
        durationMs: seen.lastMs,
        rampEndMs: plan.rampUpMs ?? 0,
        sendingEndMs: seen.lastSentMs,
        interrupted: true,
        inferred: true,
      },
    };
  }
}

/**
 * Reads the first line of a record file.
 *
 * @throws {UserError} when it is missing or is not a record file.
 */
export async function readRunHeader(path: string): Promise<RunHeader> {
  for await (const { header } of readEntries(path)) return header!;
  throw notRecords(path, "it is empty");
}

/**
 * Reads header and ends of a record file, without its records.
 *
 * @throws {UserError} when it is missing or is not a record file.
 */
export async function readRunOutline(path: string): Promise<Omit<Run, "records">> {
  let header: RunHeader | undefined;
  const ends: LoadEnd[] = [];
  for await (const line of readEntries(path, { skip: '{"record":' })) {
    header ??= line.header;
    if (line.plan !== undefined) header = withPlan(header!, line.plan);
    if (line.end !== undefined) ends.push(line.end);
  }
  return { header: header!, ends };
}

/** A longer line is none of ours: it would be a request of a million ticks. */
const MOST_LINE_BYTES = 32 * 2 ** 20;

/** Lines of a record file; those that begin with `skip` are left unread. */
async function* readEntries(
  path: string,
  { skip, onRead }: {
    readonly skip?: string;
    readonly onRead?: ((bytes: number) => void) | undefined;
  } = {},
): AsyncGenerator<Line> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    throw fileError(`Cannot read ${path}`, error);
  }
  let header: RunHeader | undefined;
  let loads = 0;
  for await (const { text, number, length, whole } of linesOf(path, file)) {
    onRead?.(length + 1);
    if (length === 0) continue;
    if (header !== undefined && skip !== undefined && text?.startsWith(skip)) continue;
    const value = text === undefined ? undefined : parseLine(text);
    if (header === undefined) {
      header = checkedHeader(value, { path, number, cut: !whole });
      loads = header.loads.length;
      yield { header };
      continue;
    }
    // The client was killed while writing its last line.
    if (value === undefined && !whole) return;
    const problem = value === undefined ? unreadable(text, length) : problemOf(value, loads);
    if (problem !== undefined) {
      yield { fault: { path, line: number, problem } };
      continue;
    }
    if (value?.plan !== undefined) loads++;
    const { plan, record, session, end } = value!;
    yield defined({ plan, record, session, end });
  }
  if (header === undefined) throw notRecords(path, "it is empty");
}

/** @throws {UserError} for a first line that is too long; of others only the length is known. */
async function* linesOf(path: string, { readable }: Deno.FsFile): ReturnType<typeof readLines> {
  try {
    yield* readLines(readable, { maxLineBytes: MOST_LINE_BYTES, leaveOutLong: true });
  } catch (error) {
    throw error instanceof SyntaxError ? notRecords(path, error.message) : error;
  }
}

/** @throws {UserError} for what is no header. */
function checkedHeader(
  value: Line | undefined,
  { path, number, cut }: { readonly path: string; readonly number: number; readonly cut: boolean },
): RunHeader {
  if (value === undefined && cut) throw notRecords(path, "its first line is cut short");
  if (value?.header === undefined) {
    throw notRecords(path, `line ${number} is not a line of a record file`);
  }
  const problem = headerShape(value.header, "header");
  if (problem !== undefined) throw notRecords(path, `line ${number}: ${problem}`);
  return { ...value.header, schema: RECORD_SCHEMA };
}

function unreadable(text: string | undefined, length: number): string {
  if (text !== undefined) return "it is not JSON";
  return length > MOST_LINE_BYTES
    ? `it has ${length} bytes, more than ${MOST_LINE_BYTES}`
    : "it is not UTF-8";
}

/** What is wrong with a line behind the header, if anything. */
function problemOf(
  { plan, record, session, end }: Line,
  /** Known so far. */
  loads: number,
): string | undefined {
  if (plan !== undefined) {
    return loads < MOST_LOADS
      ? planShape(plan, "plan")
      : `it is a plan of a load beyond the ${MOST_LOADS} that a run may have`;
  }
  if (record === undefined && session === undefined && end === undefined) {
    return "it holds neither a record nor an end";
  }
  for (
    const [name, shape, value] of [
      ["record", recordShape, record],
      ["session", sessionShape, session],
      ["end", endShape, end],
    ] as const
  ) {
    if (value === undefined) continue;
    const problem = shape(value, name);
    if (problem !== undefined) return problem;
    if (value.load >= loads) {
      return `${name}.load is ${value.load}: the header has no such load`;
    }
  }
  return undefined;
}

interface Line {
  readonly header?: RunHeader;
  readonly plan?: LoadPlan;
  readonly record?: PackedRecord;
  readonly session?: SessionEnd;
  readonly end?: LoadEnd;
  readonly fault?: NonNullable<RecordEntry["fault"]>;
}

function parseLine(text: string): Omit<Line, "fault"> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { header, plan, record, session, end } = value as Line;
    return defined({ header, plan, record, session, end });
  } catch {
    return undefined;
  }
}

/** A header that knows one more load. */
function withPlan(header: RunHeader, plan: LoadPlan): RunHeader {
  return { ...header, loads: [...header.loads, plan] };
}

function notRecords(path: string, reason: string): UserError {
  return new UserError(
    `Cannot read ${path} as a record file: ${reason}; ` +
      `record files are written by "tokometer bench" and end in .jsonl`,
  );
}

type TickField = "tickMs" | "tickTokens" | "tickWidthUs" | "tickEvents";

type PackedRecord = Omit<RequestRecord, TickField> & {
  readonly tickMs: readonly number[];
  readonly tickTokens: readonly number[];
  readonly tickWidthUs?: readonly number[];
  readonly tickEvents?: readonly number[];
  readonly tickSource?: TokenSource;
};

function unpack(
  { tickMs, tickTokens, tickWidthUs, tickEvents, ...rest }: PackedRecord,
): RequestRecord {
  return {
    ...rest,
    tickMs: Float64Array.from(tickMs),
    tickTokens: Uint32Array.from(tickTokens),
    ...defined({
      tickWidthUs: tickWidthUs && Uint32Array.from(tickWidthUs),
      tickEvents: tickEvents && Uint32Array.from(tickEvents),
    }),
  };
}
