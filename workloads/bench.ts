/**
 * `tokometer bench`: the main job.
 *
 * @module
 */
import type { Run, RunHeader } from "../metrics/run.ts";
import {
  DATASET_OPTIONS,
  LOAD_OPTIONS,
  REPORT_OPTIONS,
  REQUEST_OPTIONS,
  SAVE_OPTIONS,
  TARGET_OPTIONS,
} from "./bench_options.ts";
import { type BenchPlan, planBench, planReport, type ReportPlan } from "./bench_plan.ts";
import { configValues } from "./config_file.ts";
import { LAUNCH_OPTIONS, planLaunch, withLaunched } from "./launching.ts";
import { loadLabel } from "./load.ts";
import { loadPrompts, measure, type MeasureHooks } from "./measure.ts";
import { completeValues } from "./options.ts";
import { renderProgress } from "./progress.ts";
import { openRecordFile, type RecordWriter, startRecordFile } from "./record_file.ts";
import {
  exitCode,
  makeResultFolder,
  printReport,
  RECORD_FILE,
  summarizeFor,
  writeReports,
} from "./results.ts";
import type { Host, Scenario, Values } from "./scenario.ts";
import { EXIT, UserError } from "./user_error.ts";

/** The scenario `bench`. */
export const bench: Scenario = {
  name: "bench",
  summary: "Benchmark a server that streams tokens",
  description:
    "Sends prompts to an LLM server, in a closed loop of users (--concurrency) or on an open " +
    "schedule (--rate), and reports throughput, TTFT, TPOT, ITL and E2E with their distributions. " +
    "Several values of --concurrency or --rate are measured one after another and give a curve.\n\n" +
    "Before anything is timed, prompts are prepared and one request checks that the server " +
    "answers as planned. Each request becomes a line of the record file as it ends; every report " +
    "can be made again from it with `tokometer report`. Ctrl-C stops sending, lets requests in " +
    "flight finish and reports what there is; a second Ctrl-C stops at once.",
  positionals: [
    {
      name: "url",
      help: "where the server listens, e.g. http://127.0.0.1:8000; left out with --launch",
      required: false,
    },
  ],
  options: [
    ...TARGET_OPTIONS,
    ...LOAD_OPTIONS,
    ...DATASET_OPTIONS,
    ...REQUEST_OPTIONS,
    ...REPORT_OPTIONS,
    ...SAVE_OPTIONS,
    ...LAUNCH_OPTIONS,
    {
      name: "dry-run",
      kind: "flag",
      help: "Show the plan and the first prompts; send nothing.",
      group: "Report",
    },
  ],
  examples: [
    {
      line: "tokometer bench http://127.0.0.1:8000 --concurrency 1,8,64",
      does: "three closed loops and the curve of throughput against latency",
    },
    {
      line:
        "tokometer bench http://127.0.0.1:8000 --rate 2,4,8 --duration 60 --slo ttft:500,tpot:50",
      does: "Poisson arrivals for a minute each, with goodput against a service level",
    },
    {
      line: "tokometer bench http://127.0.0.1:8000 --dataset synthetic --input-tokens 1024 " +
        "--output-tokens 128 --tokenizer ./model",
      does: "prompts of exactly 1024 tokens",
    },
  ],
  run: runBench,
};

/**
 * Measures a server as `tokometer bench` does, without printing or writing anything.
 *
 * @param options option values by their names on the command line (`concurrency`,
 * `output-tokens`, …); secrets may be given as they are.
 * @throws {UserError} for unknown options and wrong values, and when the server cannot be used;
 * failed requests are in the records.
 *
 * @example
 * ```ts
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * const run = await measureBench(server.url, { concurrency: [2], requests: 4, "output-tokens": "8" });
 * await server.stop();
 * console.assert(summarize(run).loads[0]?.counts.completed === 4);
 * ```
 */
export async function measureBench(
  url: string,
  options: Readonly<Record<string, unknown>> = {},
  hooks: Partial<MeasureHooks> = {},
): Promise<Run> {
  const given = configValues(bench, { ...options, url }, "the options");
  const never = new AbortController().signal;
  return await measure(await planBench(completeValues(bench, given), "bench"), {
    stopSignal: never,
    abortSignal: never,
    commandLine: [],
    ...hooks,
  });
}

const DEFAULT_PROTOCOL = TARGET_OPTIONS.find(({ name }) => name === "protocol")?.default;

async function runBench(values: Values, host: Host): Promise<number> {
  const report = planReport(values);
  const save: SaveOptions = {
    save: values.save !== false,
    ...(values.out === undefined ? {} : { out: values.out as string }),
  };
  const ordered = planLaunch(values);
  if (ordered === undefined) {
    if (values.url === undefined) {
      throw new UserError(
        'Cannot run "bench" without <url>: say where the server listens, ' +
          "e.g. http://127.0.0.1:8000, or start one with --launch",
      );
    }
    const plan = await planBench(values, "bench");
    if (values["dry-run"] === true) return await showPlan(plan, host);
    return await benchAndReport(plan, report, host, save);
  }
  if (values.url !== undefined) {
    throw new UserError("Cannot use <url> and --launch together: the launched server is measured");
  }
  // The engine's own protocol, unless another than bench's default was asked for.
  const launch = values.protocol === DEFAULT_PROTOCOL
    ? ordered
    : { ...ordered, protocol: values.protocol as string };
  // Everything else is checked before a server is started for minutes.
  const planFor = (url: string, protocol: string) =>
    planBench({ ...values, url, protocol }, "bench");
  const planned = await planFor(launch.url, launch.protocol ?? launch.engine.protocol);
  if (values["dry-run"] === true) return await showPlan(planned, host);
  return await withLaunched(
    launch,
    host,
    async (url, protocol) => await benchAndReport(await planFor(url, protocol), report, host, save),
  );
}

/** Where a run's results go. */
export interface SaveOptions {
  readonly save: boolean;
  /** Folder; absent = one named by date and time. */
  readonly out?: string;
}

/** Measures, keeps the records, prints and writes the reports; returns the exit code. */
export async function benchAndReport(
  plan: BenchPlan,
  report: ReportPlan,
  host: Host,
  options: SaveOptions,
): Promise<number> {
  let folder: string | undefined;
  let writer: RecordWriter | undefined;
  const startRecords = async (header: RunHeader) => {
    if (!options.save) return;
    folder = await makeResultFolder(options.out);
    writer = startRecordFile(await openRecordFile(`${folder}/${RECORD_FILE}`), header);
  };
  let failure: Error | undefined;
  let run;
  try {
    run = await measure(plan, {
      stopSignal: host.interrupted,
      abortSignal: host.aborted,
      commandLine: host.commandLine,
      onHeader: startRecords,
      onRecord: (record) => writer?.add(record),
      onLoadEnd: (end) => writer?.end(end),
      onProgress: (state) => host.progress(renderProgress(state, host.columns)),
      note: (line) => host.note(line),
    });
  } finally {
    host.progress("");
    await writer?.close();
    failure = writer?.failure;
  }
  const summary = summarizeFor(run, report);
  printReport(summary, report, host);
  if (failure !== undefined) {
    host.note(
      `error: Cannot write the record file ${folder}/${RECORD_FILE}: ${failure.message}; ` +
        "the results above are complete, the file is not",
    );
    return EXIT.usage;
  }
  if (folder !== undefined) {
    const paths = await writeReports(summary, folder);
    host.note(`Records: ${folder}/${RECORD_FILE}`);
    if (paths.html !== undefined) host.note(`Report:  ${paths.html}`);
  }
  return exitCode(summary, report);
}

async function showPlan(plan: BenchPlan, host: Host): Promise<number> {
  const { dataset, counter } = await loadPrompts(plan, { note: (line) => host.note(line) });
  const { prompts } = dataset;
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const mean = (values: readonly number[]) =>
    values.length === 0 ? "n/a" : (total(values) / values.length).toFixed(1);
  const lines = [
    `server      ${plan.url}, ${plan.protocol} over ${plan.transport}`,
    `model       ${plan.model ?? "the first one the server lists"}`,
    `prompts     ${prompts.length} from ${dataset.source}`,
    `  tokens    prompt ${mean(prompts.map((p) => p.promptTokens.tokens))}, ` +
    `answer ${mean(prompts.map((p) => p.outputTokens))} on average (${
      counter.source === "estimate" ? `estimated: ${counter.name}` : counter.name
    })`,
    ...Object.entries(dataset.skipped).map(([reason, count]) => `  left out  ${count}: ${reason}`),
    ...(dataset.duplicates > 0 ? [`  repeated  ${dataset.duplicates} prompts`] : []),
    `length      ${plan.length}`,
    `seed        ${plan.seed}`,
    ...plan.loads.map((load, i) => {
      const stop = plan.stops[i]!;
      const ends = [
        ...(stop.requests === undefined ? [] : [`${stop.requests} requests`]),
        ...(stop.durationMs === undefined ? [] : [`${stop.durationMs / 1000} s`]),
      ];
      return `load        ${loadLabel(load)}, ${ends.join(" or ")}, after ${
        plan.warmups[i]
      } for warm-up`;
    }),
    "",
    "first prompts:",
    ...prompts.slice(0, 3).map((prompt) => {
      const text = prompt.messages.map(({ content }) => content).join("\n");
      const start = text.replace(/\s+/g, " ").slice(0, 70);
      return `  ${prompt.id}: ${prompt.promptTokens.tokens} → ${prompt.outputTokens} tokens, ` +
        `"${start}${text.length > 70 ? "…" : ""}"`;
    }),
  ];
  for (const line of lines) host.print(line);
  return EXIT.ok;
}
