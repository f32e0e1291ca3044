/**
 * CSV files of the compatible commands: as Python's `csv.writer` writes them, opened as the scripts
 * open theirs.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { visibleCell } from "../metrics/visible_text.ts";
import { withoutSecrets } from "./secret.ts";
import { fileError } from "./user_error.ts";

/** Rows of a CSV, and the same rows as the script computes them, if wanted. */
interface ScriptCsv {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly scriptRows?: readonly (readonly string[])[] | undefined;
}

/**
 * Writes a header and rows, lines ended by CR LF; the script's own rows go into a second file. Files
 * of those names are replaced, as by the scripts, whose users run them repeatedly under one name.
 *
 * @throws {UserError} when a file cannot be written.
 */
export async function writeScriptCsv(path: string, table: ScriptCsv): Promise<void> {
  const { header, rows, scriptRows } = table;
  await writeCsv(path, [header, ...rows]);
  if (scriptRows !== undefined) await writeCsv(scriptCsvPath(path), [header, ...scriptRows]);
}

async function writeCsv(path: string, rows: readonly (readonly string[])[]): Promise<void> {
  try {
    await Deno.writeTextFile(
      path,
      stringify(rows.map((row) => row.map((cell) => visibleCell(withoutSecrets(cell))))),
    );
  } catch (error) {
    throw fileError(`Cannot write the CSV ${path}`, error);
  }
}

/** `results.csv` → `results_script.csv`: the script's own numbers beside ours. */
function scriptCsvPath(path: string): string {
  return /\.[^./\\]+$/.test(path) ? path.replace(/(\.[^./\\]+)$/, "_script$1") : `${path}_script`;
}
