/**
 * Every format of recordings, in the order in which files are tried.
 *
 * @module
 */
import type { Trace } from "./trace.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";

/** Every format. A new one is a file and a line here. */
export const TRACE_FORMATS: readonly TraceFormat[] = [];

/**
 * Reads recorded traffic or hand-written sessions.
 *
 * @param path a file, or a folder of files of the format `weka`.
 * @param options.format name of the format; absent = told by the first rows.
 * @throws {UserError} when there is no such file, no format fits, or a row does not fit the format.
 */
export function readTrace(
  path: string,
  options: ReadOptions & { readonly format?: string } = {},
): Promise<Trace> {
  throw new Error(`not yet: ${path} ${Object.keys(options).length}`);
}

/**
 * Whether a file that begins with these rows, or the folder, is a recording and no dataset of prompts.
 *
 * @param rows the first of the file, as a dataset's rows are read; absent for a folder.
 */
export function recognizesTrace(
  path: string,
  rows: readonly unknown[] | undefined,
): Promise<boolean> {
  throw new Error(`not yet: ${path} ${rows?.length}`);
}
