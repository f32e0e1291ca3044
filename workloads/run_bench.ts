/**
 * The main job without a command line: a server measured, and for commands its results kept and
 * printed.
 *
 * @module
 */
import type { Run } from "../metrics/run.ts";
import type { Accumulator, Summary } from "../metrics/summary.ts";
import { MEASURE_OPTIONS } from "./bench_options.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { planRun } from "./bench_run_plan.ts";
import type { ReportPlan } from "./bench_report_plan.ts";
import type { Host, InputOf } from "./command.ts";
import type { JSONL_OPTIONS } from "./dataset_jsonl.ts";
import type { SAMPLER_OPTIONS, SamplerName } from "./dataset_sampler.ts";
import type { SYNTHETIC_OPTIONS } from "./dataset_synthetic.ts";
import type { TRACE_OPTIONS } from "./dataset_trace.ts";
import type { GpuChoice } from "./gpu_sampler.ts";
import { configValues } from "./option_config_file.ts";
import { completeValues } from "./option_parse.ts";
import { repeatableValues } from "./option_secret.ts";
import { option } from "./option_table.ts";
import type { LoadFinder } from "./run_finder.ts";
import type { LiveRun } from "./run_live.ts";
import type { MeasureHooks, RunObserver } from "./run_hooks.ts";
import { measure } from "./run_measure.ts";
import { keepResults, type Measure, measureRecorded } from "./run_recorded.ts";
import {
  accumulateFor,
  detailsPlace,
  exitCode,
  printReport,
  REPORT_PAGE,
  unreachableLimits,
} from "./run_results.ts";
import { EXIT } from "./user_error.ts";

/**
 * Options of {@linkcode measureBench}: those of `tokometer bench` by their camel-case names, with the
 * same meanings and defaults, which `tokometer help bench` lists. Times are in seconds.
 */
export type BenchOptions = Readonly<{
  // Server.
  protocol?: string;
  model?: string;
  models?: string;
  modelAssignment?: "random" | "round-robin" | "recorded";
  sessionHeader?: string;
  endpoint?: string;
  header?: readonly string[];
  apiKey?: string;
  transport?: string;
  timeout?: number;
  wait?: number;
  /** In bytes. */
  maxAnswer?: number;
  caCert?: string;
  insecure?: boolean;
  proxyLocal?: boolean;
  // Load.
  concurrency?: readonly number[];
  rate?: readonly number[];
  rateStages?: string;
  arrival?: "poisson" | "calibrated-poisson" | "constant" | "gamma";
  burstiness?: number;
  maxInFlight?: number;
  overflow?: "wait" | "drop";
  rampUp?: number;
  thinkTime?: string | number;
  maxPrefill?: number;
  cancel?: string;
  requests?: number;
  duration?: number;
  once?: boolean;
  scenario?: string;
  trialDuration?: number;
  grace?: number;
  stopOnErrors?: number;
  resetCache?: string;
  warmup?: number;
  workers?: number;
  repeat?: number;
  against?: string;
  againstBody?: Readonly<Record<string, unknown>>;
  againstModel?: string;
  againstProtocol?: string;
  // Prompts; from `sampler` on those of single datasets.
  dataset?: string;
  datasetPath?: string;
  mix?: string;
  prompts?: number;
  outputTokens?: string | number;
  tokenizer?: string;
  numTurns?: number;
  systemPromptFile?: string;
  saltScope?: "load" | "session" | "request" | "none";
  salt?: string;
  seed?: number;
  sampler?: SamplerName;
  minPromptTokens?: number;
  minOutputTokens?: number;
  maxPromptTokens?: number;
  maxTotalTokens?: number;
  requireHuman?: boolean;
  order?: "file" | "seeded" | "api-bench-tools";
  promptKey?: string;
  outputKey?: string;
  inputTokens?: string | number;
  prefixTokens?: number;
  prefixPools?: string;
  cachedShare?: number;
  tokenIds?: boolean;
  vocab?: number;
  // Recordings.
  traceFormat?: "mooncake" | "azure" | "burstgpt" | "bailian" | "weka" | "sessions";
  replay?: "schedule" | "sessions";
  speedup?: number;
  from?: string | number;
  to?: string | number;
  idleCap?: string | number;
  maxContext?: number;
  sessionStart?: number;
  history?: "recorded" | "live";
  // Request.
  length?: "forced" | "cap";
  maxCompletionTokens?: boolean;
  stream?: boolean;
  temperature?: number;
  topP?: number;
  topK?: number;
  samplingSeed?: number;
  stop?: readonly string[];
  extraBody?: Readonly<Record<string, unknown>>;
  // Record.
  name?: string;
  tag?: readonly string[];
  gpu?: GpuChoice;
  serverMetrics?: string;
  witness?: boolean;
  calibration?: string;
  noCalibration?: boolean;
  saveText?: boolean;
}>;

/** Options that the type above lists: those of all datasets are told apart at run time only. */
type KnownInput = InputOf<
  & typeof MEASURE_OPTIONS
  & typeof SAMPLER_OPTIONS
  & typeof JSONL_OPTIONS
  & typeof SYNTHETIC_OPTIONS
  & typeof TRACE_OPTIONS
>;

// The public type must be written out for JSR; these lines fail where it differs from the tables.
const _everyOptionIsListed: Required<KnownInput> extends Required<BenchOptions> ? true : false =
  true;
const _everyListedIsAnOption: Required<BenchOptions> extends Required<KnownInput> ? true : false =
  true;

const LIBRARY = {
  name: "bench",
  options: {
    url: option.optionalArguments({ help: "where the servers listen, e.g. http://127.0.0.1:8000" }),
    ...MEASURE_OPTIONS,
  },
};

/**
 * A plan for {@linkcode measure}, as `tokometer bench` makes it.
 *
 * @param urls the server; of several, which requests take turns at, all.
 * @param options secrets may be given as they are.
 * @throws {UserError} for unknown options (from JavaScript), wrong values, and those that would have
 * no effect.
 */
export async function planBench(
  urls: string | readonly string[],
  options: BenchOptions = {},
): Promise<BenchPlan> {
  const given = configValues(LIBRARY, { ...options, url: urls }, "the options");
  const values = completeValues(LIBRARY, given);
  const [url = "", ...moreUrls] = [urls].flat();
  return await planRun(values, {
    ...{ command: LIBRARY.name, url, moreUrls },
    options: repeatableValues(LIBRARY.options, { ...values, url: urls }),
  });
}

/**
 * Measures a server as `tokometer bench` does, without printing or writing anything. Needs
 * `--allow-net` and `--allow-read`.
 *
 * @throws {UserError} as {@linkcode planBench}, and when the server cannot be used; failed requests
 * are in the records.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * const run = await measureBench(server.url, { concurrency: [2], requests: 4, outputTokens: 8 });
 * await server.stop();
 * assertEquals(summarize(run).loads[0]?.counts.completed, 4);
 * ```
 */
export async function measureBench(
  url: string | readonly string[],
  options: BenchOptions = {},
  hooks: Partial<MeasureHooks> = {},
): Promise<Run> {
  const never = new AbortController().signal;
  return await measure(await planBench(url, options), {
    stopSignal: never,
    abortSignal: never,
    commandLine: [],
    ...hooks,
  });
}

/** What follows the reports of a run; returns an exit code, which counts where the run went well. */
export type AfterReport = (
  summary: Summary,
  place: { readonly host: Host; readonly folder: string | undefined },
) => Promise<number>;

/** Where a run's results go. */
export interface SaveOptions {
  /** Told of the results when they are printed and kept. */
  readonly after?: AfterReport;
  /** Makes the server of a side ready. */
  readonly onTurn?: MeasureHooks["onTurn"];
  readonly save: boolean;
  /** Folder; absent = one named by date and time. */
  readonly out?: string | undefined;
  /** New folder for the charts; absent = they stand in the page only. */
  readonly plots?: string | undefined;
  /** Decides the loads while the run goes on; absent = the plan has them all. */
  readonly finder?: LoadFinder | undefined;
  /** Where the run is shown; absent = nowhere. */
  readonly live?: LiveRun | undefined;
  /** What measures, where that is not this client alone. */
  readonly measure?: Measure | undefined;
  /** Begins to look on, just before anything is measured; absent = nobody does. */
  readonly observe?: ((host: Host) => Promise<RunObserver>) | undefined;
}

/** Measures, keeps the records, prints and writes the reports; returns the exit code. */
export async function benchAndReport(
  plan: BenchPlan,
  report: ReportPlan,
  host: Host,
  options: SaveOptions,
): Promise<number> {
  const observer = await options.observe?.(host);
  let accumulator: Accumulator | undefined;
  for (const line of unreachableLimits(report)) host.note(line);
  const measured = await measureRecorded(plan, host, {
    folder: options.save ? options.out ?? true : undefined,
    keepRecords: false,
    onTurn: options.onTurn,
    onHeader: (header) => {
      accumulator = accumulateFor(header, report, host);
      observer?.onHeader(header);
    },
    measure: options.measure,
    onState: (state) => accumulator?.absorb(state),
    stateOf: ({ load, fleet, skipped }) =>
      fleet === undefined || skipped ? undefined : accumulator?.state(load),
    finder: options.finder,
    live: options.live,
    clientTolerance: report.clientTolerancePercent === undefined
      ? undefined
      : report.clientTolerancePercent / 100,
    onPlan: (load) => {
      accumulator?.plan(load);
      observer?.onPlan(load);
    },
    onRecord: (record) => {
      accumulator?.add(record);
      observer?.onRecord(record);
    },
    onSession: (session) => accumulator?.session(session),
    onLoadEnd: (end) => {
      accumulator?.end(end);
      return observer?.onLoadEnd(end);
    },
  });
  const summary = accumulator!.summary();
  const { folder } = measured;
  const place = folder === undefined
    ? undefined
    : detailsPlace([folder], `${folder}/${REPORT_PAGE}`);
  printReport(summary, report, host, place);
  const { paths, complete } = await keepResults(measured, summary, host);
  options.live?.kept({ folder, report: paths.html });
  await observer?.finish();
  if (!complete) return EXIT.usage;
  if (folder !== undefined) host.note(`Records: ${measured.file}`);
  if (paths.html !== undefined) host.note(`Report:  ${paths.html}`);
  if (options.plots !== undefined) {
    const { writePlots } = await import("./run_plots.ts");
    await writePlots(summary, options.plots, host);
  }
  const code = exitCode(summary, report);
  const next = await options.after?.(summary, { host, folder });
  return code === EXIT.ok ? next ?? code : code;
}
