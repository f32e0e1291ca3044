/**
 * Reads the lines of a recording's file, and says where a row does not fit.
 *
 * @module
 */
import { isObject, type JsonObject } from "../backends/json_event.ts";
import { type DatasetFile, openDatasetFile } from "./dataset_file.ts";
import { NOT_UTF8, parseJson } from "./dataset_json.ts";
import type { Shape } from "./json_shape.ts";
import { type Line, readLines } from "./line_stream.ts";
import type { ReadOptions } from "./trace_format.ts";
import { UserError } from "./user_error.ts";

/** Largest number of tokens that a row may name: more is no length but a mistake. */
export const MOST_TOKENS: number = 2 ** 31 - 1;

/** Largest block id. */
export const MOST_ID: number = 2 ** 32 - 1;

/** Opens a recording; dispose of it with `using`. @throws {UserError} when it cannot be read. */
export function openTrace(path: string): Promise<DatasetFile> {
  return openDatasetFile(path, {
    dataset: "trace",
    hint: "give a recording or a file of sessions (tokometer trace --help)",
  });
}

/** The lines of an open recording, blank ones left out. @throws {UserError} for one that is no text. */
export async function* traceLines(
  file: DatasetFile,
  { signal, onProgress }: ReadOptions,
): AsyncGenerator<Line & { readonly text: string }> {
  const lines = readLines(file.chunks(onProgress));
  try {
    for await (const { text, ...line } of lines) {
      // Looking costs, and a chunk is quickly read.
      if (line.number % 1000 === 0) signal?.throwIfAborted();
      if (text === undefined) throw misfit(file.path, line.number, `it ${NOT_UTF8}`);
      if (text.trim() !== "") yield { ...line, text };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`Cannot read "${file.path}": ${error.message}`);
  }
}

/** The rows of JSON lines. @throws {UserError} for one that is no object, or does not fit. */
export async function* traceRows<Row>(
  file: DatasetFile,
  shape: Shape,
  options: ReadOptions,
): AsyncGenerator<{ readonly row: Row; readonly line: number }> {
  for await (const { text, number } of traceLines(file, options)) {
    const row = objectIn(text, file.path, number);
    const wrong = shape(row, "");
    if (wrong !== undefined) throw misfit(file.path, number, wrong);
    yield { row: row as Row, line: number };
  }
}

/** The object that a line is. @throws {UserError} for anything else. */
export function objectIn(text: string, path: string, line: number): JsonObject {
  const { value, problem } = parseJson(text);
  if (problem !== undefined) throw misfit(path, line, `it ${problem}`);
  if (!isObject(value)) throw misfit(path, line, "it is not an object");
  return value;
}

/** The error for a row that does not fit. */
export function misfit(path: string, line: number, what: string): UserError {
  return new UserError(`Cannot read "${path}", line ${line}: ${what}`);
}

/** Counts rows that are left out. */
export class LeftOut {
  readonly #reasons = new Map<string, number>();

  /** One more row for this reason. */
  add(reason: string): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  /**
   * Whether a request of these lengths is left out, because there is nothing to send or to wait for.
   * Absent = not known, which is no reason.
   */
  isEmpty(inputTokens: number | undefined, outputTokens: number | undefined): boolean {
    if (inputTokens === 0) this.add("no input tokens");
    else if (outputTokens === 0) this.add("no output tokens");
    else return false;
    return true;
  }

  /** Reason → how many. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#reasons);
  }
}

/** Adds a row to those of its session. */
export function addToSession<Row>(sessions: Map<string, Row[]>, id: string, row: Row): void {
  const rows = sessions.get(id);
  if (rows === undefined) sessions.set(id, [row]);
  else rows.push(row);
}

/** @throws {UserError} for a recording without a single request. */
export function refuseNothing(path: string, requests: number, left: LeftOut): void {
  if (requests > 0) return;
  const reasons = Object.entries(left.counts()).map(([reason, count]) => `${count}: ${reason}`);
  throw new UserError(
    `Cannot use "${path}": it holds no request` +
      (reasons.length === 0 ? "" : ` that could be sent (left out: ${reasons.join(", ")})`),
  );
}

/** What follows where nobody wrote down when a request ended. */
export const NO_ENDS: string =
  "the file has no ends of requests: delays are counted from the start of the turn before, the " +
  "recorded server's time included";

/** @throws {UserError} for more ids than the prompt has blocks, a cut last one included. */
export function checkIds(
  ids: readonly number[],
  row: {
    readonly path: string;
    readonly line: number;
    readonly inputTokens: number;
    readonly blockTokens: number;
  },
): void {
  const { path, line, inputTokens, blockTokens } = row;
  const most = Math.ceil(inputTokens / blockTokens);
  if (ids.length <= most) return;
  throw misfit(
    path,
    line,
    `hash_ids has ${ids.length} ids, but ${inputTokens} tokens are ${most} blocks of ${blockTokens}`,
  );
}
