/**
 * Which record files a word on the command line means: every command that reads results asks here.
 *
 * @module
 */
import { visibleLine } from "../metrics/visible_text.ts";
import { readRunHeader } from "./record_file.ts";
import { isLeaders } from "./record_leader.ts";
import { RECORD_FILE, RESULTS_FOLDER } from "./run_results.ts";
import { fileError, UserError } from "./user_error.ts";

/** A run on disk. */
export interface ResultRun {
  /** Path of its record file; of those of a fleet's agents the first. */
  readonly records: string;
  /** All of its record files, where its requests are in several: those of a fleet's agents. */
  readonly parts?: readonly string[];
  /** What the user can call it: its folder, or the record file where it has no folder of its own. */
  readonly path: string;
}

/** Words for results by age, each with how many are newer. */
const BY_AGE: Readonly<Record<string, number>> = { latest: 0, previous: 1 };

/**
 * The runs that a path means, in the order given, those of one folder in the order of measurement: a
 * record file, a result folder, a folder that holds result folders, several of these by commas, or
 * `latest` and `previous` of {@linkcode RESULTS_FOLDER}. What exists under exactly this name goes
 * first. Never empty.
 *
 * @throws {UserError} when there is no such file or folder, or it holds no results.
 */
export async function resolveResults(path: string): Promise<readonly ResultRun[]> {
  const kind = await kindOf(path);
  if (kind === "file") return [{ records: path, path }];
  if (kind === "folder") return await runsIn(path);
  if (Object.hasOwn(BY_AGE, path)) return [await runByAge(path)];
  if (path.includes(",")) {
    const parts = path.split(",").map((part) => part.trim());
    if (parts.includes("")) {
      throw new UserError(`Cannot use ${shown(path)}: there is nothing between two commas`);
    }
    const runs: ResultRun[] = [];
    for (const part of parts) runs.push(...await resolveResults(part));
    return runs;
  }
  throw fileError(`Cannot read ${shown(path)}`, new Deno.errors.NotFound());
}

/** The record files of a run. */
export function filesOf({ records, parts = [records] }: ResultRun): readonly string[] {
  return parts;
}

/**
 * The record files of the one run that a path means, for commands that read single runs.
 *
 * @throws {UserError} as {@linkcode resolveResults}, and when it means several.
 */
export async function resolveResult(path: string): Promise<readonly string[]> {
  const [first, ...others] = await resolveResults(path);
  if (others.length === 0) return filesOf(first!);
  throw new UserError(
    `Cannot tell which run of ${shown(path)} is meant: it holds ${others.length + 1}, ` +
      `e.g. ${shown(others.at(-1)!.path)}`,
  );
}

/** Result folders directly in a folder, by name; those without a record file are left out. */
export async function resultFoldersIn(folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) if (!isFile) names.push(name);
  } catch (error) {
    throw fileError(`Cannot read ${shown(folder)}`, error);
  }
  const base = folder.replace(/\/+$/, "") || "/";
  const paths = names.sort().map((name) =>
    base === "." ? name : `${base.replace(/^\/$/, "")}/${name}`
  );
  const kinds = await Promise.all(paths.map((path) => kindOf(`${path}/${RECORD_FILE}`)));
  return paths.filter((_, i) => kinds[i] === "file");
}

async function runsIn(folder: string): Promise<readonly ResultRun[]> {
  const path = folder.replace(/(?<=.)\/+$/, "");
  const own = await runIn(path);
  if (own !== undefined) return [own];
  const runs = await runsByAge(await resultFoldersIn(path));
  const fleet = await fleetRunIn(path, runs);
  if (fleet !== undefined) return [fleet];
  if (runs.length > 0) return runs.toReversed();
  throw new UserError(
    `Cannot use ${shown(folder)}: it holds no ${RECORD_FILE}, and no folders that do`,
  );
}

/** The one run whose parts a folder holds, and nothing else, with its leader's file beside the folder. */
async function fleetRunIn(
  path: string,
  runs: readonly ResultRun[],
): Promise<ResultRun | undefined> {
  const headers = await Promise.all(runs.map(({ records }) => readRunHeader(records)));
  const [first] = headers;
  if (first?.part === undefined) return undefined;
  if (!headers.every(({ part }) => part?.run === first.part!.run)) return undefined;
  const files = runs.map(({ records }) => records).sort();
  return {
    records: files[0]!,
    parts: [...await leaderBeside(path, first.part.run), ...files],
    path,
  };
}

async function leaderBeside(path: string, run: string): Promise<readonly string[]> {
  const records = `${path}/../${RECORD_FILE}`;
  if (await kindOf(records) !== "file") return [];
  try {
    const header = await readRunHeader(records);
    return isLeaders(header) && header.fleet!.run === run ? [records] : [];
  } catch (error) {
    // What cannot be read says nothing of them.
    if (error instanceof UserError) return [];
    throw error;
  }
}

async function runIn(path: string): Promise<ResultRun | undefined> {
  const records = `${path}/${RECORD_FILE}`;
  return await kindOf(records) === "file" ? { records, path } : undefined;
}

async function runByAge(word: string): Promise<ResultRun> {
  const newer = BY_AGE[word]!;
  const known = await kindOf(RESULTS_FOLDER) === "folder"
    ? await runsByAge(await resultFoldersIn(RESULTS_FOLDER), { lenient: true })
    : [];
  const run = known[newer];
  if (run !== undefined) return run;
  const held = known.length === 0 ? "no results" : "one result only";
  throw new UserError(
    `Cannot find the ${word} results: ${RESULTS_FOLDER}/ here holds ${held}; name a folder`,
  );
}

/**
 * Newest first, by the starts in their headers.
 *
 * @param options.lenient folders whose header cannot be read are left out.
 * @throws {UserError} for such a folder otherwise.
 */
async function runsByAge(
  folders: readonly string[],
  { lenient = false }: { readonly lenient?: boolean } = {},
): Promise<readonly ResultRun[]> {
  const started = await Promise.all(folders.map(async (path) => {
    const records = `${path}/${RECORD_FILE}`;
    try {
      return { run: { records, path }, at: (await readRunHeader(records)).startedAt };
    } catch (error) {
      if (lenient && error instanceof UserError) return undefined;
      throw error;
    }
  }));
  return started.filter((one) => one !== undefined)
    .sort((a, b) => a.at < b.at ? 1 : a.at > b.at ? -1 : a.run.path < b.run.path ? 1 : -1)
    .map(({ run }) => run);
}

/** A path in quotes where it would not be seen as one word. */
function shown(path: string): string {
  return /^[^\s,'"]+$/.test(path) ? path : JSON.stringify(visibleLine(path));
}

async function kindOf(path: string): Promise<"folder" | "file" | "nothing"> {
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "file";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    // A name that is too long, or a file in place of a folder: neither is anything that can be read.
    return "nothing";
  }
}
