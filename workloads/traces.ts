/**
 * Every format of recordings, in the order in which files are tried.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { jsonItems } from "./dataset_items.ts";
import { shapeOf } from "./dataset_shape.ts";
import { nearestName } from "./option_suggest.ts";
import type { Trace } from "./trace.ts";
import { azure } from "./trace_azure.ts";
import { bailian } from "./trace_bailian.ts";
import { burstgpt } from "./trace_burstgpt.ts";
import { openTrace } from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { mooncake } from "./trace_mooncake.ts";
import { sessions } from "./trace_sessions.ts";
import { cellsOf } from "./trace_table.ts";
import { weka } from "./trace_weka.ts";
import { fileError, UserError } from "./user_error.ts";

/** Every format. A new one is a file and a line here. */
export const TRACE_FORMATS: readonly TraceFormat[] = [
  mooncake,
  azure,
  burstgpt,
  bailian,
  weka,
  sessions,
];

/** Rows that are looked at to tell one format from another. */
const LOOKED_AT = 20;

/**
 * Reads recorded traffic or hand-written sessions.
 *
 * @param path a file, or a folder of files of the format `weka`.
 * @param options.format name of the format; absent = told by the first rows.
 * @throws {UserError} when there is no such file, no format fits, or a row does not fit the format.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readTrace } from "@tokometer/tokometer/workloads";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(
 *   path,
 *   `{"timestamp": 9000, "input_length": 700, "output_length": 20, "hash_ids": [1, 2]}
 * {"timestamp": 9250, "input_length": 600, "output_length": 30, "hash_ids": [1, 3]}
 * `,
 * );
 * const { format, sessions } = await readTrace(path);
 * const instants = sessions.flatMap(({ turns }) => turns.map(({ atMs }) => atMs));
 * assertEquals([format, ...instants], ["mooncake", 0, 250]);
 * await Deno.remove(path);
 * ```
 */
export async function readTrace(
  path: string,
  options: ReadOptions & { readonly format?: string } = {},
): Promise<Trace> {
  const { format, ...reading } = options;
  if (format !== undefined) return await findTraceFormat(format).read(path, reading);
  const isFolder = await isDirectory(path);
  const rows = isFolder ? [] : await firstRows(path);
  const found = isFolder ? weka : TRACE_FORMATS.find(({ recognizes }) => recognizes(rows));
  if (found !== undefined) return await found.read(path, reading);
  const [row] = rows;
  throw new UserError(
    `Cannot tell the format of "${path}": ` +
      (isObject(row)
        ? `its first row has the fields ${Object.keys(row).slice(0, 12).join(", ")}; `
        : "it holds no JSON objects and no table with a header; ") +
      `name it with --trace-format (${names().join(", ")})`,
  );
}

/** The format of that name. @throws {UserError} naming those that exist. */
export function findTraceFormat(name: string): TraceFormat {
  const found = TRACE_FORMATS.find((format) => format.name === name);
  if (found !== undefined) return found;
  const near = nearestName(name, names());
  throw new UserError(
    `Cannot find --trace-format "${name}": ` +
      (near === undefined ? "" : `did you mean ${near}? `) + `known are ${names().join(", ")}`,
  );
}

/**
 * Whether a file that begins with these rows, or the folder, is a recording and no dataset of prompts.
 *
 * @param rows the first of the file, as a dataset's rows are read; absent where they could not be.
 */
export async function recognizesTrace(
  path: string,
  rows: readonly unknown[] | undefined,
): Promise<boolean> {
  try {
    // A table is read as a whole by a dataset, which is too much for many a recording.
    const looked = /\.csv$/i.test(path) ? await firstRows(path) : rows;
    return looked === undefined
      ? await isDirectory(path)
      : TRACE_FORMATS.some(({ recognizes }) => recognizes(looked));
  } catch (error) {
    // Who reads it will say why it cannot be read.
    if (error instanceof UserError) return false;
    throw error;
  }
}

function names(): string[] {
  return TRACE_FORMATS.map(({ name }) => name);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    throw fileError(`Cannot read "${path}"`, error);
  }
}

/** The first rows of a file; of a table the first one, by the names of its header. */
async function firstRows(path: string): Promise<readonly unknown[]> {
  using file = await openTrace(path);
  const [header = "", first = ""] = new TextDecoder().decode(file.head).split("\n", 2);
  if (!/^\s*[[{"]/.test(header) && header.includes(",")) {
    const cells = cellsOf(first);
    return [Object.fromEntries(cellsOf(header).map((name, i) => [name, cells[i] ?? ""]))];
  }
  if (shapeOf(file.head).kind === "text") return [];
  const rows: unknown[] = [];
  for await (const { value, problem } of jsonItems(file).each()) {
    if (problem === undefined) rows.push(value);
    if (rows.length >= LOOKED_AT) break;
  }
  return rows;
}
