/**
 * Commands that stand for scripts with an engine inside: a folder with an ONNX model is run in this
 * program, a URL is a server that somebody has started, and `--launch` starts one on a model.
 *
 * @module
 */
import { checkTensorParallel } from "../backends/launch_engines.ts";
import { findProtocol, PROTOCOLS } from "../backends/protocols.ts";
import {
  DTYPES,
  isModelFolder,
  type ModelFolder,
  pathExists,
} from "../backends/transformers_folder.ts";
import { transformers } from "../backends/protocol_transformers.ts";
import {
  type ChosenServer,
  idsProtocol,
  isUrl,
  measureChosen,
  type ServerRun,
} from "./run_chosen_server.ts";
import { benchOption } from "./script_options.ts";
import { checkedByEngine, launchOptions } from "./server_launch.ts";
import { checkModelFolder } from "./bench_model_folder.ts";
import type { Host, Option, Positional, Values } from "./command.ts";
import { UserError } from "./user_error.ts";

/** What is measured. */
export const MODEL_POSITIONAL: Positional = {
  name: "model-path",
  help: "folder with an ONNX model to run in this program, URL of a server, or with --launch the " +
    "model to start the engine on",
  required: true,
};

const DEFAULT_PROTOCOL = "openai-completions";
const IN_PROCESS = "Model in this program";
const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

/** Options of the scripts' own engines: they say how an engine is started. */
const START_NAMES: readonly string[] = [
  "tp",
  "cache-max-entry-count",
  "session-len",
  "model-format",
];

/** Options of `LAUNCH_OPTIONS` that may stand without `--launch`. */
const OWN_NAMES: readonly string[] = [...START_NAMES, "model-path", "log-level"];

/** Options about the engine. */
export const ENGINE_SCRIPT_OPTIONS: readonly Option[] = [
  {
    name: "protocol",
    kind: "text",
    value: "NAME",
    aliases: ["backend"],
    choices: PROTOCOLS.map(({ name }) => name),
    defaultText:
      `${transformers.name} for a folder, ${DEFAULT_PROTOCOL} for a URL, with --launch ` +
      "the engine's own",
    help: "How the server speaks.",
    group: "Server",
  },
  benchOption("model"),
  {
    name: "max-batch-size",
    kind: "integer",
    value: "N",
    min: 1,
    defaultText: "no limit",
    help: "Requests generated at once; the others wait. Not for a server.",
    group: IN_PROCESS,
  },
  {
    name: "dtype",
    kind: "text",
    value: "NAME",
    choices: DTYPES,
    defaultText: "the first that the folder has",
    help: "Kind of numbers: which of the folder's ONNX files is loaded. Not for a server.",
    group: IN_PROCESS,
  },
  {
    name: "threads",
    kind: "integer",
    value: "N",
    min: 1,
    defaultText: "the runtime's choice",
    help: "Threads of one step of the model. Not for a server.",
    group: IN_PROCESS,
  },
  {
    name: "log-level",
    kind: "text",
    value: "LEVEL",
    choices: LOG_LEVELS,
    defaultText: "ERROR; with --launch the engine's",
    help:
      "How much the runtime of the model writes to stderr, or with --launch the server to its " +
      "log.",
    group: IN_PROCESS,
    advanced: true,
  },
  ...launchOptions(["model-path", "log-level"]).map(sayUnused),
];

function sayUnused(option: Option): Option {
  if (!START_NAMES.includes(option.name)) return option;
  return { ...option, help: `${option.help} Without --launch it changes nothing.` };
}

/** What a model path or URL stands for. */
export interface ScriptEngine {
  readonly protocol: string;
  readonly url: string;
  /** Absent for a server, and for a model on a hub. */
  readonly folder?: ModelFolder;
  readonly inProcess: boolean;
  /** Settings of the engine under the user's `--extra-body`. */
  readonly extraBody: Readonly<Record<string, unknown>>;
}

/** What differs between the scripts that have an engine inside. */
export interface ScriptEngineOptions {
  /** Prompts are token ids, which not every protocol takes. */
  readonly tokenIds: boolean;
}

/**
 * Measures the engine that the model path and the options choose.
 *
 * @throws {UserError} when it is neither an ONNX folder nor a URL nor to be launched, and as
 * `measureChosen`.
 */
export async function measureEngine(
  values: Values,
  host: Host,
  options: ScriptEngineOptions,
  prepare: (engine: ScriptEngine) => Promise<ServerRun>,
): Promise<number> {
  const place = { address: MODEL_POSITIONAL.name, own: OWN_NAMES };
  return await measureChosen(
    values,
    host,
    place,
    async (server) => await prepare(await chooseEngine(values, { server, host, ...options })),
  );
}

/** Decides where the model is, and says which options have no effect there. */
async function chooseEngine(
  values: Values,
  { server, host, tokenIds }: ScriptEngineOptions & {
    readonly server: ChosenServer;
    readonly host: Host;
  },
): Promise<ScriptEngine> {
  const place = server.url;
  const given = values.protocol as string | undefined;
  const extra = values["extra-body"] as Readonly<Record<string, unknown>> | undefined;
  const launched = server.launched?.engine;
  if (launched !== undefined) {
    noteUnused(IN_PROCESS_NAMES, values, host, launched.name);
    const protocol = given ?? (tokenIds ? idsProtocol(launched) : launched.protocol);
    if (findProtocol(protocol).carrier === "inprocess") {
      throw new UserError(
        `Cannot use --protocol ${protocol} and --launch together: it runs a model in this program`,
      );
    }
    return { protocol, url: place, inProcess: false, extraBody: extra ?? {} };
  }
  for (const name of START_NAMES) {
    const value = values[name];
    if (value === undefined) continue;
    if (name === "tp") checkedByEngine(() => checkTensorParallel(value as number));
    // One GPU is what the script's own examples say.
    if (name === "tp" && value === 1) continue;
    host.note(
      `--${name} ${value} is for the start of an engine, see --launch: it changes nothing here`,
    );
  }
  const inProcess = given === undefined ? await isModelFolder(place) : given === transformers.name;
  if (!inProcess) {
    if (!isUrl(place)) throw notAnEngine(place, await pathExists(place));
    noteUnused([...IN_PROCESS_NAMES, "log-level"], values, host, place);
    const protocol = given ?? DEFAULT_PROTOCOL;
    return { protocol, url: place, inProcess: false, extraBody: extra ?? {} };
  }
  const settings = {
    dtype: values.dtype,
    threads: values.threads,
    max_batch: values["max-batch-size"],
    log_severity: values["log-level"] === undefined
      ? undefined
      : LOG_LEVELS.indexOf(values["log-level"] as typeof LOG_LEVELS[number]),
  };
  const engine = {
    ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    ...extra?.engine as object | undefined,
  };
  const extraBody = { ...extra, engine };
  const folder = await checkModelFolder(place, { ...values, "extra-body": extraBody });
  return {
    protocol: transformers.name,
    url: place,
    inProcess: true,
    extraBody,
    ...(folder === undefined ? {} : { folder }),
  };
}

const IN_PROCESS_NAMES: readonly string[] = ["max-batch-size", "dtype", "threads"];

function noteUnused(names: readonly string[], values: Values, host: Host, place: string): void {
  for (const name of names) {
    if (values[name] === undefined) continue;
    host.note(`--${name} is for a model in this program: it changes nothing at ${place}`);
  }
}

function notAnEngine(place: string, exists: boolean): UserError {
  return new UserError(
    `Cannot run "${place}" in process: ` +
      (exists ? "it holds no ONNX model (onnx/*.onnx)" : "there is no such folder") +
      "; start an engine's server on it with --launch ENGINE, or give a server's URL",
  );
}
