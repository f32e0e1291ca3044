/**
 * Writes result folders as `bench` leaves them, from hand-made records.
 *
 * @module
 */
import type { RequestRecord } from "../../backends/record.ts";
import { summarize } from "../../metrics/summary.ts";
import { openRecordFile, startRecordFile } from "../../workloads/record_writer.ts";
import { RECORD_FILE, writeReports } from "../../workloads/run_results.ts";
import { createRun, type RunFields } from "./create_run.ts";

/** Fields of {@linkcode createRun}, and what else the folder holds. */
export interface ResultFields extends RunFields {
  /** Whether the reports are written as well. Default false. */
  readonly reports?: boolean;
}

/** Writes a new result folder; the folder above it has to exist. Returns the path of its record file. */
export async function writeResults(
  folder: string,
  records: readonly RequestRecord[] = [],
  { reports = false, ...fields }: ResultFields = {},
): Promise<string> {
  const run = createRun(records, fields);
  await Deno.mkdir(folder);
  const path = `${folder}/${RECORD_FILE}`;
  const writer = startRecordFile(await openRecordFile(path), run.header);
  for (const record of records) writer.add(record);
  for (const end of run.ends) writer.end(end);
  await writer.close();
  if (reports) await writeReports(summarize(run), folder);
  return path;
}
