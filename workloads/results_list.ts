/**
 * Result folders in short: what a list of them shows, read from the first line of the record file and
 * from the report beside it, so that hundreds of them take seconds.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import type { VerdictKind } from "../metrics/load_client.ts";
import { baseLabel } from "../metrics/load_repeats.ts";
import type { RunHeader } from "../metrics/run.ts";
import { readRunHeader } from "./record_file.ts";
import { resultFoldersIn } from "./results_resolve.ts";
import { RECORD_FILE } from "./run_results.ts";
import { readTextFile } from "./text_file.ts";
import { UserError } from "./user_error.ts";

/** A run on disk, in short. */
export interface ListedRun
  extends Pick<RunHeader, "name" | "tags" | "startedAt" | "url" | "model" | "repeats"> {
  /** Its folder. */
  readonly folder: string;
  /** Labels of its loads, in the order of measurement; repeats and sides of one load are one. */
  readonly loads: readonly string[];
  /** Servers whose loads took turns; absent = there is one. */
  readonly sides?: readonly string[];
  /** Measured requests that completed, and all that were to be sent; absent without a report. */
  readonly requests?: { readonly completed: number; readonly offered: number };
  /** The worst verdict of its loads; absent without a report, or where the client was not judged. */
  readonly verdict?: VerdictKind;
  /** It was stopped, or the server was lost. */
  readonly interrupted?: true;
}

/** Result folders of a folder. */
export interface RunList {
  /** The newest first. */
  readonly runs: readonly ListedRun[];
  /** Those whose record file cannot be read, and why. */
  readonly unreadable: readonly { readonly folder: string; readonly problem: string }[];
}

/**
 * Result folders directly in a folder; it may be one itself. Needs `--allow-read`.
 *
 * @throws {UserError} when the folder cannot be read.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startSimServer } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 * import { listRuns } from "@tokometer/tokometer/workloads";
 *
 * const folder = await Deno.makeTempDir();
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const argv = ["bench", server.url, "--requests=4", "--concurrency=1", "--name=first"];
 * await main([...argv, `--out=${folder}/run`], { stdout: () => {}, stderr: () => {} });
 * await server.stop();
 * const { runs: [run] } = await listRuns(folder);
 * assertEquals([run?.name, run?.requests?.completed], ["first", 4]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function listRuns(folder: string): Promise<RunList> {
  const path = folder.replace(/(?<=.)\/+$/, "");
  const inside = await resultFoldersIn(path);
  const folders = inside.length === 0 && await isResultFolder(path) ? [path] : inside;
  const runs: ListedRun[] = [];
  const unreadable: { folder: string; problem: string }[] = [];
  for (const one of folders) {
    try {
      runs.push(await listRun(one));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      unreadable.push({ folder: one, problem: error.message });
    }
  }
  runs.sort((a, b) => a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0);
  return { runs, unreadable };
}

async function listRun(folder: string): Promise<ListedRun> {
  const header = await readRunHeader(`${folder}/${RECORD_FILE}`);
  const { name, tags, startedAt, url, model, repeats, sides } = header;
  const { plans, ...outcome } = await readOutcome(`${folder}/report.json`);
  // Loads of a search are decided while it goes on: the first line does not know them.
  const loads = header.loads.length > 0 ? header.loads : plans;
  return {
    folder,
    ...{ startedAt, url, model, loads: [...new Set(loads.map(baseLabel))] },
    ...defined({ name, tags, repeats, sides: sides?.map((side) => side.url) }),
    ...outcome,
  };
}

/** From the mildest to the worst. */
const VERDICTS: readonly VerdictKind[] = [
  "ok",
  "unknown",
  "suspect",
  "client-bound",
  "no-measurement",
];

/** A load by its name. */
type Labelled = Parameters<typeof baseLabel>[0];

/** A larger report is none of ours. */
const MOST_REPORT_BYTES = 256 * 2 ** 20;

/** What the report beside a record file says; nothing where there is none, or no report of ours. */
async function readOutcome(
  path: string,
): Promise<
  Pick<ListedRun, "requests" | "verdict" | "interrupted"> & { readonly plans: readonly Labelled[] }
> {
  let report: unknown;
  try {
    report = JSON.parse(await readTextFile(path, MOST_REPORT_BYTES));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return { plans: [] };
  }
  const loads = isObject(report) && Array.isArray(report.loads)
    ? report.loads.filter(isObject)
    : [];
  if (loads.length === 0) return { plans: [] };
  const sum = (field: string) =>
    loads.reduce(
      (total, { counts }) => total + (isObject(counts) ? Number(counts[field]) : NaN),
      0,
    );
  const requests = { completed: sum("completed"), offered: sum("offered") };
  const worst = Math.max(
    ...loads.map(({ verdict }) =>
      isObject(verdict) ? VERDICTS.findIndex((kind) => kind === verdict.kind) : -1
    ),
  );
  const stopped = loads.some(({ interrupted, serverLost }) =>
    interrupted === true || isObject(serverLost)
  );
  return {
    plans: loads.flatMap(({ label }) => typeof label === "string" ? [{ label }] : []),
    ...(Number.isFinite(requests.completed + requests.offered) ? { requests } : {}),
    ...defined({ verdict: VERDICTS[worst], interrupted: stopped ? true as const : undefined }),
  };
}

async function isResultFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(`${path}/${RECORD_FILE}`)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}
