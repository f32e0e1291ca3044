/**
 * Record files summarized line by line: lines that cannot be used are named and left out, and a long
 * file shows how far it has been read.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { formatShare, plural } from "../metrics/format.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { Accumulator, Summary } from "../metrics/summary.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import type { Host } from "./command.ts";
import { mergeRecordFiles } from "./record_merge.ts";
import type { Alignment } from "./record_merge_axis.ts";
import type { RecordEntry } from "./record_entries.ts";
import { refuseLeaders } from "./record_leader.ts";
import { streamRecordFile } from "./record_file.ts";
import type { RunObserver } from "./run_hooks.ts";
import { accumulateFor } from "./run_results.ts";
import { EXIT, UserError } from "./user_error.ts";

/** How files are read. */
export interface Reading {
  /** Who is told what was left out, and how far it is. */
  readonly host: Pick<Host, "note" | "progress" | "interrupted">;
  /** For the files of several clients of one server: how they share a time axis. */
  readonly align?: Alignment | undefined;
  /** What is read, for the progress line. Default `records`. */
  readonly name?: string;
}

/** Lines that are left out, and named; further ones are only counted. */
const NAMED_FAULTS = 5;

/** Smaller files are read before anybody would look at a progress line. */
const SHOWN_FROM_BYTES = 32 * 2 ** 20;

/**
 * Reads record files into one summary, in memory that does not grow with the number of requests beyond
 * what the plan keeps. Several files are clients of one server.
 *
 * @throws {UserError} when a file cannot be read, or they do not fit together.
 */
export async function summarizeRecords(
  files: readonly string[],
  { plan, observer, ...reading }: Reading & {
    readonly plan: ReportPlan;
    /** Is told of the run as if it went on. */
    readonly observer?: RunObserver | undefined;
  },
): Promise<Summary> {
  let accumulator: Accumulator | undefined;
  for await (const entry of readRecords(files, reading)) {
    const { header, plan: decided, record, session, state, end, fault } = entry;
    if (fault !== undefined) accumulator?.unread();
    if (header !== undefined) {
      if (observer !== undefined) refuseLeaders(header, "use --otel");
      accumulator = accumulateFor(header, plan, reading.host);
      observer?.onHeader(header);
    }
    if (decided !== undefined) {
      accumulator?.plan(decided);
      observer?.onPlan(decided);
    }
    if (record !== undefined) {
      observer?.onRecord(record);
      accumulator?.add(record);
    }
    if (session !== undefined) accumulator?.session(session);
    if (state !== undefined) absorb(accumulator!, state, files);
    if (end !== undefined) {
      accumulator?.end(end);
      await observer?.onLoadEnd(end);
    }
  }
  return accumulator!.summary();
}

/** @throws {UserError} for a state that cannot be added, after which the load's results would be wrong. */
function absorb(accumulator: Accumulator, state: LoadState, files: readonly string[]): void {
  try {
    accumulator.absorb(state);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(
      `Cannot read ${files.join(", ")}: the results of load ${state.load + 1} are not those of a ` +
        `load: ${messageOf(error)}`,
    );
  }
}

/**
 * Reads record files line by line, names what has to be left out, and shows how far it is. Several
 * files are clients of one server.
 *
 * @throws {UserError} when a file cannot be read, or they do not fit together.
 */
export async function* readRecords(
  files: readonly string[],
  { host, align, name = "records" }: Reading,
): AsyncGenerator<RecordEntry> {
  const onRead = await showProgress(files, name, host);
  const entries: AsyncGenerator<RecordEntry> = files.length === 1
    ? streamRecordFile(files[0]!, { onRead })
    : mergeRecordFiles(files, { align, onRead });
  let faults = 0;
  try {
    for await (const entry of entries) {
      if (host.interrupted.aborted) {
        throw new UserError("Stopped before all records were read", EXIT.interrupted);
      }
      const { fault } = entry;
      if (fault !== undefined && ++faults <= NAMED_FAULTS) {
        host.note(`warning: ${fault.path}, line ${fault.line} is left out: ${fault.problem}`);
      }
      yield entry;
    }
    if (faults > NAMED_FAULTS) {
      host.note(`warning: ${plural(faults - NAMED_FAULTS, "more line")} left out`);
    }
  } finally {
    host.progress("");
  }
}

/** Shows which part of all files has been read; nothing for small ones. */
async function showProgress(
  files: readonly string[],
  name: string,
  { progress }: Pick<Host, "progress">,
): Promise<(bytes: number) => void> {
  const sizes = await Promise.all(files.map(sizeOf));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total < SHOWN_FROM_BYTES) return () => {};
  let read = 0;
  let shown = -1;
  return (bytes) => {
    read += bytes;
    const thousandths = Math.floor(1000 * read / total);
    if (thousandths === shown) return;
    shown = thousandths;
    progress(
      read < total
        ? `Reading ${name}  ${formatShare(read / total)} of ${megabytes(total)}`
        : `Summarizing ${name}`,
    );
  };
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** 0 where it cannot be told: opening the file says why. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return 0;
  }
}
