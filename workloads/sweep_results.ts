/**
 * The result files of a sweep: started, continued, and extended by every case that ends.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { visibleCell, visibleJson } from "../metrics/visible_text.ts";
import { CLIENTS_COLUMNS } from "../metrics/script_clients_row.ts";
import { archiveSweep, type SweepFiles } from "./sweep_archive.ts";
import { withoutSecrets, withoutSecretsIn } from "./secret.ts";
import { fileError } from "./user_error.ts";
import type { SweepEnd, SweepHeader } from "./sweep_state.ts";

/** Columns of the result file: 4 labels and the 39 of num-clients; the script names 40 (T35). */
export const SWEEP_COLUMNS: readonly string[] = [
  "model_size(B)",
  "tp",
  "num_clients",
  "mode",
  ...CLIENTS_COLUMNS,
];

/** Continues the files of an interrupted sweep, whose state may be ahead of its results. */
export async function resumeFiles(
  files: SweepFiles,
  header: SweepHeader,
  finished: readonly SweepEnd[],
): Promise<void> {
  await startResults(files, finished);
  await writeLines(files.cases, [header, ...finished]);
}

/** Archives the previous sweep and starts anew; returns where the archive is, if there is one. */
export async function startFiles(
  files: SweepFiles,
  header: SweepHeader,
): Promise<string | undefined> {
  const archived = await archiveSweep(files);
  await Deno.mkdir(files.records, { recursive: true });
  await startResults(files, []);
  await writeLines(files.cases, [header]);
  return archived;
}

async function startResults(files: SweepFiles, ends: readonly SweepEnd[]): Promise<void> {
  const rows = ends.toSorted((a, b) => a.index - b.index).map(({ row = [] }) => row);
  await write(files.csv, [SWEEP_COLUMNS, ...rows].map(csvLine).join(""));
}

async function writeLines(path: string, values: readonly unknown[]): Promise<void> {
  // Under another name first: a kill in between must not cost the state.
  const fresh = `${path}.new`;
  await write(fresh, values.map(jsonLine).join(""));
  await Deno.rename(fresh, path);
}

/** Adds a case that has ended. @throws {UserError} when that cannot be written. */
export async function finishCase(files: SweepFiles, end: SweepEnd): Promise<void> {
  await write(files.cases, jsonLine(end), { append: true });
  if (end.row !== undefined) await write(files.csv, csvLine(end.row), { append: true });
}

function jsonLine(value: unknown): string {
  return `${visibleJson(withoutSecretsIn(value))}\n`;
}

function csvLine(cells: readonly string[]): string {
  return stringify([cells.map((cell) => visibleCell(withoutSecrets(cell)))])
    .replace(/\r\n$/, "\n");
}

async function write(path: string, text: string, options?: Deno.WriteFileOptions): Promise<void> {
  try {
    await Deno.writeTextFile(path, text, options);
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error);
  }
}

/** `<stem>.jsonl`, or the first free `<stem>-2.jsonl`: an interrupted case has left its own. */
export async function freeName(stem: string): Promise<string> {
  for (let n = 1;; n++) {
    const path = `${stem}${n === 1 ? "" : `-${n}`}.jsonl`;
    try {
      await Deno.stat(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return path;
      throw error;
    }
  }
}
