/**
 * The record file: JSON lines, appended as requests end, read back by every report.
 *
 * Line 1 `{"header": RunHeader}`, then `{"record": …}` for each request and `{"end": LoadEnd}` for
 * each load. Times have whole microseconds. A file that was cut short (a killed client, a full
 * disk) is read up to its last whole line.
 *
 * @module
 */
import type { RequestRecord, TokenSource } from "../backends/record.ts";
import type { LoadEnd, Run, RunHeader } from "../metrics/run.ts";
import { UserError } from "./user_error.ts";

/** Where record lines go; fails by rejecting, e.g. on a full disk. */
export interface RecordSink {
  /** Appends all of the bytes; the next call waits until this one has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Called once, when the last write has settled. */
  close(): void;
}

/** Appends records in the background, at most a second behind (ruling 6). */
export interface RecordWriter {
  /** Queues a request that has ended; never waits. */
  add(record: RequestRecord): void;
  /** Queues how a load went; never waits. */
  end(end: LoadEnd): void;
  /** Writes what is left and closes. */
  close(): Promise<void>;
  /** The first failure, after which nothing more is written; the run itself goes on. */
  readonly failure: Error | undefined;
}

const FLUSH_EVERY_MS = 1000;

/** Starts a record file with its header. */
export function startRecordFile(sink: RecordSink, header: RunHeader): RecordWriter {
  const encoder = new TextEncoder();
  let lines: string[] = [JSON.stringify({ header })];
  let failure: Error | undefined;
  let writing: Promise<void> = Promise.resolve();

  const flush = (): Promise<void> => {
    if (lines.length === 0 || failure !== undefined) return writing;
    const bytes = encoder.encode(lines.join("\n") + "\n");
    lines = [];
    writing = writing.then(() => sink.write(bytes)).catch((error) => {
      failure ??= error as Error;
    });
    return writing;
  };
  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS);
  // The header is on disk before the first request leaves.
  void flush();

  return {
    add: (record) => void lines.push(JSON.stringify({ record: pack(record) })),
    end: (end) => void lines.push(JSON.stringify({ end })),
    async close() {
      clearInterval(timer);
      await flush();
      sink.close();
    },
    get failure() {
      return failure;
    },
  };
}

/** Opens a new file for records. @throws {UserError} when it exists or cannot be written. */
export async function openRecordFile(path: string): Promise<RecordSink> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new UserError(`Cannot write ${path}: it exists already, choose another --out`);
    }
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot write ${path}: ${(error as Error).message}`);
  }
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    },
    close: () => file.close(),
  };
}

/**
 * Reads a record file back.
 *
 * @throws {UserError} when it is missing or is not a record file.
 */
export async function readRecordFile(path: string): Promise<Run> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new UserError(`Cannot read ${path}: there is no such file`);
    }
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot read ${path}: ${(error as Error).message}`);
  }
  let header: RunHeader | undefined;
  const records: RequestRecord[] = [];
  const ends: LoadEnd[] = [];
  let number = 0;
  for await (const line of readLines(file.readable)) {
    number++;
    const value = parseLine(line.text);
    if (value === undefined) {
      // Only the last line may be broken: the client was killed while writing it.
      if (!line.whole && header !== undefined) break;
      throw notRecords(path, number);
    }
    if (header === undefined) {
      if (value.header?.schema !== "tokometer.record/1") throw notRecords(path, number);
      header = value.header;
    } else if (value.record !== undefined) records.push(unpack(value.record));
    else if (value.end !== undefined) ends.push(value.end);
  }
  if (header === undefined) throw notRecords(path, number);
  return { header, records, ends: [...ends, ...missingEnds(header, records, ends)] };
}

interface Line {
  readonly header?: RunHeader;
  readonly record?: PackedRecord;
  readonly end?: LoadEnd;
}

function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function notRecords(path: string, line: number): UserError {
  return new UserError(
    `Cannot read ${path} as a record file: line ${line} is not one of ours; ` +
      `record files are written by "tokometer bench" and end in .jsonl`,
  );
}

/** Loads that were under way when the client was killed: what the records tell of them. */
function missingEnds(
  header: RunHeader,
  records: readonly RequestRecord[],
  ends: readonly LoadEnd[],
): LoadEnd[] {
  return header.loads.flatMap((plan, load) => {
    if (ends.some((end) => end.load === load)) return [];
    let lastMs = 0;
    let lastSentMs = 0;
    let any = false;
    for (const record of records) {
      if (record.load !== load || record.phase !== "measure") continue;
      any = true;
      lastMs = Math.max(lastMs, record.endMs ?? 0);
      lastSentMs = Math.max(lastSentMs, record.sentMs ?? 0);
    }
    if (!any) return [];
    return [{
      load,
      durationMs: lastMs,
      rampEndMs: plan.rampUpMs ?? 0,
      sendingEndMs: lastSentMs,
      interrupted: true,
    }];
  });
}

type PackedRecord = Omit<RequestRecord, "tickMs" | "tickTokens"> & {
  readonly tickMs: readonly number[];
  readonly tickTokens: readonly number[];
  readonly tickSource?: TokenSource;
};

/**
 * The record with its times in whole microseconds, as the file keeps them: a report made while the
 * run is fresh and one made from the file are then the same to the last digit.
 */
export function toMicroseconds(record: RequestRecord): RequestRecord {
  const rounded: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(record)) {
    rounded[key] = key.endsWith("Ms") && typeof value === "number" ? microseconds(value) : value;
  }
  rounded.tickMs = record.tickMs.map(microseconds);
  return rounded as unknown as RequestRecord;
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function pack(record: RequestRecord): PackedRecord {
  const rounded = toMicroseconds(record);
  return {
    ...rounded,
    tickMs: Array.from(rounded.tickMs),
    tickTokens: Array.from(record.tickTokens),
  };
}

function unpack(packed: PackedRecord): RequestRecord {
  return {
    ...packed,
    tickMs: Float64Array.from(packed.tickMs),
    tickTokens: Uint32Array.from(packed.tickTokens),
  };
}

/** Lines of a byte stream; `whole` is false for a last line without its line end. */
async function* readLines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<{ readonly text: string; readonly whole: boolean }> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let to = rest.indexOf("\n"); to >= 0; to = rest.indexOf("\n", from)) {
      if (to > from) yield { text: rest.slice(from, to), whole: true };
      from = to + 1;
    }
    rest = rest.slice(from);
  }
  rest += decoder.decode();
  if (rest !== "") yield { text: rest, whole: false };
}
