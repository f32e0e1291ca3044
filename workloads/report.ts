/**
 * `tokometer report`: every report again, from the record file alone.
 *
 * @module
 */
import { REPORT_OPTIONS } from "./bench_options.ts";
import { planReport } from "./bench_plan.ts";
import { readRecordFile } from "./record_file.ts";
import { exitCode, makeResultFolder, printReport, summarizeFor, writeReports } from "./results.ts";
import type { Host, Scenario, Values } from "./scenario.ts";
import { UserError } from "./user_error.ts";

/** The scenario `report`. */
export const report: Scenario = {
  name: "report",
  summary: "Make the reports of a record file again",
  description:
    "Reads a record file and prints a report, with other percentiles or another service level if " +
    "wanted. With --out it also writes the HTML page, the JSON and the CSV into a new folder.",
  positionals: [
    { name: "file", help: "a record file (records.jsonl in a result folder)", required: true },
  ],
  options: [
    ...REPORT_OPTIONS,
    {
      name: "out",
      kind: "text",
      value: "DIR",
      aliases: ["o"],
      help: "New folder for report.html, report.json and report.csv.",
      group: "Report",
    },
  ],
  examples: [
    {
      line: "tokometer report results/records.jsonl --percentiles 50,90,99,99.9",
      does: "the table with other percentiles",
    },
    {
      line: "tokometer report results/records.jsonl --format json",
      does: "everything, for a program",
    },
  ],
  run: runReport,
};

async function runReport(values: Values, host: Host): Promise<number> {
  const plan = planReport(values);
  const file = values.file as string;
  const run = await readRecordFile(await recordFileIn(file));
  const summary = summarizeFor(run, plan);
  printReport(summary, plan, host);
  if (values.out !== undefined) {
    const folder = await makeResultFolder(values.out as string);
    const paths = await writeReports(summary, folder);
    for (const path of Object.values(paths)) host.note(`Wrote ${path}`);
  }
  return exitCode(summary, plan);
}

/** A result folder stands for the record file in it. */
async function recordFileIn(path: string): Promise<string> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot read ${path}: there is no such file`);
  }
  return info.isDirectory ? `${path.replace(/\/+$/, "")}/records.jsonl` : path;
}
