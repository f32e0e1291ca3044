/**
 * The lines of a record file, read and checked one by one.
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
  type RunHeader,
} from "../metrics/run.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { readLines } from "./line_stream.ts";
import { endShape, sessionShape } from "./record_shape_end.ts";
import { stateShape } from "./record_shape_fleet.ts";
import { headerShape, planShape } from "./record_shape_header.ts";
import { recordShape } from "./record_shape_request.ts";
import { fileError, UserError } from "./user_error.ts";

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
  /** What was collected of a load elsewhere, in place of its records. */
  readonly state?: LoadState;
  /** How a load went. */
  readonly end?: LoadEnd;
}

/** A line as it stands in the file. */
export interface Line {
  readonly header?: RunHeader;
  readonly plan?: LoadPlan;
  readonly record?: PackedRecord;
  readonly session?: SessionEnd;
  readonly state?: LoadState;
  readonly end?: LoadEnd;
  readonly fault?: NonNullable<RecordEntry["fault"]>;
}

type TickField = "tickMs" | "tickTokens" | "tickWidthUs" | "tickEvents";

/** A record as JSON holds it. */
export type PackedRecord = Omit<RequestRecord, TickField> & {
  readonly tickMs: readonly number[];
  readonly tickTokens: readonly number[];
  readonly tickWidthUs?: readonly number[];
  readonly tickEvents?: readonly number[];
  readonly tickSource?: TokenSource;
};

/** A longer line is none of ours: it would be a request of a million ticks. */
const MOST_LINE_BYTES = 32 * 2 ** 20;

/** Lines of a record file; those that begin with one of `skip` are left unread. */
export async function* readEntries(
  path: string,
  { skip = [], onRead }: {
    readonly skip?: readonly string[];
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
    if (header !== undefined && skip.some((start) => text?.startsWith(start))) continue;
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
    const { plan, record, session, state, end } = value!;
    yield defined({ plan, record, session, state, end });
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
  { plan, record, session, state, end }: Line,
  /** Known so far. */
  loads: number,
): string | undefined {
  if (plan !== undefined) {
    return loads < MOST_LOADS
      ? planShape(plan, "plan")
      : `it is a plan of a load beyond the ${MOST_LOADS} that a run may have`;
  }
  if ([record, session, state, end].every((value) => value === undefined)) {
    return "it holds neither a record nor an end";
  }
  for (
    const [name, shape, value] of [
      ["record", recordShape, record],
      ["session", sessionShape, session],
      ["state", stateShape, state],
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

function parseLine(text: string): Omit<Line, "fault"> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { header, plan, record, session, state, end } = value as Line;
    return defined({ header, plan, record, session, state, end });
  } catch {
    return undefined;
  }
}

/** What to say of a file that is none. */
export function notRecords(path: string, reason: string): UserError {
  return new UserError(
    `Cannot read ${path} as a record file: ${reason}; ` +
      `record files are written by "tokometer bench" and end in .jsonl`,
  );
}
