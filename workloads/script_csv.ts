/**
 * CSV files of the compatible commands: as Python's `csv.writer` writes them, opened as the scripts
 * open theirs.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { UserError } from "./user_error.ts";

/**
 * Writes a header and rows, lines ended by CR LF. A file of that name is replaced, as by the
 * scripts, whose users run them again and again under one name.
 *
 * @throws {UserError} when the file cannot be written.
 */
export async function writeScriptCsv(
  path: string,
  table: { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] },
): Promise<void> {
  try {
    await Deno.writeTextFile(path, stringify([table.header, ...table.rows]));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot write the CSV ${path}: ${(error as Error).message}`);
  }
}

/** `results.csv` → `results_script.csv`: the script's own numbers beside ours. */
export function scriptCsvPath(path: string): string {
  return /\.[^./\\]+$/.test(path) ? path.replace(/(\.[^./\\]+)$/, "_script$1") : `${path}_script`;
}
