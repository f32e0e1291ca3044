/**
 * `tokometer report`: every report again, from the record file alone.
 *
 * @module
 */
import { DIALECTS } from "../metrics/dialects.ts";
import { plural } from "../metrics/format.ts";
import type { Summary } from "../metrics/summary.ts";
import { PLOT_OPTIONS, REPORT_OPTIONS } from "./bench_options_report.ts";
import { planReport } from "./bench_report_plan.ts";
import { checkOutputs } from "./record_outputs.ts";
import {
  detailsPlace,
  exitCode,
  makeResultFolder,
  printReport,
  RECORD_FILE,
  REPORT_PAGE,
  writeReports,
} from "./run_results.ts";
import type { RunObserver } from "./run_hooks.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { group, option, pick, withNeeds } from "./option_table.ts";
import { OTEL_OPTIONS, type OtelValues } from "./otel_options.ts";
import { resolveResult } from "./results_resolve.ts";
import { summarizeRecords } from "./results_summary.ts";
import { UserError } from "./user_error.ts";

const OPTIONS = {
  file: option.rest({
    help: "a result folder or its record file, latest or previous (of tokometer-results), or the " +
      "record files of several clients",
  }),

  ...REPORT_OPTIONS,
  ...withNeeds(
    pick(REPORT_OPTIONS, [
      ...["require", "gpus", "costPerHour"] as const,
      ...[
        "clientTolerance",
        "maxFailures",
        "values",
        "slices",
        "details",
        "allServerMetrics",
      ] as const,
    ]),
    { key: "as", not: true, because: "it is none of the other tool's; leave out one of them" },
  ),
  ...withNeeds(OTEL_OPTIONS, {
    ...{ key: "as", not: true },
    because: "spans are none of the other tool's; leave out one of them",
  }),
  ...withNeeds(PLOT_OPTIONS, {
    ...{ key: "as", not: true },
    because: "charts are none of the other tool's; leave out one of them",
  }),
  ...group("Report", {
    as: option.choice({
      value: "TOOL",
      choices: DIALECTS.map(({ name }) => name),
      help:
        "The figures, and with --out the files, that another tool would have made of the same events " +
        "by its own definitions; --format json prints its file. See tokometer explain.",
    }),
    align: option.choice({
      value: "HOW",
      defaultText: "wall where all files have the start times of their loads, else start",
      choices: ["wall", "start"],
      help:
        "How the loads of several clients share a time axis: by the clocks of their machines, " +
        "or as if each load began everywhere at once. Latencies do not depend on it.",
    }),
    out: option.text({
      value: "DIR",
      aliases: ["o"],
      help:
        "New folder for report.html, report.json and report.csv, or with --as for the files of that tool.",
    }),
  }),
};

export const command: Command = defineCommand({
  name: "report",
  description:
    "Reads a record file and prints a report, on request with other percentiles or another service " +
    "level. With --out it also writes the HTML page, the JSON and the CSV into a new folder.\n\n" +
    "Several files are those of clients that loaded one server at the same time. They are merged " +
    "load by load; users and rates are added.",
  options: OPTIONS,
  examples: {
    "tokometer report results/records.jsonl --percentiles 50,90,99,99.9":
      "the table with other percentiles",
    "tokometer report results/records.jsonl --format json": "everything, for a program",
    "tokometer report node-a/records.jsonl node-b/records.jsonl":
      "two clients of one server, as one load",
    "tokometer report latest --as vllm --out as-vllm":
      "what vllm bench serve would have printed, and its file",
  },
  run: runReport,
});

async function runReport(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const plan = planReport(values);
  await checkOutputs(values);
  const { align } = values;
  const files = (await Promise.all(values.file.map(resolveResult))).flat();
  if (files.length === 1 && align !== undefined) {
    throw new UserError(
      `Cannot use --align ${align} with one record file: it is for the files of several clients`,
    );
  }
  if (files.length > 1 && values.otel !== undefined) {
    throw new UserError(
      "Cannot use --otel with the record files of several clients: each is a run of its own, send " +
        "them one by one",
    );
  }
  const { as, out } = values;
  if (as !== undefined) {
    const { format } = plan;
    if (format !== "table" && format !== "json") {
      throw new UserError(`Cannot use --format ${format} with --as: table and json are there`);
    }
    const { reportAs } = await import("./results_dialect.ts");
    return await reportAs({ ...plan, as, files, align, out }, host);
  }
  const observer = values.otel === undefined ? undefined : await collectorOf(values, host);
  const summary = await summarizeRecords(files, { plan, host, align, observer });
  refuseEmpty(summary, files);
  const { file: given } = values;
  printReport(summary, plan, host, detailsPlace(given, await pageOf(files, out)));
  if (values.out !== undefined) {
    const folder = await makeResultFolder(values.out);
    const paths = await writeReports(summary, folder);
    for (const path of Object.values(paths)) host.note(`Wrote ${path}`);
  }
  if (values.plots !== undefined) {
    const { writePlots } = await import("./run_plots.ts");
    await writePlots(summary, values.plots, host);
  }
  await observer?.finish();
  return exitCode(summary, plan);
}

async function collectorOf(values: OtelValues, host: Host): Promise<RunObserver> {
  const { planCollector } = await import("./otel_observer.ts");
  return await (await planCollector(values, { patient: true }))(host);
}

/** Path of the page that shows the same; none beside a record file that stands by itself. */
async function pageOf(
  files: readonly string[],
  out: string | undefined,
): Promise<string | undefined> {
  if (out !== undefined) return `${out}/${REPORT_PAGE}`;
  const [file = "", ...others] = files;
  if (others.length > 0 || !file.endsWith(`/${RECORD_FILE}`)) return undefined;
  const page = file.replace(/[^/]*$/, REPORT_PAGE);
  const { isFile = false } = await Deno.stat(page).catch(() => ({ isFile: false }));
  return isFile ? page : undefined;
}

/**
 * A run that ended before its first measured request has no numbers, not even bad ones.
 *
 * @throws {UserError} for such a run.
 */
function refuseEmpty({ loads }: Summary, files: readonly string[]): void {
  if (!loads.every(({ counts }) => counts.offered === 0)) return;
  const killed = loads.some(({ complete }) => !complete);
  // A load that ran to its end without anything to send is no error.
  if (!killed && !loads.every(({ interrupted }) => interrupted)) return;
  const warmups = loads.reduce((sum, { counts }) => sum + counts.warmup, 0);
  const after = warmups === 0 ? "" : `, after ${plural(warmups, "warm-up request")}`;
  throw new UserError(
    `Cannot report ${files.join(", ")}: nothing was measured, the ${
      killed ? "client ended" : "run was stopped"
    } before the first measured request${after}; run it again`,
  );
}
