/**
 * From words on the command line to the sides of a comparison: record files are found, looked at, and
 * read one after another, each into its summary.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import type { CompareSide } from "../metrics/compare_result.ts";
import { SIDE_NAMES } from "../metrics/load_repeats.ts";
import type { RunHeader } from "../metrics/run.ts";
import { DEFAULT_PERCENTILES, type Summary } from "../metrics/summary.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import type { Host } from "./command.ts";
import { readRunHeader } from "./record_file.ts";
import { filesOf, resolveResults, type ResultRun } from "./results_resolve.ts";
import { summarizeRecords } from "./results_summary.ts";
import { UserError } from "./user_error.ts";

/** A side before its records are read. */
export interface NamedSide {
  /** Name in reports; no two sides have the same. */
  readonly name: string;
  /** Its runs with their headers, in the order given. */
  readonly runs: readonly (ResultRun & { readonly header: RunHeader })[];
  /** Only loads with this `plan.side` belong to it; absent = all. */
  readonly side?: number;
}

/**
 * Reads results into what `compareRuns` takes, as `tokometer compare` does. Needs `--allow-read`.
 *
 * @param paths what the command takes: result folders, record files, folders of result folders, lists
 * by commas, `latest`, `previous`.
 * @param percentiles those that are compared, besides the default ones.
 * @throws {UserError} for a path without results, a run that is there twice, and fewer than two sides.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startSimServer } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 * import { compareRuns } from "@tokometer/tokometer/metrics";
 * import { readCompareSides } from "@tokometer/tokometer/workloads";
 *
 * const folder = await Deno.makeTempDir();
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * for (const name of ["before", "after"]) {
 *   const argv = ["bench", server.url, "--requests=4", "--concurrency=1", `--out=${folder}/${name}`];
 *   await main(argv, { stdout: () => {}, stderr: () => {} });
 * }
 * await server.stop();
 * const sides = await readCompareSides([`${folder}/before`, `${folder}/after`]);
 * assertEquals(compareRuns(sides).sides.map(({ name }) => name), ["before", "after"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readCompareSides(
  paths: readonly string[],
  percentiles: readonly number[] = [],
): Promise<readonly CompareSide[]> {
  const all = [...new Set([...DEFAULT_PERCENTILES, ...percentiles])];
  const plan = { format: "table", percentiles: all, maxFailuresPercent: 100 };
  const interrupted = new AbortController().signal;
  return await readSides(await findSides(paths), {
    plan,
    host: { note() {}, progress() {}, interrupted },
  });
}

/**
 * The sides that paths mean; one path is enough where its runs compare sides by turns
 * (`bench --against`). Needs `--allow-read`.
 *
 * @param options.least 1: one side is enough for what is asked. Default 2.
 * @throws {UserError} when a path holds no results, a run is on two sides or twice on one, and when
 * there are fewer sides.
 */
export async function findSides(
  paths: readonly string[],
  { least = 2 }: { readonly least?: 1 | 2 } = {},
): Promise<readonly NamedSide[]> {
  const places: NamedSide[] = [];
  for (const path of paths) {
    const runs = await Promise.all((await resolveResults(path)).map(async (run) => ({
      ...run,
      header: await readRunHeader(run.records),
    })));
    places.push({ name: path, runs });
  }
  await refuseTwice(
    places.flatMap(({ name, runs }) =>
      runs.flatMap(filesOf).map((records) => ({ place: name, records }))
    ),
  );
  const [only] = places;
  if (places.length === 1) return sidesWithin(only!, least);
  // What a run compares inside itself would be mixed up here.
  const turns = places.find(({ runs }) => runs.some(({ header }) => header.sides !== undefined));
  if (turns !== undefined) {
    throw new UserError(
      `Cannot compare ${shown(turns.name)} with others: its run compares sides by itself; ` +
        `tokometer compare ${shown(turns.name)} shows them`,
    );
  }
  return unequal(places.map((side) => ({ ...side, name: nameOf(side) })), places);
}

/**
 * Reads the records of all sides, one file after another, into what `compareRuns` takes.
 *
 * @throws {UserError} for a file that cannot be read.
 */
export async function readSides(
  sides: readonly NamedSide[],
  { plan, host }: {
    readonly plan: ReportPlan;
    readonly host: Pick<Host, "note" | "progress" | "interrupted">;
  },
): Promise<readonly CompareSide[]> {
  const read = new Map<string, Summary>();
  const all = new Map(sides.flatMap(({ runs }) => runs.map((run) => [run.records, filesOf(run)])));
  for (const [records, files] of all) {
    const name = all.size === 1 ? records : `${records} (${read.size + 1} of ${all.size})`;
    read.set(records, await summarizeRecords(files, { plan, host, name }));
  }
  return sides.map(({ name, runs, side }) => ({
    name,
    runs: runs.map(({ records }) => read.get(records)!),
    ...(side === undefined ? {} : { side }),
  }));
}

/** The sides that runs compare by turns. */
function sidesWithin(only: NamedSide, least: 1 | 2): readonly NamedSide[] {
  const { name, runs } = only;
  const without = runs.find(({ header }) => header.sides === undefined);
  if (without === undefined) {
    const own = runs[0]!.header.sides!;
    return own.map((side, i) => ({ name: side.name || SIDE_NAMES[i]!, runs, side: i }));
  }
  if (least === 1) return [{ ...only, name: nameOf(only) }];
  const repeats = runs.length > 1 ? `, ${plural(runs.length, "run")} of one side` : "";
  throw new UserError(
    `Cannot compare ${shown(name)}${repeats} with nothing: name two or more results, e.g. ` +
      "tokometer compare previous latest; or one run that was measured with --against",
  );
}

/** The name that all runs of a side were given, else the path as the user wrote it. */
function nameOf({ name, runs }: NamedSide): string {
  const own = new Set(runs.map(({ header }) => header.name));
  const [first] = own;
  if (own.size === 1 && first !== undefined) return visibleLine(first);
  // The words for results by age say less than the folder that is meant.
  const path = runs.length === 1 ? runs[0]!.path : name;
  return visibleLine(path.replace(/\/+$/, "").replace(/^.*\//, "")) || path;
}

/** Names that no two sides share: those that would are called by their paths, then numbered. */
function unequal(
  sides: readonly NamedSide[],
  places: readonly NamedSide[],
): readonly NamedSide[] {
  const twice = (names: readonly string[]) => new Set(names).size < names.length;
  if (!twice(sides.map(({ name }) => name))) return sides;
  const paths = places.map(({ name, runs }) =>
    visibleLine(runs.length === 1 ? runs[0]!.path : name)
  );
  return sides.map((side, i) => ({
    ...side,
    name: twice(paths) ? `${paths[i]} (${i + 1})` : paths[i]!,
  }));
}

/** @throws {UserError} for a record file that is there twice, under whatever name. */
async function refuseTwice(
  files: readonly { readonly place: string; readonly records: string }[],
): Promise<void> {
  const seen = new Map<string, string>();
  for (const { place, records } of files) {
    const { dev, ino } = await Deno.stat(records);
    const key = ino === null || ino === 0 ? records : `${dev}:${ino}`;
    const before = seen.get(key);
    if (before !== undefined) {
      const same = before === place
        ? `twice in ${shown(place)}`
        : `in ${shown(before)} and ${shown(place)}`;
      throw new UserError(
        `Cannot compare a run with itself: ${records} is ${same}; name another result`,
      );
    }
    seen.set(key, place);
  }
}

function shown(path: string): string {
  return /^[^\s'"]+$/.test(path) ? path : JSON.stringify(visibleLine(path));
}
