/**
 * Runs a command that stands for an older script: its values become a plan as `bench` makes one, its
 * load is measured like any other, and the script's output is computed from the records.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import type { RequestRecord } from "../backends/record.ts";
import { warnings } from "../metrics/check.ts";
import type { LoadEnd, Run } from "../metrics/run.ts";
import { DEFAULT_PERCENTILES, type Summary } from "../metrics/summary.ts";
import { MEASURE_OPTIONS, type MeasureValues } from "./bench_options.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { planRun } from "./bench_run_plan.ts";
import type { CommandTable, Host, Values } from "./command.ts";
import { withDefaults } from "./option_parse.ts";
import { repeatableValues } from "./option_secret.ts";
import { pick } from "./option_table.ts";
import type { Prompt } from "./prompt.ts";
import { keepResults, measureRecorded } from "./run_recorded.ts";
import { exitCode, summarizeFor } from "./run_results.ts";
import { SHARED_KEYS, type SharedValues } from "./script_options.ts";
import type { ScriptBackend } from "./script_target.ts";
import { EXIT } from "./user_error.ts";

/** Values of `bench` that a script's command decides itself; with those of single datasets. */
export type DecidedValues = Partial<MeasureValues> & {
  readonly sampler?: string;
  readonly order?: string;
};

/** What a command decides itself. */
interface ScriptPlanParts {
  readonly url: string;
  /** Over those that are handed on. */
  readonly values: DecidedValues;
  /** Parts of the plan that `bench` has no option for. */
  readonly plan: Pick<BenchPlan, "loads" | "stops"> & Partial<BenchPlan>;
}

/** The plan of a script's command. @throws {UserError} as `planRun`. */
export async function planScript(
  { name, options }: CommandTable,
  given: Values & Partial<SharedValues> & { readonly warmup?: number | undefined },
  { url, values: decided, plan }: ScriptPlanParts,
): Promise<BenchPlan> {
  const handedOn = pick<Partial<SharedValues>, keyof SharedValues>(given, SHARED_KEYS);
  const values = withDefaults(MEASURE_OPTIONS, { ...handedOn, ...decided });
  // The scripts' commands send what the scripts send, and nothing beside it.
  const { witness: _, serverMetrics: _metrics, ...planned } = await planRun(values, {
    command: name,
    url,
    options: repeatableValues(options, given),
    parts: { warmups: plan.loads.map(() => given.warmup ?? 0), saltScope: "none", ...plan },
  });
  return planned;
}

/** Request parameters of a backend; the user's `--extra-body` wins. */
export function backendValues(
  backend: ScriptBackend,
  { bestOf, extraBody }: {
    readonly bestOf: number;
    readonly extraBody: Readonly<Record<string, unknown>> | undefined;
  },
): DecidedValues {
  const extra = merged(
    { ...backend.extraBody, ...backend.name === "vllm" ? { best_of: bestOf } : {} },
    extraBody ?? {},
  );
  return {
    protocol: backend.protocol,
    ...defined({
      model: backend.model,
      ...backend.sampling,
      extraBody: Object.keys(extra).length === 0 ? undefined : extra,
    }),
  };
}

/** A patch over a patch: `null`, which removes a field of the body, has to stay. */
function merged(
  under: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    result[name] = isObject(before) && isObject(value) ? { ...before, ...value } : value;
  }
  return result;
}

/** Where the records of a script's run go. */
export interface KeepOptions {
  /** New folder for records and reports. */
  readonly out?: string | undefined;
  /** New record file alone. */
  readonly recordFile?: string;
  /** In percent. */
  readonly maxFailures?: number | undefined;
  /** Sees each record, and each load's end, as they come. */
  readonly onRecord?: (record: RequestRecord) => void;
  readonly onLoadEnd?: (end: LoadEnd) => void;
}

/** A script's run, measured. */
export interface ScriptRun {
  readonly run: Run;
  readonly summary: Summary;
  /** The measured requests of the one load. */
  readonly records: readonly RequestRecord[];
  readonly durationMs: number;
  /** By id, for the script's own token counts. */
  readonly prompts: ReadonlyMap<string, Prompt>;
  /** Of the run; wrong usage where its files could not be written. */
  readonly exitCode: number;
}

/**
 * Measures a plan of one load, keeps the records where asked, and reports doubts on stderr.
 *
 * @throws {UserError} as `measure`, and when a file cannot be begun.
 */
export async function runScript(
  plan: BenchPlan,
  host: Host,
  keep: KeepOptions,
): Promise<ScriptRun> {
  const prompts = new Map<string, Prompt>();
  const measured = await measureRecorded(plan, host, {
    folder: keep.out,
    file: keep.recordFile,
    onDataset: (dataset) => {
      for (const prompt of dataset.prompts) prompts.set(prompt.id, prompt);
    },
    onRecord: keep.onRecord,
    onLoadEnd: keep.onLoadEnd,
  });
  const { run, folder } = measured;
  const report = {
    format: "table",
    percentiles: DEFAULT_PERCENTILES,
    maxFailuresPercent: keep.maxFailures ?? 0,
  };
  const summary = summarizeFor(run, report);
  noteDoubts(summary, host);
  const { complete } = await keepResults(measured, summary, host);
  if (complete && folder !== undefined) host.note(`Records and reports: ${folder}`);
  return {
    run,
    summary,
    records: run.records.filter(({ phase }) => phase === "measure"),
    durationMs: run.ends[0]?.durationMs ?? 0,
    prompts,
    exitCode: complete ? exitCode(summary, report) : EXIT.usage,
  };
}

/** Failures with their causes (T42), and checks that found something. */
function noteDoubts(summary: Summary, host: Host): void {
  const { loads } = summary;
  /** Many loads often share one reason: one line per reason, with its loads. */
  const doubts = new Map<string, string[]>();
  for (const { label, failures, checks } of loads) {
    const where = loads.length > 1 ? `, ${label}` : "";
    for (const { kind, count, messages } of failures) {
      const causes = messages.map(({ message, count }) => `${count} × ${message}`).join("; ");
      host.note(`failed${where}: ${count} ${kind.replaceAll("_", " ")}: ${causes}`);
    }
    for (const { message, advice } of warnings(checks)) {
      const text = doubt(message, advice);
      doubts.set(text, [...doubts.get(text) ?? [], label]);
    }
  }
  for (const [text, labels] of doubts) {
    const where = loads.length > 1 ? ` (${labels.join("; ")})` : "";
    host.note(`warning${where}: ${text}`);
  }
  for (const { message, advice } of warnings(summary.checks)) {
    host.note(`warning: ${doubt(message, advice)}`);
  }
}

function doubt(message: string, advice: string | undefined): string {
  return `${message}${advice === undefined ? "" : `; ${advice}`}`;
}

/** The dataset's own count of a record's prompt, as the script counts it. */
export function scriptPromptTokens(
  { prompts }: Pick<ScriptRun, "prompts">,
): (record: RequestRecord) => number {
  return ({ promptId, promptTokens }) =>
    prompts.get(promptId)?.promptTokens.tokens ?? promptTokens?.tokens ?? 0;
}

/** Values of environment variables that are set and may be read. */
export async function readVariables(
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  for (const variable of names) {
    const { state } = await Deno.permissions.query({ name: "env", variable });
    const value = state === "granted" ? Deno.env.get(variable) : undefined;
    if (value) values[variable] = value;
  }
  return values;
}

/** The folder itself where it holds a tokenizer: the scripts' default for `--tokenizer`. */
export async function tokenizerIn(folder: string | undefined): Promise<string | undefined> {
  if (folder === undefined) return undefined;
  for (const name of ["tokenizer.json", "tokenizer.model"]) {
    try {
      if ((await Deno.stat(`${folder}/${name}`)).isFile) return folder;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
  return undefined;
}
