/**
 * Options of the commands that stand for older scripts: `bench`'s own, picked by name, so that one
 * place says what each means.
 *
 * @module
 */
import {
  DATASET_OPTIONS,
  LOAD_OPTIONS,
  REPORT_OPTIONS,
  REQUEST_OPTIONS,
  SAVE_OPTIONS,
  TARGET_OPTIONS,
} from "./bench_options.ts";
import { BACKEND_CHOICES, DEFAULT_BACKEND } from "./script_target.ts";
import { launchOptions } from "./server_launch.ts";
import type { Option } from "./command.ts";

const KNOWN: readonly Option[] = [
  ...TARGET_OPTIONS,
  ...LOAD_OPTIONS,
  ...DATASET_OPTIONS,
  ...REQUEST_OPTIONS,
  ...REPORT_OPTIONS,
  ...SAVE_OPTIONS,
];

/** The option of `bench` of that name, with what differs. */
export function benchOption(name: string, change: Partial<Option> = {}): Option {
  const found = KNOWN.find((option) => option.name === name);
  if (found === undefined) throw new TypeError(`Cannot find the option "${name}" of bench`);
  return { ...found, ...change };
}

/** How the server is reached, beyond its address. */
export const SCRIPT_SERVER_OPTIONS: readonly Option[] = [
  benchOption("api-key"),
  benchOption("transport", { advanced: true }),
  benchOption("timeout", { advanced: true }),
  benchOption("header"),
  benchOption("ca-cert"),
  benchOption("insecure"),
  benchOption("proxy-local"),
];

/** Whatever a command of old did not have: records, warm-up, worker threads, exit code. */
export const SCRIPT_RUN_OPTIONS: readonly Option[] = [
  benchOption("warmup", {
    default: 0,
    defaultText: "0",
    help: "Requests before the load that are not counted; the script sends none.",
  }),
  benchOption("grace", {
    default: 600,
    help: "How long requests in flight may finish after the stop time or an interrupt; the " +
      "script waits for all of them.",
  }),
  benchOption("workers"),
  benchOption("extra-body", { advanced: true }),
  benchOption("max-failures"),
  benchOption("out", {
    defaultText: "none: nothing is kept",
    help: "New folder for the record file and our own reports of the same run.",
  }),
  benchOption("save-text"),
  benchOption("gpu"),
];

/** The options that both api_bench_tools scripts have. */
export const API_BENCH_OPTIONS: readonly Option[] = [
  {
    name: "backend",
    kind: "text",
    value: "NAME",
    aliases: ["protocol"],
    defaultText: `${DEFAULT_BACKEND}; with --launch the engine's own`,
    choices: BACKEND_CHOICES,
    help: "Engine, with the script's own request parameters, or one of our protocols.",
    group: "Server",
  },
  benchOption("model", {
    help: "Model name to send; where it is a folder with a tokenizer, that one counts.",
  }),
  benchOption("endpoint", { advanced: false }),
  ...SCRIPT_SERVER_OPTIONS,
  ...launchOptions(),
  benchOption("dataset-path", { defaultText: "the built-in sample" }),
  {
    name: "dataset",
    kind: "text",
    value: "NAME",
    default: "sharegpt",
    choices: ["sharegpt", "xiaomi"],
    help: "Format of the file: ShareGPT, or JSON lines with messages (answers of 200 tokens).",
    group: "Prompts",
  },
  {
    name: "num-requests",
    kind: "integer",
    value: "N",
    default: 1000,
    min: 1,
    help: "Prompts in the pool.",
    group: "Prompts",
  },
  {
    name: "sharegpt-output-len",
    kind: "integer",
    value: "N",
    min: 4,
    defaultText: "those of the dataset's answers",
    help: "Answer length to ask for in every request.",
    group: "Prompts",
  },
  benchOption("tokenizer", {
    defaultText: "that of --model or --model-path if it is a folder, else lengths are estimates",
  }),
  {
    name: "system-prompt-path",
    kind: "text",
    value: "FILE",
    help: "Text put before every prompt.",
    group: "Prompts",
  },
  benchOption("seed", {
    help: "Of what is drawn on our side; the script's sampler always uses 0.",
  }),
  benchOption("length"),
  {
    name: "best-of",
    kind: "integer",
    value: "N",
    default: 1,
    min: 1,
    help: "Field best_of of the request (vllm).",
    group: "Request",
    advanced: true,
  },
  {
    name: "use-beam-search",
    kind: "flag",
    help: "Refused, as by the script.",
    group: "Request",
    advanced: true,
  },
  {
    name: "trust-remote-code",
    kind: "flag",
    help: "Has no meaning here: a tokenizer is data, no code of a model is ever run.",
    group: "Request",
    advanced: true,
  },
];

/** Prints the script's own, wrong numbers beside ours. */
export function scriptNumbersOption(on: boolean, differences: string): Option {
  return {
    name: "script-numbers",
    kind: "flag",
    default: on,
    help: `Print the numbers as the script computes them, too, labeled: ${differences}.`,
    group: "Report",
  };
}
