/**
 * Options of the commands that stand for older scripts: `bench`'s own with what differs, so that one
 * place says what each means.
 *
 * @module
 */
import type { MeasureValues } from "./bench_options.ts";
import { LOAD_OPTIONS } from "./bench_options_load.ts";
import { DATASET_OPTIONS } from "./bench_options_prompts.ts";
import { REPORT_OPTIONS, SAVE_OPTIONS } from "./bench_options_report.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import { TARGET_OPTIONS } from "./bench_options_server.ts";
import { group, option } from "./option_table.ts";
import { BACKEND_CHOICES, DEFAULT_BACKEND } from "./script_target.ts";
import { LAUNCH_OPTIONS } from "./server_launch_options.ts";

/** Options of `bench` that mean the same in a script's command. */
export type SharedValues = Pick<MeasureValues, typeof SHARED_KEYS[number]>;

/** Keys of {@linkcode SharedValues}: their values are handed on as they are. */
export const SHARED_KEYS = [
  ...["model", "endpoint", "header", "apiKey", "transport", "timeout", "wait", "caCert"] as const,
  ...["insecure", "proxyLocal", "datasetPath", "tokenizer", "numTurns", "length"] as const,
  ...["stream", "temperature", "topP", "topK", "seed", "grace", "workers", "stopOnErrors"] as const,
  ...["extraBody", "saveText", "gpu"] as const,
] satisfies readonly (keyof MeasureValues)[];

const { apiKey, transport, timeout, wait, header, caCert, insecure, proxyLocal } = TARGET_OPTIONS;

/** How the server is reached, beyond its address. */
export const SCRIPT_SERVER_OPTIONS = {
  ...{ apiKey, header, caCert, insecure, proxyLocal },
  transport: { ...transport, advanced: true },
  timeout: { ...timeout, advanced: true },
  wait: { ...wait, advanced: true },
};

/** What the scripts did not have: records, warm-up, worker threads, exit code. */
export const SCRIPT_RUN_OPTIONS = {
  warmup: option.integer({
    ...LOAD_OPTIONS.warmup,
    default: 0,
    help: "Requests before the load that are not counted; the script sends none.",
  }),
  grace: option.number({
    ...LOAD_OPTIONS.grace,
    default: 600,
    help: "Time for requests in flight to finish after the stop time or an interrupt; the script " +
      "waits for all of them.",
  }),
  workers: LOAD_OPTIONS.workers,
  stopOnErrors: LOAD_OPTIONS.stopOnErrors,
  extraBody: { ...REQUEST_OPTIONS.extraBody, advanced: true },
  maxFailures: option.number({ ...REPORT_OPTIONS.maxFailures, default: 0 }),
  out: {
    ...SAVE_OPTIONS.out,
    needs: [],
    defaultText: "none: nothing is kept",
    help: "New folder for the record file and our own reports of the same run.",
  },
  saveText: {
    ...SAVE_OPTIONS.saveText,
    needs: [{ key: "out", because: "without it nothing is kept, add --out DIR" }],
  },
  gpu: SAVE_OPTIONS.gpu,
};

/** Address of the server in the api_bench_tools scripts. */
export const BASE_URL = option.optionalArgument({
  help: "where the server listens, e.g. http://127.0.0.1:8000",
  unless: "launch",
});

/** The options that both api_bench_tools scripts have. */
export const API_BENCH_OPTIONS = {
  backend: option.choice({
    aliases: ["protocol"],
    defaultText: `${DEFAULT_BACKEND}; with --launch the engine's own`,
    choices: BACKEND_CHOICES,
    help: "Engine, with the script's own request parameters, or one of our protocols.",
    group: "Server",
  }),
  model: {
    ...TARGET_OPTIONS.model,
    help: "Model name to send; a folder with a tokenizer is also the default of --tokenizer.",
  },
  endpoint: { ...TARGET_OPTIONS.endpoint, advanced: false },
  ...SCRIPT_SERVER_OPTIONS,
  ...LAUNCH_OPTIONS,
  ...group("Prompts", {
    datasetPath: option.file({ defaultText: "the built-in sample", help: "File of the dataset." }),
    dataset: option.choice({
      default: "sharegpt",
      choices: ["sharegpt", "xiaomi"],
      help: "Format of the file: ShareGPT, or JSON lines with messages (answers of 200 tokens).",
    }),
    numRequests: option.integer({ default: 1000, min: 1, help: "Prompts in the pool." }),
    sharegptOutputLen: option.integer({
      min: 4,
      defaultText: "those of the dataset's answers",
      help: "Answer length to request in every request.",
    }),
  }),
  tokenizer: {
    ...DATASET_OPTIONS.tokenizer,
    defaultText: "that of --model or --model-path if it is a folder, else lengths are estimates",
  },
  systemPromptPath: option.file({ help: "Text sent before every prompt.", group: "Prompts" }),
  seed: {
    ...DATASET_OPTIONS.seed,
    help: "Seed of what the client draws; the script's sampler always uses 0.",
  },
  length: REQUEST_OPTIONS.length,
  ...group("Request", {
    bestOf: option.integer({
      default: 1,
      min: 1,
      help: "Field best_of of the request (vllm).",
      advanced: true,
    }),
    useBeamSearch: option.flag({ help: "Refused, as by the script.", advanced: true }),
    trustRemoteCode: option.flag({
      help: "Has no effect: tokenizers are data, and no code of a model is ever run.",
      advanced: true,
    }),
  }),
};

/** Which prompts LMDeploy's scripts sample from a ShareGPT file. */
export const SAMPLE_OPTIONS = {
  sampler: option.choice({
    default: "lmdeploy",
    choices: ["lmdeploy", "lmdeploy-presample", "seeded"],
    help: "The script's sampler up to v0.2.5, the one since v0.2.6, or ours.",
    group: "Prompts",
    advanced: true,
  }),
  seed: { ...DATASET_OPTIONS.seed, help: "Seed of the sample of prompts." },
};

/** The CSV of LMDeploy's scripts; `path` is the script's own default. */
export function csvOptions(path: string) {
  return {
    ...group("Report", {
      csv: option.file({
        default: path,
        needs: [{ key: "noCsv", not: true, because: "give one of them" }],
        emptyIsNone: true,
        help:
          "File for the results; an existing one is replaced, as by the script. '' writes none.",
      }),
      noCsv: option.flag({ help: "Write no CSV: the same as --csv ''." }),
    }),
  };
}

/** Users of LMDeploy's scripts, who share one queue of prompts. */
export function queueOptions(defaults: { readonly users: number; readonly prompts: number }) {
  return {
    concurrency: option.integer({
      aliases: ["c"],
      default: defaults.users,
      min: 1,
      help: "Users, each sending the next prompt of the queue when its answer is complete.",
      group: "Load",
    }),
    numPrompts: option.integer({
      aliases: ["n"],
      default: defaults.prompts,
      min: 1,
      help: "Prompts to sample; each is sent once.",
      group: "Prompts",
    }),
  };
}

/** A choice of CSV columns. The first layout is the default. */
export function layoutOption<const L extends string>(layouts: readonly L[], initial: NoInfer<L>) {
  return option.choice({
    value: "VERSION",
    default: initial,
    choices: layouts,
    needs: [{ key: "noCsv", not: true, because: "no CSV is written" }],
    help: "Columns of the release v0.1.0 and later, or of v0.1.0a1.",
    group: "Report",
  });
}

/** Prints the script's own, wrong numbers beside ours. */
export function scriptNumbersOption(on: boolean, differences: string) {
  return option.flag({
    default: on,
    help: `Also print the numbers as the script computes them, labeled: ${differences}.`,
    group: "Report",
  });
}
