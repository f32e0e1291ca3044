/**
 * Runs a command that stands for an older script: its values become a plan of `bench`, its load is
 * measured like any other, and what the script prints is made of the records.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { RequestRecord } from "../backends/record.ts";
import { warnings } from "../metrics/check.ts";
import type { LoadEnd, Run } from "../metrics/run.ts";
import type { Summary } from "../metrics/summary.ts";
import { bench } from "./command_bench.ts";
import { type BenchPlan, planBench } from "./bench_plan.ts";
import type { ScriptBackend } from "./script_target.ts";
import { completeValues, repeatableValues } from "./option_parse.ts";
import type { Prompt } from "./prompt.ts";
import { measureRecorded } from "./run_recorded.ts";
import { exitCode, summarizeFor, writeReports } from "./run_results.ts";
import type { Command, Host, OptionValue, Values } from "./command.ts";
import { UserError } from "./user_error.ts";

/** Options that mean the same in `bench` and are handed on as they are. */
const SHARED: readonly string[] = [
  "model",
  "endpoint",
  "header",
  "api-key",
  "transport",
  "timeout",
  "ca-cert",
  "insecure",
  "proxy-local",
  "dataset-path",
  "tokenizer",
  "num-turns",
  "length",
  "stream",
  "temperature",
  "top-p",
  "top-k",
  "seed",
  "grace",
  "workers",
  "extra-body",
  "max-failures",
  "save-text",
  "gpu",
];

/** What a command settles itself. */
export interface ScriptPlanParts {
  /** Values under `bench`'s names, over those that are handed on. */
  readonly values: Values;
  /** Parts of the plan that `bench` has no option for. */
  readonly plan: Pick<BenchPlan, "loads" | "stops"> & Partial<BenchPlan>;
}

/** The plan of a script's command. @throws {UserError} as `planBench`. */
export async function planScript(
  scenario: Command,
  values: Values,
  parts: ScriptPlanParts,
): Promise<BenchPlan> {
  const handedOn: Record<string, OptionValue> = {};
  for (const name of SHARED) if (values[name] !== undefined) handedOn[name] = values[name];
  const plan = await planBench(
    completeValues(bench, { ...handedOn, ...parts.values }),
    scenario.name,
  );
  return {
    ...plan,
    warmups: parts.plan.loads.map(() => (values.warmup as number | undefined) ?? 0),
    ...parts.plan,
    options: repeatableValues(scenario, values),
  };
}

/** Request parameters of a backend under `bench`'s names; the user's `--extra-body` wins. */
export function backendValues(backend: ScriptBackend, values: Values): Values {
  const { temperature, topK, topP } = backend.sampling;
  const bestOf = backend.name === "vllm" ? { best_of: values["best-of"] ?? 1 } : {};
  const extra = merged({ ...backend.extraBody, ...bestOf }, values["extra-body"]);
  return {
    protocol: backend.protocol,
    ...(backend.model === undefined ? {} : { model: backend.model }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topK === undefined ? {} : { "top-k": topK }),
    ...(topP === undefined ? {} : { "top-p": topP }),
    ...(Object.keys(extra).length === 0 ? {} : { "extra-body": extra }),
  };
}

/** A patch over a patch: `null`, which removes a field of the body, has to stay. */
function merged(under: Readonly<Record<string, unknown>>, over: unknown): Record<string, unknown> {
  if (over === undefined) return { ...under };
  const patch = over as Readonly<Record<string, unknown>>;
  const result: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(patch)) {
    const both = isObject(result[name]) && isObject(value);
    result[name] = both ? { ...result[name] as object, ...value as object } : value;
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
  readonly exitCode: number;
}

/**
 * Measures a plan of one load, keeps the records where asked, says on stderr what is to be doubted.
 *
 * @throws {UserError} as `measure`, and when a file cannot be written.
 */
export async function runScript(
  plan: BenchPlan,
  host: Host,
  keep: KeepOptions,
): Promise<ScriptRun> {
  const prompts = new Map<string, Prompt>();
  const { run, folder, file, failure } = await measureRecorded(plan, host, {
    folder: keep.out,
    file: keep.recordFile,
    onDataset: (dataset) => {
      for (const prompt of dataset.prompts) prompts.set(prompt.id, prompt);
    },
    onRecord: keep.onRecord,
    onLoadEnd: keep.onLoadEnd,
  });
  if (failure !== undefined) {
    throw new UserError(`Cannot write the record file ${file}: ${failure.message}`);
  }
  const report = {
    format: "table",
    percentiles: [50, 90, 95, 99],
    maxFailuresPercent: keep.maxFailures ?? 0,
  };
  const summary = summarizeFor(run, report);
  noteDoubts(summary, host);
  if (folder !== undefined) {
    await writeReports(summary, folder);
    host.note(`Records and reports: ${folder}`);
  }
  return {
    run,
    summary,
    records: run.records.filter(({ phase }) => phase === "measure"),
    durationMs: run.ends[0]?.durationMs ?? 0,
    prompts,
    exitCode: exitCode(summary, report),
  };
}

/** Failures with their causes (T42), and checks that found something. */
function noteDoubts(summary: Summary, host: Host): void {
  const { loads } = summary;
  /** Many cases are often doubted for one reason: a line for each reason, with its cases. */
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
