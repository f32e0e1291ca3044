/**
 * Commands that stand for scripts with an engine inside: a folder with an ONNX model is run in this
 * program, a URL is a server that somebody has started.
 *
 * @module
 */
import { PROTOCOLS } from "../backends/protocols.ts";
import {
  DTYPES,
  isModelFolder,
  type ModelFolder,
  pathExists,
} from "../backends/transformers_folder.ts";
import { transformers } from "../backends/transformers.ts";
import { benchOption } from "./compat_options.ts";
import { checkModelFolder } from "./model_folder.ts";
import type { Host, Option, Positional, Values } from "./scenario.ts";
import { UserError } from "./user_error.ts";

/** What is measured. */
export const MODEL_POSITIONAL: Positional = {
  name: "model-path",
  help: "folder with an ONNX model, to be run in this program, or the URL of a server",
  required: true,
};

const DEFAULT_PROTOCOL = "openai-completions";
const IN_PROCESS = "Model in this program";
const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

/** Options about the engine. */
export const ENGINE_SCRIPT_OPTIONS: readonly Option[] = [
  {
    name: "protocol",
    kind: "text",
    value: "NAME",
    aliases: ["backend"],
    choices: PROTOCOLS.map(({ name }) => name),
    defaultText: `${transformers.name} for a folder, ${DEFAULT_PROTOCOL} for a URL`,
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
    help: "Requests generated at once; the others wait. Not for a URL.",
    group: IN_PROCESS,
  },
  {
    name: "dtype",
    kind: "text",
    value: "NAME",
    choices: DTYPES,
    defaultText: "the first that the folder has",
    help: "Kind of numbers: which of the folder's ONNX files is loaded. Not for a URL.",
    group: IN_PROCESS,
  },
  {
    name: "threads",
    kind: "integer",
    value: "N",
    min: 1,
    defaultText: "the runtime's choice",
    help: "Threads of one step of the model. Not for a URL.",
    group: IN_PROCESS,
  },
  {
    name: "log-level",
    kind: "text",
    value: "LEVEL",
    choices: LOG_LEVELS,
    defaultText: "ERROR",
    help: "How much the runtime of the model writes to stderr. Not for a URL.",
    group: IN_PROCESS,
    advanced: true,
  },
];

/** Options of the scripts' own engines, which say how a server is started and nothing to us. */
function startOption(name: string, value: string, aliases: readonly string[] = []): Option {
  return {
    name,
    kind: "text",
    value,
    aliases,
    help: "Belongs to the start of the script's engine: accepted and named on stderr, it changes " +
      "nothing here. See tokometer serve.",
    group: "Server",
    advanced: true,
  };
}

/** `--tp` and its like. */
export const ENGINE_START_OPTIONS: readonly Option[] = [
  startOption("tp", "N"),
  startOption("cache-max-entry-count", "SHARE", ["cache-count"]),
  startOption("session-len", "N"),
  startOption("model-format", "NAME"),
];

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

/**
 * Decides where the model is, and says which options have no effect there.
 *
 * @throws {UserError} when it is neither an ONNX folder nor a URL.
 */
export async function chooseEngine(values: Values, host: Host): Promise<ScriptEngine> {
  const place = values["model-path"] as string;
  const given = values.protocol as string | undefined;
  const extra = values["extra-body"] as Readonly<Record<string, unknown>> | undefined;
  for (const { name } of ENGINE_START_OPTIONS) {
    const value = values[name];
    // One GPU is what the script's own examples say.
    if (value === undefined || name === "tp" && value === "1") continue;
    host.note(`--${name} ${value} is for the start of an engine: it changes nothing here`);
  }
  const inProcess = given === undefined ? await isModelFolder(place) : given === transformers.name;
  if (!inProcess) {
    if (!isUrl(place)) throw notAnEngine(place, await pathExists(place));
    for (const name of ["max-batch-size", "dtype", "threads", "log-level"]) {
      if (values[name] !== undefined) {
        host.note(`--${name} is for a model in this program: it changes nothing at ${place}`);
      }
    }
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

function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(place) || /^[\w.-]+:\d+(\/|$)/.test(place) ||
    /^\[[\da-f:]+\]/i.test(place);
}

function notAnEngine(place: string, exists: boolean): UserError {
  return new UserError(
    `Cannot run "${place}" in process: ` +
      (exists ? "it holds no ONNX model (onnx/*.onnx)" : "there is no such folder") +
      '; start a server on it with "tokometer serve" or --launch, and give its URL',
  );
}
