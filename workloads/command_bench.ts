/**
 * `tokometer bench`: the main job.
 *
 * @module
 */
import type { EngineCommand } from "../backends/launch_engines.ts";
import type { Run } from "../metrics/run.ts";
import type { Accumulator } from "../metrics/summary.ts";
import {
  DATASET_OPTIONS,
  LOAD_OPTIONS,
  REPORT_OPTIONS,
  REQUEST_OPTIONS,
  SAVE_OPTIONS,
  TARGET_OPTIONS,
} from "./bench_options.ts";
import { type BenchPlan, planBench, planReport, type ReportPlan } from "./bench_plan.ts";
import { configValues } from "./option_config_file.ts";
import { measureChosen } from "./run_chosen_server.ts";
import { LAUNCH_OPTIONS } from "./server_launch.ts";
import { loadLabel } from "./load.ts";
import { measure, type MeasureHooks } from "./run_measure.ts";
import { loadPrompts } from "./run_prepare.ts";
import { completeValues, repeatableValues } from "./option_parse.ts";
import { measureRecorded } from "./run_recorded.ts";
import { accumulateFor, exitCode, printReport, writeReports } from "./run_results.ts";
import type { Command, Host, Option, Values } from "./command.ts";
import { shellLine } from "./shell_split.ts";
import { EXIT, UserError } from "./user_error.ts";

/** The scenario `bench`. */
export const bench: Command = {
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
      help: "where the server listens, e.g. http://127.0.0.1:8000",
      required: true,
      unless: "launch",
    },
  ],
  options: [
    ...TARGET_OPTIONS.map(orEngines),
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
 * Measures a server as `tokometer bench` does, without printing or writing anything. Needs
 * `--allow-net` and `--allow-read`.
 *
 * @param options option values by their names on the command line (`concurrency`,
 * `output-tokens`, …); secrets may be given as they are.
 * @throws {UserError} for unknown options and wrong values, and when the server cannot be used;
 * failed requests are in the records.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * const run = await measureBench(server.url, { concurrency: [2], requests: 4, "output-tokens": "8" });
 * await server.stop();
 * assertEquals(summarize(run).loads[0]?.counts.completed, 4);
 * ```
 */
export async function measureBench(
  url: string,
  options: Readonly<Record<string, unknown>> = {},
  hooks: Partial<MeasureHooks> = {},
): Promise<Run> {
  const given = configValues(bench, { ...options, url }, "the options");
  if (given.launch !== undefined) {
    throw new UserError("Cannot launch a server in measureBench: start one and give its URL");
  }
  const never = new AbortController().signal;
  return await measure(await planBench(completeValues(bench, given), "bench"), {
    stopSignal: never,
    abortSignal: never,
    commandLine: [],
    ...hooks,
  });
}

/** A protocol that was asked for is told from the usual one, which an engine's own replaces. */
function orEngines(option: Option): Option {
  if (option.name !== "protocol") return option;
  const { default: usual, ...rest } = option;
  return { ...rest, defaultText: `${usual}; with --launch the engine's own` };
}

async function runBench(values: Values, host: Host): Promise<number> {
  const report = planReport(values);
  const save: SaveOptions = {
    save: values.save !== false,
    ...(values.out === undefined ? {} : { out: values.out as string }),
  };
  const dry = values["dry-run"] === true;
  return await measureChosen(values, host, { address: "url", dry }, async ({ url, launched }) => {
    const protocol = values.protocol ?? launched?.engine.protocol;
    const planned = await planBench({ ...values, url, protocol }, "bench");
    const plan = { ...planned, options: repeatableValues(bench, planned.options) };
    return {
      plan,
      run: (watched) =>
        dry
          ? showPlan(plan, watched, launched?.command)
          : benchAndReport(plan, report, watched, save),
    };
  });
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
  let accumulator: Accumulator | undefined;
  const { folder, file, failure } = await measureRecorded(plan, host, {
    folder: options.save ? options.out ?? true : undefined,
    keepRecords: false,
    onHeader: (header) => {
      accumulator = accumulateFor(header, report, host);
    },
    onRecord: (record) => accumulator?.add(record),
    onLoadEnd: (end) => accumulator?.end(end),
  });
  const summary = accumulator!.summary();
  printReport(summary, report, host);
  if (failure !== undefined) {
    host.note(
      `error: Cannot write the record file ${file}: ${failure.message}; ` +
        "the results above are complete, the file is not",
    );
    return EXIT.usage;
  }
  if (folder !== undefined) {
    const paths = await writeReports(summary, folder);
    host.note(`Records: ${file}`);
    if (paths.html !== undefined) host.note(`Report:  ${paths.html}`);
  }
  return exitCode(summary, report);
}

async function showPlan(
  plan: BenchPlan,
  host: Host,
  launched: EngineCommand | undefined,
): Promise<number> {
  const { dataset, counter } = await loadPrompts(plan, { note: (line) => host.note(line) });
  const { prompts } = dataset;
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const mean = (values: readonly number[]) =>
    values.length === 0 ? "n/a" : (total(values) / values.length).toFixed(1);
  const lines = [
    ...(launched === undefined ? [] : [`start       ${shellLine(launched)}`]),
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
