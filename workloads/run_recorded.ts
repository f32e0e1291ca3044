/**
 * Measures a plan with a record file and a progress line, as every command that measures does.
 *
 * @module
 */
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadEnd, LoadPlan, Run, RunHeader } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import type { Summary } from "../metrics/summary.ts";
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { measure } from "./run_measure.ts";
import { renderProgress } from "./live_progress.ts";
import type { Dataset } from "./prompt.ts";
import type { LoadFinder } from "./run_finder.ts";
import type { LiveRun } from "./run_live.ts";
import { openRecordFile, type RecordWriter, startRecordFile } from "./record_writer.ts";
import { makeResultFolder, RECORD_FILE, writeReports } from "./run_results.ts";
import { UserError } from "./user_error.ts";
import type { Host } from "./command.ts";

/** Where records go, and further hooks. */
export interface RecordOptions {
  /** New folder for the record file: its path, or `true` for one named by date and time. */
  readonly folder?: string | true | undefined;
  /** New record file where there is no such folder. */
  readonly file?: string | undefined;
  /** `false`: the run is returned without records, which then take no memory. Default `true`. */
  readonly keepRecords?: boolean;
  readonly onDataset?: (dataset: Dataset) => void;
  /** Called before the first record. */
  readonly onHeader?: (header: RunHeader) => void;
  /** Called when the record file is begun, with its path and what says later why it is incomplete. */
  readonly onFile?: ((path: string, writer: Pick<RecordWriter, "failure">) => void) | undefined;
  /** Decides the loads while the run goes on; absent = the plan has them all. */
  readonly finder?: LoadFinder | undefined;
  /** Called for each load that the header does not know, before anything of it is sent. */
  readonly onPlan?: ((plan: LoadPlan) => void) | undefined;
  readonly onRecord?: ((record: RequestRecord) => void) | undefined;
  readonly onSession?: ((session: SessionEnd) => void) | undefined;
  /** Where the run is shown; absent = nowhere. */
  readonly live?: LiveRun | undefined;
  readonly onLoadEnd?: ((end: LoadEnd) => void | Promise<void>) | undefined;
  /** Share of a figure by which its ends may differ from it, for the verdict so far. */
  readonly clientTolerance?: number | undefined;
  /** Makes the server of a side ready. */
  readonly onTurn?: MeasureHooks["onTurn"] | undefined;
  /** Called for what other clients have collected of a load, in place of its records. */
  readonly onState?: ((state: LoadState) => void) | undefined;
  /** What all clients have collected of a load that has ended, for the file; absent = it has the records. */
  readonly stateOf?: ((end: LoadEnd) => LoadState | undefined) | undefined;
  /** What measures; default this client. */
  readonly measure?: Measure | undefined;
}

/** Runs a plan to its end, as `measure` does. */
export type Measure = (plan: BenchPlan, hooks: MeasureHooks) => Promise<Run>;

export interface RecordedRun {
  readonly run: Run;
  readonly folder?: string;
  readonly file?: string;
  /** Why the file is incomplete; the run is complete. */
  readonly failure?: Error;
}

/**
 * Measures a plan. The file is begun when everything is prepared, and closed whatever happens.
 *
 * @throws {UserError} as `measure`, and when the file cannot be begun.
 */
export async function measureRecorded(
  plan: BenchPlan,
  host: Host,
  options: RecordOptions,
): Promise<RecordedRun> {
  const { keepRecords = true, onDataset, onHeader, onRecord, onSession, onLoadEnd } = options;
  // Whoever does not look pays nothing.
  const drawn = host.screen === undefined
    ? undefined
    : (await import("./run_terminal.ts")).drawRun(host, options);
  const watch = options.live?.watch ?? drawn?.watch;
  let { file } = options;
  let folder: string | undefined;
  let writer: RecordWriter | undefined;
  let run: Run;
  try {
    run = await (options.measure ?? measure)(plan, {
      stopSignal: host.interrupted,
      abortSignal: host.aborted,
      commandLine: host.commandLine,
      keepRecords,
      ...defined({ onTurn: options.onTurn, onDataset, finder: options.finder }),
      onHeader: async (header) => {
        onHeader?.(header);
        await watch?.onHeader(header);
        if (options.folder !== undefined) {
          folder = await makeResultFolder(options.folder === true ? undefined : options.folder);
          file = `${folder}/${RECORD_FILE}`;
        }
        if (file === undefined) return;
        writer = startRecordFile(await openRecordFile(file), header);
        options.onFile?.(file, writer);
      },
      onPlan: (plan) => {
        writer?.plan(plan);
        watch?.onPlan(plan);
        options.onPlan?.(plan);
      },
      onRecord: (record) => {
        writer?.add(record);
        watch?.onRecord(record);
        onRecord?.(record);
      },
      ...(watch === undefined ? {} : {
        onWitness: watch.onWitness,
        onScrape: watch.onScrape,
        onAgent: watch.onAgent,
      }),
      ...defined({ onState: options.onState }),
      onSession: (session) => {
        writer?.session(session);
        onSession?.(session);
      },
      onLoadEnd: (end) => {
        const state = options.stateOf?.(end);
        if (state !== undefined) writer?.state(state);
        writer?.end(end);
        watch?.onLoadEnd(end);
        return onLoadEnd?.(end);
      },
      onProgress(state) {
        watch?.onProgress(state);
        if (drawn !== undefined) drawn.show();
        else host.progress(renderProgress(state, host.columns, { bar: false }));
      },
      note: (line) => host.note(line),
    });
  } finally {
    host.progress("");
    await writer?.close();
  }
  return { run, ...defined({ folder, file, failure: writer?.failure }) };
}

/**
 * Says that a record file is incomplete, where it is; writes the reports of a run, where it has a
 * folder. What is on the terminal is complete whatever happens here.
 *
 * @returns their paths, and whether all was written.
 */
export async function keepResults(
  { folder, file, failure }: RecordedRun,
  summary: Summary,
  host: Host,
): Promise<{ readonly paths: Readonly<Record<string, string>>; readonly complete: boolean }> {
  const tell = (message: string) =>
    host.note(`error: ${message}; the results on the terminal are complete, the files are not`);
  if (failure !== undefined) tell(`Cannot write the record file ${file}: ${failure.message}`);
  if (folder === undefined) return { paths: {}, complete: failure === undefined };
  try {
    return { paths: await writeReports(summary, folder), complete: failure === undefined };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    tell(error.message);
    return { paths: {}, complete: false };
  }
}
