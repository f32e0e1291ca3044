/**
 * Files that a command will write, looked at before its work: hours later it would be too late.
 *
 * @module
 */
import { UserError } from "./user_error.ts";

/** Values of the options that name files to write. */
export interface OutputValues {
  readonly out?: string | undefined;
  readonly save?: boolean | undefined;
  readonly plots?: string | undefined;
  readonly csv?: string | undefined;
  readonly noCsv?: boolean | undefined;
}

/**
 * Looks at the places that `--out`, `--plots` and `--csv` name.
 *
 * @throws {UserError} for a folder that is there already, and a file that has no folder.
 */
export async function checkOutputs(
  { out, save, plots, ...files }: OutputValues,
): Promise<void> {
  const folders = { "--out": save === false ? undefined : out, "--plots": plots };
  for (const [option, path] of Object.entries(folders)) {
    if (path === undefined) continue;
    const found = await kindOf(path);
    if (found === "folder" || found === "file") throw new UserError(outExists(path, option));
  }
  const csv = csvPath(files);
  if (csv === undefined) return;
  const folder = csv.replace(/[^/]*$/, "") || ".";
  if (await kindOf(csv) === "folder") throw cannotWrite(csv, "it is a folder");
  if (await kindOf(folder) === "nothing") throw cannotWrite(csv, `there is no folder ${folder}`);
}

/** Where the CSV goes; `undefined` = none is written. The scripts' way to say so is an empty name. */
export function csvPath(
  { csv, noCsv }: Pick<OutputValues, "csv" | "noCsv">,
): string | undefined {
  return noCsv === true || csv === "" ? undefined : csv;
}

/** Why results do not go into a folder that is there already. */
export function outExists(path: string, option: string = "--out"): string {
  return `Cannot use ${option} ${path}: it exists already, and results never overwrite`;
}

function cannotWrite(path: string, why: string): UserError {
  return new UserError(`Cannot write the CSV ${path}: ${why}`);
}

async function kindOf(path: string): Promise<"folder" | "file" | "nothing" | "unknown"> {
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "file";
  } catch (error) {
    // Without permission to read, writing may still be allowed.
    return error instanceof Deno.errors.NotFound ? "nothing" : "unknown";
  }
}
