/**
 * Options of the sweep, and the environment variables that stand in for them.
 *
 * @module
 */
import { LAUNCH_ENGINES } from "../backends/launch_engines.ts";
import { LOAD_OPTIONS } from "./bench_options_load.ts";
import type { ValuesOf } from "./command.ts";
import { group, option } from "./option_table.ts";
import { SEQUENCE_OPTION } from "./script_clients.ts";
import { API_BENCH_OPTIONS, SCRIPT_RUN_OPTIONS } from "./script_options.ts";
import { tokenizerIn } from "./script_run.ts";
import {
  BACKEND_CHOICES,
  backendOf,
  DEFAULT_BACKEND,
  findBackend,
  SCRIPT_BACKENDS,
} from "./script_target.ts";
import { UserError } from "./user_error.ts";

/** Most warm-up requests of a case that asks for none. */
export const MOST_SWEEP_WARMUPS = 64;

const fromVariable = (name: string) => `$${name}, if set`;

// The sweep has them under other names, or one folder for all of them.
const { numRequests: _numRequests, ...API_BENCH } = API_BENCH_OPTIONS;
const { out: _out, saveText, ...RUN } = SCRIPT_RUN_OPTIONS;

/** Options of the command. */
export const SWEEP_OPTIONS = {
  baseUrl: option.text({
    value: "URL",
    defaultText: "$SERVER_URL, else $VLLM_SERVER_URL and the like by backend",
    help: "Where the server listens; left out with --launch.",
    group: "Server",
  }),
  ...group("Cases", {
    clients: option.integers({
      default: [1, 5, 10, 20, 30, 40, 50, 100, 200, 300],
      min: 1,
      needs: [{ key: "cases", not: true, because: "the file lists the users of each case" }],
      help: "Numbers of users. The script's list begins with another 100 as a warm-up and keeps " +
        "its row: write 100,1,5,… for that.",
    }),
    turns: option.integers({
      aliases: ["num-turns"],
      default: [1],
      min: 1,
      help: "User messages per prompt; each number with each number of users.",
    }),
    prompts: option.integer({
      aliases: ["num-requests"],
      default: 1024,
      min: 1,
      help: "Prompts in the pool.",
    }),
    stopTime: option.seconds({
      default: 300,
      help: "Length of each case; 0 = until all prompts are sent.",
    }),
    rampUpTime: option.seconds({ defaultText: "0.1 per user", help: "Ramp-up of each case." }),
    cases: option.file({
      help: 'Cases from a JSON file instead: [{"clients": 10, "turns": 1, "prompts": 1024, ' +
        '"ramp_up_time": 1, "stop_time": 300}]; all but clients may be left out.',
    }),
  }),
  sequence: SEQUENCE_OPTION,
  modelSize: option.text({
    value: "B",
    defaultText: fromVariable("MODEL_SIZE"),
    help: "Label of the rows: billions of parameters.",
    group: "Labels",
  }),
  ...group("Report", {
    folder: option.text({ value: "DIR", default: ".", help: "Where log/ and result/ are." }),
    resume: option.flag({
      help: "Go on with the sweep that was interrupted: cases that ended well are not run again.",
    }),
  }),
  ...API_BENCH,
  ...RUN,
  saveText: { ...saveText, needs: [] },
  backend: {
    ...API_BENCH.backend,
    defaultText: `$BACKEND, else ${DEFAULT_BACKEND}; with --launch the engine's own`,
  },
  warmup: {
    ...LOAD_OPTIONS.warmup,
    defaultText: `one per user, at most ${MOST_SWEEP_WARMUPS}`,
    help: "Requests before each case that are not counted.",
  },
  ...group("Labels", {
    tp: option.text({
      value: "N",
      aliases: ["tp-size", "tensor-parallel-size"],
      defaultText: `${fromVariable("TP_SIZE")}; 1 with --launch`,
      help: "Label of the rows: tensor parallelism of the server; with --launch it is started so.",
    }),
    mode: option.text({
      value: "NAME",
      defaultText: `${fromVariable("MODE")}; fp16 with --launch`,
      help: "Label of the rows: precision, e.g. fp16; with --launch it is started so.",
    }),
  }),
};

/** Values as given. */
export type GivenSweepValues = ValuesOf<typeof SWEEP_OPTIONS>;

/** Values with what the environment adds. */
export type SweepValues =
  & GivenSweepValues
  & Readonly<Record<"backend" | "modelSize" | "tp" | "mode", string>>;

/** Variables of `env_setup.sh`, by the option that they stand for. */
const VARIABLES = {
  modelSize: "MODEL_SIZE",
  tp: "TP_SIZE",
  mode: "MODE",
  datasetPath: "DATASET_PATH",
  tokenizer: "BENCHMARK_TOKENIZER_PATH",
} as const;

/** Every environment variable that a sweep reads, keys apart. */
export const SWEEP_VARIABLES: readonly string[] = [
  ...Object.values(VARIABLES),
  ...["BACKEND", "SERVER_URL", "ENABLE_SYSTEM_PROMPT", "SYSTEM_PROMPT_PATH", "HF_MODEL_PATH"],
  ...SCRIPT_BACKENDS.flatMap(({ urlVariable }) => urlVariable ?? []),
];

/**
 * Adds what the environment says and the command line does not.
 *
 * @throws {UserError} for a label or an address that neither gives, or an unknown backend.
 */
export async function sweepValues(
  given: GivenSweepValues,
  environment: Readonly<Record<string, string>>,
): Promise<SweepValues> {
  const engine = LAUNCH_ENGINES.find(({ name }) => name === given.launch);
  // With --launch the engine decides, not a variable about another server.
  const backend = findBackend(
    given.backend ?? (engine === undefined ? undefined : backendOf(engine)) ??
      environment.BACKEND ?? DEFAULT_BACKEND,
  );
  if (!BACKEND_CHOICES.includes(backend.name)) {
    throw new UserError(
      `Cannot use BACKEND=${backend.name}: give one of ${
        SCRIPT_BACKENDS.map(({ name }) => name).join(", ")
      }`,
    );
  }
  const { urlVariable = "SERVER_URL" } = backend;
  const baseUrl = given.baseUrl ??
    (engine === undefined ? environment.SERVER_URL ?? environment[urlVariable] : undefined);
  if (baseUrl === undefined && engine === undefined) {
    throw new UserError(
      `Cannot sweep without an address: give --base-url, or set ${urlVariable} or SERVER_URL; or ` +
        "start a server with --launch",
    );
  }
  const label = (key: "modelSize" | "tp" | "mode", name: string, launched?: string): string => {
    const value = given[key] ?? environment[VARIABLES[key]] ??
      (engine === undefined ? undefined : launched);
    if (value !== undefined) return value;
    throw new UserError(
      `Cannot sweep without --${name}, a label of the rows: give it, or set ${VARIABLES[key]}`,
    );
  };
  const modelSize = label("modelSize", "model-size");
  const systemPrompt = /^[1-9]/.test(environment.ENABLE_SYSTEM_PROMPT ?? "");
  const models = environment.HF_MODEL_PATH;
  return {
    ...given,
    backend: backend.name,
    baseUrl,
    modelSize,
    tp: label("tp", "tp", "1"),
    mode: label("mode", "mode", "fp16"),
    datasetPath: given.datasetPath ?? environment[VARIABLES.datasetPath],
    systemPromptPath: given.systemPromptPath ??
      (systemPrompt ? environment.SYSTEM_PROMPT_PATH : undefined),
    tokenizer: given.tokenizer ?? environment[VARIABLES.tokenizer] ??
      (models === undefined ? undefined : await tokenizerIn(`${models}/llama-${modelSize}b-hf`)),
  };
}
