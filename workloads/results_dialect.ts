/**
 * Runs on disk in the numbers and files of other tools.
 *
 * @module
 */
import { explainDialect, readDialect, type SpokenRun } from "../metrics/dialects.ts";
import type { DialectFile } from "../metrics/dialect.ts";
import type { SpokenFigure } from "../metrics/dialect_explain.ts";
import { fileWord } from "../metrics/dialect_names.ts";
import { dialectTable, explanationTable } from "../metrics/report_dialect.ts";
import { jsonText } from "../metrics/report_json.ts";
import type { Run, RunHeader } from "../metrics/run.ts";
import type { Slo } from "../metrics/summary_slo.ts";
import type { Host } from "./command.ts";
import { refuseLeaders } from "./record_leader.ts";
import { readRecords } from "./results_summary.ts";
import { makeResultFolder } from "./run_results.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";

/** What is asked of a run in a dialect. */
export interface DialectRequest {
  /** Name of the dialect. */
  readonly as: string;
  /** Record files: one, or those of several clients. */
  readonly files: readonly string[];
  /** How several share a time axis. */
  readonly align?: "wall" | "start" | undefined;
  /** `table` or `json`. */
  readonly format: string;
  /** Percentiles where the tool lets its user choose them. */
  readonly percentiles: readonly number[];
  /** Limits that a good request meets. */
  readonly slo?: Slo | undefined;
}

/**
 * Prints a run as another tool would have, and writes that tool's files where a folder is named.
 *
 * @returns the exit code.
 * @throws {UserError} for a run that cannot be read, and a folder that cannot be made.
 */
export async function reportAs(
  request: DialectRequest & { readonly out?: string | undefined },
  host: Host,
): Promise<number> {
  const { as, format, out } = request;
  const spoken = await readDialect(as, await readRun(request, host), request);
  refuseEmpty(spoken, request);
  if (format === "json") {
    for (const { files } of spoken.loads) host.print(files()[0]!.text.replace(/\n$/, ""));
  } else {
    host.print(dialectTable(spoken, host.columns));
  }
  if (out !== undefined) await writeFiles(spoken, out, host);
  return EXIT.ok;
}

/**
 * Prints why another tool's figures differ from ours.
 *
 * @returns the exit code.
 * @throws {UserError} for a run that cannot be read.
 */
export async function explainAs(request: DialectRequest, host: Host): Promise<number> {
  const spoken = await explainDialect(request.as, await readRun(request, host), request);
  refuseEmpty(spoken, request);
  if (request.format === "json") {
    const { loads, ...run } = spoken;
    host.print(
      jsonText({ ...run, loads: loads.map(({ label, figures }) => ({ label, figures })) }),
    );
  } else {
    host.print(explanationTable(spoken, host.columns));
  }
  return EXIT.ok;
}

function refuseEmpty(
  { loads }: SpokenRun<SpokenFigure>,
  { files }: Pick<DialectRequest, "files">,
): void {
  if (loads.length > 0) return;
  throw new UserError(
    `Cannot report ${
      files.join(", ")
    }: nothing was measured before the run was stopped; run it again`,
  );
}

async function readRun(
  { as, files, align }: Pick<DialectRequest, "as" | "files" | "align">,
  host: Host,
): Promise<Run> {
  let header: RunHeader | undefined;
  const records: Run["records"][number][] = [];
  const ends: Run["ends"][number][] = [];
  for await (const entry of readRecords(files, { host, align })) {
    if (entry.header !== undefined) refuseLeaders(entry.header, `use --as ${as}`);
    header ??= entry.header;
    // Loads that were decided while the run went on.
    if (entry.plan !== undefined) header = { ...header!, loads: [...header!.loads, entry.plan] };
    // Answers of the warm-up stand in no figure.
    if (entry.record?.phase === "measure") records.push(entry.record);
    if (entry.end !== undefined) ends.push(entry.end);
  }
  return { header: header!, records, ends };
}

/** One load's files lie in the folder itself, those of several in folders of their own. */
async function writeFiles({ loads }: SpokenRun, out: string, host: Host): Promise<void> {
  const root = await makeResultFolder(out);
  const taken = new Set<string>();
  for (const { label, files } of loads) {
    let folder = root;
    if (loads.length > 1) {
      const word = fileWord(label);
      let name = word;
      for (let n = 2; taken.has(name); n++) name = `${word}-${n}`;
      taken.add(name);
      folder = await makeResultFolder(`${root}/${name}`);
    }
    for (const file of files()) await writeFile(`${folder}/${file.name}`, file, host);
  }
}

async function writeFile(path: string, { text }: DialectFile, host: Host): Promise<void> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true });
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error);
  }
  host.note(`Wrote ${path}`);
}
