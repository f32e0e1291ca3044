/**
 * What of a machine's disk the options of a run name.
 *
 * @module
 */
import { replaceMixFiles } from "./bench_mix.ts";
import type { DiskUse, OptionTable, OptionValue, Values } from "./command.ts";
import { listOptions } from "./option_table.ts";
import { fileError, UserError } from "./user_error.ts";

/** A file or folder that an option names. */
export interface NamedFile {
  /** Key of the option, and its name for messages. */
  readonly option: string;
  readonly shown: string;
  readonly use: DiskUse;
  /** As the option names it. */
  readonly path: string;
}

/** A file that a run reads. */
export interface FilePart {
  /** "" = the named file itself; else a name in the named folder, or beside the named file. */
  readonly name: string;
  readonly path: string;
}

/** The files and folders that options name, in the order of the table. */
export function namedFiles(table: OptionTable, values: Values): readonly NamedFile[] {
  const found: NamedFile[] = [];
  for (const { key, name, reads } of listOptions(table)) {
    const value = values[key];
    if (reads === undefined || typeof value !== "string" || value === "") continue;
    replacePaths(reads, value, (path) => {
      found.push({ option: key, shown: `--${name}`, use: reads, path });
      return path;
    });
  }
  return found;
}

/** The values with other paths in place of those that options name. */
export function withOtherPaths(
  table: OptionTable,
  values: Values,
  pathOf: (named: Pick<NamedFile, "option" | "path">) => string,
): Readonly<Record<string, OptionValue>> {
  const changed: Record<string, OptionValue> = { ...values };
  for (const { key, reads } of listOptions(table)) {
    const value = values[key];
    if (reads === undefined || typeof value !== "string" || value === "") continue;
    changed[key] = replacePaths(reads, value, (path) => pathOf({ option: key, path }));
  }
  return changed;
}

function replacePaths(use: DiskUse, value: string, replace: (path: string) => string): string {
  return use === "mix" ? replaceMixFiles(value, replace) : replace(value);
}

/** What a tokenizer's folder holds that is read; a model's weights beside it are not. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"] as const;

/**
 * The files that a run reads of what is named, by name.
 *
 * @throws {UserError} when there is none that could be read.
 */
export async function partsOf({ path, use, shown }: NamedFile): Promise<readonly FilePart[]> {
  let isFile: boolean;
  let names: string[] = [];
  try {
    const found = await Deno.stat(path);
    isFile = found.isFile;
    if (found.isDirectory) names = await filesIn(path);
  } catch (error) {
    throw fileError(`Cannot read "${path}" of ${shown}`, error);
  }
  if (isFile) {
    const own = { name: "", path };
    if (use !== "tokenizer") return [own];
    const beside = `${path.replace(/[^/\\]*$/, "")}tokenizer_config.json`;
    return await isRegular(beside) ? [own, { name: "tokenizer_config.json", path: beside }] : [own];
  }
  const wanted = names.filter((name) =>
    use === "tokenizer"
      ? TOKENIZER_FILES.some((one) => one === name)
      : use !== "file" && /\.jsonl?$/i.test(name)
  );
  if (wanted.length === 0) {
    throw new UserError(
      `Cannot send "${path}" of ${shown} to a fleet: it is neither a file nor a folder of files ` +
        "that are read",
    );
  }
  const folder = path.replace(/(?<=.)[/\\]+$/, "");
  return wanted.sort().map((name) => ({ name, path: `${folder}/${name}` }));
}

async function filesIn(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) if (!isDirectory) names.push(name);
  return names;
}

async function isRegular(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
