/**
 * The files of a sweep, and where those of the previous one go when a new one starts.
 *
 * ```
 * log/benchmark_all_cuda.log                       what happened, a line each
 * result/benchmark_vllm_all_cuda_result.csv        a row for each case that ended well
 * result/benchmark_vllm_all_cuda_cases.jsonl       the sweep and every case that ended: for --resume
 * result/benchmark_vllm_all_cuda_records/          the records of each case
 * result/20240924101530/                           all of that of an earlier sweep
 * ```
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { withoutSecrets } from "./secret.ts";
import { fileError } from "./user_error.ts";

/** Paths of one sweep. */
export interface SweepFiles {
  readonly logFolder: string;
  readonly resultFolder: string;
  readonly log: string;
  readonly csv: string;
  readonly cases: string;
  readonly records: string;
}

/** Names of the files of a sweep with `backend`, in `folder`. */
export function sweepFiles(folder: string, backend: string): SweepFiles {
  const base = folder.replace(/\/+$/, "") || "/";
  const resultFolder = `${base}/result`;
  const stem = `${resultFolder}/benchmark_${backend}_all_cuda`;
  return {
    logFolder: `${base}/log`,
    resultFolder,
    log: `${base}/log/${LOG}.log`,
    csv: `${stem}_result.csv`,
    cases: `${stem}_cases.jsonl`,
    records: `${stem}_records`,
  };
}

const LOG = "benchmark_all_cuda";
/** What a sweep of any backend leaves; the script moves its current backend's alone. */
const RESULTS = /^benchmark_.+_all_cuda_(result\.csv|cases\.jsonl|records)$/;

/**
 * Moves the results and the log of the previous sweep into `result/<date>/`, the date being that of
 * its start; the log stays in `log/` under its date as well. Returns the folder, if there was
 * anything to move.
 *
 * Unlike the script's (T41): without a log the date comes from the files themselves, and a folder
 * that exists already is left alone and gets a neighbor.
 *
 * @throws {UserError} when something cannot be moved.
 */
export async function archiveSweep(files: SweepFiles): Promise<string | undefined> {
  try {
    const names: string[] = [];
    for (const name of await namesIn(files.resultFolder)) {
      if (RESULTS.test(name)) names.push(name);
    }
    const log = await beginningOf(files.log);
    if (names.length === 0 && log === undefined) return undefined;
    const date = dateOfLog(log) ?? await dateOfFiles(files, names);
    const folder = await newFolder(`${files.resultFolder}/${date}`);
    for (const name of names.toSorted()) {
      await Deno.rename(`${files.resultFolder}/${name}`, `${folder}/${name}`);
    }
    if (log !== undefined) {
      const kept = `${files.logFolder}/${LOG}_${folder.slice(files.resultFolder.length + 1)}.log`;
      await Deno.rename(files.log, kept);
      await Deno.copyFile(kept, `${folder}/${kept.slice(files.logFolder.length + 1)}`);
    }
    return folder;
  } catch (error) {
    throw fileError(`Cannot archive the previous sweep in ${files.resultFolder}`, error);
  }
}

/** Digits of the first line, `[INFO] … started at YYYYmmddHHMMSS`. */
function dateOfLog(log: string | undefined): string | undefined {
  return /\b(\d{14})\b/.exec(log?.split("\n", 1)[0] ?? "")?.[1];
}

/** When the newest of the files was written last. */
async function dateOfFiles(files: SweepFiles, names: readonly string[]): Promise<string> {
  const paths = names.map((name) => `${files.resultFolder}/${name}`);
  const stats = await Promise.all(
    (paths.length > 0 ? paths : [files.log]).map((path) => Deno.stat(path)),
  );
  return dateText(Math.max(...stats.map(({ mtime }) => mtime?.getTime() ?? wallClockMs())));
}

/** Makes the folder, or the first free one of `<path>-2`, `<path>-3` … */
async function newFolder(path: string): Promise<string> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  for (let n = 1;; n++) {
    const folder = n === 1 ? path : `${path}-${n}`;
    try {
      await Deno.mkdir(folder);
      return folder;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const MOST_LINE_BYTES = 4096;

/** The beginning of a file's text, if it exists. */
async function beginningOf(path: string): Promise<string | undefined> {
  try {
    using file = await Deno.open(path);
    const bytes = new Uint8Array(MOST_LINE_BYTES);
    return new TextDecoder().decode(bytes.subarray(0, await file.read(bytes) ?? 0));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** `20240924101530`, local time as the script's. */
export function dateText(ms: number): string {
  return timeText(ms).replace(/\D/g, "");
}

/** `2024-09-24 10:15:30`, local time. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${day} ${time}`;
}

/** Appends lines to the log, in the script's form. */
interface SweepLog {
  write(level: "INFO" | "WARNING" | "ERROR", message: string): Promise<void>;
}

/** Opens the log; a new one begins with the line that {@linkcode archiveSweep} looks for. */
export async function openSweepLog(files: SweepFiles, nowMs: () => number): Promise<SweepLog> {
  await Deno.mkdir(files.logFolder, { recursive: true });
  if (await beginningOf(files.log) === undefined) {
    const first = `[INFO] benchmark_all_cuda.sh started at ${dateText(nowMs())}\n`;
    await Deno.writeTextFile(files.log, first);
  }
  return {
    async write(level, message) {
      const text = visibleLine(withoutSecrets(message));
      try {
        await Deno.writeTextFile(files.log, `[${level}] ${timeText(nowMs())} ${text}\n`, {
          append: true,
        });
      } catch (error) {
        throw fileError(`Cannot write ${files.log}`, error);
      }
    },
  };
}
