/**
 * `tokometer sweep`: num-clients over a list of cases, as api_bench_tools' `benchmark_all_cuda.sh`.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import { LAUNCH_ENGINES } from "../backends/launch_engines.ts";
import { CLIENTS_COLUMNS, clientsRow } from "../metrics/script_clients_row.ts";
import { groupFailures } from "../metrics/summary_outcomes.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { measureChosen } from "./run_chosen_server.ts";
import { API_BENCH_OPTIONS, SCRIPT_RUN_OPTIONS } from "./script_options.ts";
import {
  type KeepOptions,
  readVariables,
  runScript,
  type ScriptRun,
  tokenizerIn,
} from "./script_run.ts";
import { backendOf, DEFAULT_BACKEND, findBackend, SCRIPT_BACKENDS } from "./script_target.ts";
import { numClients, planClients, SEQUENCE_OPTION } from "./command_num_clients.ts";
import { completeValues, repeatableValues } from "./option_parse.ts";
import type { Command, Host, Option, OptionValue, Values } from "./command.ts";
import { archiveSweep, openSweepLog, type SweepFiles, sweepFiles } from "./sweep_archive.ts";
import { type SweepCase, sweepCases } from "./sweep_cases.ts";
import { finishedCases, readSweepState, type SweepEnd, type SweepHeader } from "./sweep_state.ts";
import { EXIT, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

/** Columns of the result file: 4 labels and the 39 of num-clients; the script names 40 (T35). */
export const SWEEP_COLUMNS: readonly string[] = [
  "model_size(B)",
  "tp",
  "num_clients",
  "mode",
  ...CLIENTS_COLUMNS,
];

/** Options of an engine's start that a sweep has as labels of its rows. */
const LABELS: readonly string[] = ["tp", "mode"];

/** Options of num-clients that a sweep sets by its cases, or has under another name. */
const BY_CASE: readonly string[] = ["num-requests", "out", "sequence", "warmup"];

const fromVariable = (name: string) => `$${name}, if set`;

const SWEEP_OPTIONS: readonly Option[] = [
  {
    name: "base-url",
    kind: "text",
    value: "URL",
    defaultText: "$SERVER_URL, else $VLLM_SERVER_URL and the like by backend",
    help: "Where the server listens; left out with --launch.",
    group: "Server",
  },
  {
    name: "clients",
    kind: "integers",
    value: "N[,N…]",
    default: [1, 5, 10, 20, 30, 40, 50, 100, 200, 300],
    defaultText: "1, 5, 10, 20, 30, 40, 50, 100, 200, 300",
    min: 1,
    help: "Users of each case. The script's list begins with another 100 as a warm-up and keeps " +
      "its row: write 100,1,5,… for that.",
    group: "Cases",
  },
  {
    name: "turns",
    kind: "integers",
    value: "N[,N…]",
    aliases: ["num-turns"],
    default: [1],
    min: 1,
    help: "User turns of a prompt; each number with each number of users.",
    group: "Cases",
  },
  {
    name: "prompts",
    kind: "integer",
    value: "N",
    aliases: ["num-requests"],
    default: 1024,
    min: 1,
    help: "Prompts in the pool.",
    group: "Cases",
  },
  {
    name: "stop-time",
    kind: "number",
    value: "SECONDS",
    default: 300,
    min: 0,
    help: "Length of each case; 0 = until all prompts are sent.",
    group: "Cases",
  },
  {
    name: "ramp-up-time",
    kind: "number",
    value: "SECONDS",
    min: 0,
    defaultText: "0.1 for each user",
    help: "Ramp-up of each case.",
    group: "Cases",
  },
  {
    name: "cases",
    kind: "text",
    value: "FILE",
    help: 'Cases from a JSON file instead: [{"clients": 10, "turns": 1, "prompts": 1024, ' +
      '"ramp_up_time": 1, "stop_time": 300}]; all but clients may be left out.',
    group: "Cases",
  },
  SEQUENCE_OPTION,
  {
    name: "warmup",
    kind: "integer",
    value: "N",
    min: 0,
    defaultText: "one for each user, at most 64",
    help: "Requests before each case that are not counted.",
    group: "Load",
  },
  {
    name: "model-size",
    kind: "text",
    value: "B",
    defaultText: fromVariable("MODEL_SIZE"),
    help: "Label of the rows: billions of parameters.",
    group: "Labels",
  },
  {
    name: "tp",
    kind: "text",
    value: "N",
    aliases: ["tp-size", "tensor-parallel-size"],
    defaultText: `${fromVariable("TP_SIZE")}; 1 with --launch`,
    help: "Label of the rows: tensor parallelism of the server; with --launch it is started so.",
    group: "Labels",
  },
  {
    name: "mode",
    kind: "text",
    value: "NAME",
    defaultText: `${fromVariable("MODE")}; fp16 with --launch`,
    help: "Label of the rows: precision, e.g. fp16; with --launch it is started so.",
    group: "Labels",
  },
  {
    name: "folder",
    kind: "text",
    value: "DIR",
    default: ".",
    help: "Where log/ and result/ are.",
    group: "Report",
  },
  {
    name: "resume",
    kind: "flag",
    help: "Go on with the sweep that was interrupted: cases that ended well are not run again.",
    group: "Report",
  },
];

/** The scenario `sweep`. */
export const sweep: Command = {
  name: "sweep",
  aliases: ["benchmark-all-cuda"],
  summary: "num-clients over a list of cases into one CSV (api_bench_tools)",
  description:
    "What benchmark_all_cuda.sh does: runs num-clients with a growing number of users and appends " +
    "a row to result/benchmark_BACKEND_all_cuda_result.csv as each case ends. When a new sweep " +
    "starts, the results and the log of the previous one move to result/<date>/.\n\n" +
    "A case that fails is named with its reason and does not stop the sweep; the exit code is then " +
    "1. An interrupted sweep goes on with --resume. The environment variables of env_setup.sh are " +
    "honored: BACKEND, MODEL_SIZE, TP_SIZE, MODE, ENABLE_SYSTEM_PROMPT, SYSTEM_PROMPT_PATH, " +
    "DATASET_PATH, BENCHMARK_TOKENIZER_PATH, HF_MODEL_PATH (for the tokenizer), SERVER_URL, " +
    "VLLM_SERVER_URL and the like. Keys go into no file.",
  positionals: [],
  options: [
    ...SWEEP_OPTIONS,
    ...API_BENCH_OPTIONS.filter(({ name }) => ![...BY_CASE, ...LABELS].includes(name))
      .map(withVariable),
    ...SCRIPT_RUN_OPTIONS.filter(({ name }) => !BY_CASE.includes(name)),
  ],
  examples: [
    {
      line: "tokometer sweep --base-url http://127.0.0.1:8000 --model-size 7 --tp 1 --mode fp16 " +
        "--clients 1,8,64 --stop-time 60 --dataset-path samples_1024.json",
      does: "three cases of a minute",
    },
    {
      line: "tokometer sweep --backend ppl --base-url 127.0.0.1:23333 --model-size 7 --tp 1 " +
        "--mode fp16 --clients 100,1,5,10,20,30,40,50,100,200,300",
      does: "the script's own list, its first case being a warm-up whose row stays",
    },
    {
      line: "tokometer sweep --resume --base-url http://127.0.0.1:8000 --model-size 7 --tp 1 " +
        "--mode fp16 --clients 1,8,64 --stop-time 60 --dataset-path samples_1024.json",
      does: "goes on where the first example was interrupted",
    },
  ],
  run: runSweep,
};

/** The environment may give a default. */
function withVariable(option: Option): Option {
  if (option.name !== "backend") return option;
  return {
    ...option,
    defaultText: `$BACKEND, else ${DEFAULT_BACKEND}; with --launch the engine's own`,
  };
}

/** Variables of `env_setup.sh`, by the option that they stand for. */
const VARIABLES: Readonly<Record<string, string>> = {
  "model-size": "MODEL_SIZE",
  tp: "TP_SIZE",
  mode: "MODE",
  "dataset-path": "DATASET_PATH",
  tokenizer: "BENCHMARK_TOKENIZER_PATH",
};

const OTHER_VARIABLES: readonly string[] = [
  "BACKEND",
  "SERVER_URL",
  "ENABLE_SYSTEM_PROMPT",
  "SYSTEM_PROMPT_PATH",
  "HF_MODEL_PATH",
];

/** Every environment variable that a sweep reads, keys apart. */
export const SWEEP_VARIABLES: readonly string[] = [
  ...Object.values(VARIABLES),
  ...OTHER_VARIABLES,
  ...SCRIPT_BACKENDS.flatMap(({ urlVariable }) => urlVariable ?? []),
];

/**
 * Fills in what the environment says and the command line does not.
 *
 * @throws {UserError} for a label or an address that neither gives, or an unknown backend.
 */
export async function sweepValues(
  values: Values,
  environment: Readonly<Record<string, string>>,
): Promise<Values> {
  const result: Record<string, OptionValue> = { ...values };
  for (const [option, variable] of Object.entries(VARIABLES)) {
    result[option] ??= environment[variable];
  }
  const engine = LAUNCH_ENGINES.find(({ name }) => name === values.launch);
  if (engine !== undefined) {
    // What is started decides, and no variable about another server.
    result.backend ??= backendOf(engine);
    result.tp ??= "1";
    result.mode ??= "fp16";
  }
  result.backend ??= environment.BACKEND ?? DEFAULT_BACKEND;
  const backend = findBackend(result.backend as string);
  const known = API_BENCH_OPTIONS.find(({ name }) => name === "backend")?.choices ?? [];
  if (!known.includes(backend.name)) {
    throw new UserError(
      `Cannot use BACKEND=${backend.name}: give one of ${
        SCRIPT_BACKENDS.map(({ name }) => name).join(", ")
      }`,
    );
  }
  const { urlVariable = "SERVER_URL" } = backend;
  if (engine === undefined) {
    result["base-url"] ??= environment.SERVER_URL ?? environment[urlVariable];
  }
  if (/^[1-9]/.test(environment.ENABLE_SYSTEM_PROMPT ?? "")) {
    result["system-prompt-path"] ??= environment.SYSTEM_PROMPT_PATH;
  }
  if (result["base-url"] === undefined && engine === undefined) {
    throw new UserError(
      `Cannot sweep without an address: give --base-url, or set ${urlVariable} or SERVER_URL; or ` +
        "start a server with --launch",
    );
  }
  for (const name of ["model-size", "tp", "mode"]) {
    if (result[name] === undefined) {
      throw new UserError(
        `Cannot sweep without --${name}, a label of the rows: give it, or set ${VARIABLES[name]}`,
      );
    }
  }
  const models = environment.HF_MODEL_PATH;
  result.tokenizer ??= models === undefined
    ? undefined
    : await tokenizerIn(`${models}/llama-${result["model-size"]}b-hf`);
  return result;
}

async function runSweep(given: Values, host: Host): Promise<number> {
  const values = await sweepValues(given, await readVariables(SWEEP_VARIABLES));
  const own = { ...values, ...values.launch === undefined ? {} : { tp: gpusOf(values.tp) } };
  const place = { address: "base-url", shown: "--base-url", own: LABELS };
  return await measureChosen(own, host, place, async ({ url }) => {
    const planned = await planSweep(values, url);
    return { plan: planned.plans[0]!, run: (watched) => measureCases(planned, values, watched) };
  });
}

/** The label as a number, where a server is started by it. @throws {UserError} */
function gpusOf(tp: OptionValue): number {
  if (/^\d+$/.test(String(tp))) return Number(tp);
  throw new UserError(`Cannot use --tp ${tp} with --launch: give a power of two, 1, 2, 4, 8`);
}

/** A sweep with everything checked. */
interface PlannedSweep {
  readonly cases: readonly SweepCase[];
  /** One for each case. */
  readonly plans: readonly BenchPlan[];
  readonly files: SweepFiles;
  readonly header: SweepHeader;
  /** Of the sweep that is resumed; absent for a new one. */
  readonly finished?: ReadonlyMap<number, SweepEnd>;
}

async function planSweep(values: Values, url: string): Promise<PlannedSweep> {
  const cases = await sweepCases(values);
  const plans: BenchPlan[] = [];
  // All of them before the first starts: a mistake in the options is no failed case.
  for (const one of cases) plans.push(await planCase({ ...values, "base-url": url }, one));
  const files = sweepFiles(values.folder as string, values.backend as string);
  const header: SweepHeader = {
    schema: "tokometer.sweep/1",
    version: VERSION,
    startedAt: new Date(wallClockMs()).toISOString(),
    options: repeatableValues(sweep, values),
    cases,
  };
  const state = values.resume === true ? await readSweepState(files.cases) : undefined;
  const finished = state === undefined ? undefined : finishedCases(state, header);
  // The state is the truth, and it began with other words: times and versions.
  const begun = state === undefined ? header : state.header;
  return { cases, plans, files, header: begun, ...(finished === undefined ? {} : { finished }) };
}

async function measureCases(planned: PlannedSweep, values: Values, host: Host): Promise<number> {
  const { cases, plans, files } = planned;
  const finished = await startFiles(planned, { values, host });
  const log = await openSweepLog(files, wallClockMs);
  if (values.resume === true) await log.write("INFO", `resumed, ${finished.size} cases are done`);

  let failures = 0;
  for (const [index, one] of cases.entries()) {
    if (finished.has(index)) continue;
    if (host.interrupted.aborted) break;
    const title = caseTitle(one, values);
    host.print(title);
    await log.write("INFO", title);
    const records = await freeName(`${files.records}/${index + 1}_${one.clients}clients`);
    const end = await runCase(plans[index]!, {
      recordFile: records,
      maxFailures: values["max-failures"] as number,
    }, host);
    if (end === undefined) break;
    await finishCase(files, {
      index,
      case: one,
      endedAt: new Date(wallClockMs()).toISOString(),
      ...("failed" in end ? { failed: end.failed } : { row: [...labels(one, values), ...end.row] }),
      records: records.slice(files.resultFolder.length + 1),
    });
    if ("failed" in end || end.exceeded) failures++;
    if ("failed" in end) {
      host.print(`[FAILED] ${end.failed}`);
      await log.write("ERROR", `[FAILED] ${end.failed}`);
    } else {
      host.print(`[OK] ${end.row.join(",")}`);
      await log.write("INFO", `[OK] ${end.row.join(",")}`);
    }
  }
  if (host.interrupted.aborted) {
    await log.write("WARNING", "interrupted");
    host.note("Interrupted; the same command with --resume goes on from here");
    return EXIT.interrupted;
  }
  host.note(`Results: ${files.csv}`);
  if (failures > 0) host.note(`Failed, in part or whole: ${failures} of ${cases.length} cases`);
  return failures > 0 ? EXIT.failures : EXIT.ok;
}

/** The plan of a case: num-clients with the sweep's options. */
async function planCase(values: Values, one: SweepCase): Promise<BenchPlan> {
  const known = new Set([
    ...numClients.options.map(({ name }) => name),
    ...numClients.positionals.map(({ name }) => name),
  ]);
  const common = Object.fromEntries(Object.entries(values).filter(([name]) => known.has(name)));
  return await planClients(
    numClients,
    completeValues(numClients, {
      ...common,
      "num-requests": one.prompts,
      "num-turns": one.turns,
      "num-clients": one.clients,
      "ramp-up-time": one.rampUpTime,
      "stop-time": one.stopTime,
      warmup: values.warmup ?? Math.min(one.clients, MOST_WARMUPS),
    }),
  );
}

const MOST_WARMUPS = 64;

function caseTitle(one: SweepCase, values: Values): string {
  const { "model-size": size, tp, mode, backend } = values;
  return `[BENCHMARK ${size}B TP${tp} TURNS${one.turns} CLIENTS${one.clients} ` +
    `RAMP_UP_TIME${one.rampUpTime} STOP_TIME${one.stopTime} ` +
    `${(mode as string).toUpperCase()} BACKEND${backend}]`;
}

function labels(one: SweepCase, values: Values): string[] {
  return [values["model-size"], values.tp, one.clients, values.mode].map(String);
}

/** Archives and starts anew, or takes up the files of the sweep that was interrupted. */
async function startFiles(
  { files, header, finished }: PlannedSweep,
  { values, host }: { readonly values: Values; readonly host: Host },
): Promise<ReadonlyMap<number, SweepEnd>> {
  if (finished !== undefined) {
    // The state is the truth: a kill between the two files would leave them apart.
    await startResults(files, [...finished.values()]);
    await writeLines(files.cases, [header, ...finished.values()]);
    return finished;
  }
  if (values.resume === true) host.note("There is no sweep to resume; starting a new one");
  const archived = await archiveSweep(files);
  if (archived !== undefined) host.note(`The previous sweep is in ${archived}`);
  await Deno.mkdir(files.records, { recursive: true });
  await startResults(files, []);
  await writeLines(files.cases, [header]);
  return new Map();
}

async function startResults(files: SweepFiles, ends: readonly SweepEnd[]): Promise<void> {
  const rows = ends.toSorted((a, b) => a.index - b.index).map(({ row = [] }) => row);
  const lines = [SWEEP_COLUMNS, ...rows].map((cells) => `${cells.join(",")}\n`);
  await Deno.writeTextFile(files.csv, lines.join(""));
}

async function writeLines(path: string, values: readonly unknown[]): Promise<void> {
  // Another name first: a kill in between must not cost what is remembered.
  const fresh = `${path}.new`;
  await Deno.writeTextFile(fresh, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  await Deno.rename(fresh, path);
}

async function finishCase(files: SweepFiles, end: SweepEnd): Promise<void> {
  await Deno.writeTextFile(files.cases, `${JSON.stringify(end)}\n`, { append: true });
  if (end.row === undefined) return;
  await Deno.writeTextFile(files.csv, `${end.row.join(",")}\n`, { append: true });
}

type CaseEnd =
  | { readonly row: readonly string[]; readonly exceeded: boolean }
  | { readonly failed: string };

/** The row of a case, why it failed, or nothing when it was interrupted. */
async function runCase(
  plan: BenchPlan,
  keep: KeepOptions,
  host: Host,
): Promise<CaseEnd | undefined> {
  let ran: ScriptRun;
  try {
    ran = await runScript(plan, host, keep);
  } catch (error) {
    // The server, or what the case asks of it; anything else is our fault and not the case's.
    if (!(error instanceof UserError)) throw error;
    return host.interrupted.aborted ? undefined : { failed: error.message };
  }
  if (host.interrupted.aborted) return undefined;
  if (ran.records.some(({ outcome }) => outcome.kind === "ok")) {
    const row = clientsRow(ran.records, ran.durationMs);
    return { row, exceeded: ran.exitCode === EXIT.failures };
  }
  const [first] = groupFailures(ran.records);
  const cause = first === undefined
    ? ""
    : `, ${first.kind.replaceAll("_", " ")}: ${
      first.messages.map(({ message }) => message).join("; ")
    }`;
  return { failed: `none of ${ran.records.length} requests completed${cause}` };
}

/** `<stem>.jsonl`, or the first free `<stem>-2.jsonl`: an interrupted case has left its own. */
async function freeName(stem: string): Promise<string> {
  for (let n = 1;; n++) {
    const path = `${stem}${n === 1 ? "" : `-${n}`}.jsonl`;
    try {
      await Deno.stat(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return path;
      throw error;
    }
  }
}
