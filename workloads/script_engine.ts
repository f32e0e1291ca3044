/**
 * Commands that stand for scripts with an engine inside: a folder with an ONNX model is run in this
 * program, a URL is a server that somebody has started, and `--launch` starts one on a model.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { checkTensorParallel } from "../backends/launch_command.ts";
import { findProtocol } from "../backends/protocols.ts";
import {
  DTYPES,
  isModelFolder,
  type ModelFolder,
  pathExists,
} from "../backends/transformers_folder.ts";
import { transformers } from "../backends/protocol_transformers.ts";
import { checkModelFolder } from "./bench_model_folder.ts";
import { PROTOCOL, TARGET_OPTIONS } from "./bench_options_server.ts";
import type { Host, ValuesOf } from "./command.ts";
import { group, option } from "./option_table.ts";
import type { OutputValues } from "./record_outputs.ts";
import {
  type ChosenServer,
  idsProtocol,
  isUrl,
  measureChosen,
  type ServerRun,
} from "./run_chosen_server.ts";
import { checkedByEngine } from "./server_fit.ts";
import { ENGINE_OPTIONS, LAUNCH_OPTIONS } from "./server_launch_options.ts";
import { UserError } from "./user_error.ts";

const DEFAULT_PROTOCOL = "openai-completions";
const IN_PROCESS = "Model in this program";
const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

/** Options of the scripts' own engines: how an engine is started. */
const { tp, cacheMaxEntryCount, sessionLen, modelFormat } = ENGINE_OPTIONS;
/** LMDeploy's documents of these scripts; other engines have defaults of their own. */
const LMDEPLOY_DEFAULTS = {
  cacheMaxEntryCount: 0.5,
  modelFormat: "hf",
  logLevel: "ERROR",
} as const;
const UNUSED = "Without --launch it has no effect.";

const { modelPath: _modelPath, ...LAUNCH } = LAUNCH_OPTIONS;

/** The model and options about its engine. */
export const ENGINE_SCRIPT_OPTIONS = {
  modelPath: option.argument({
    help:
      "folder with an ONNX model to run in this program, URL of a server, or with --launch the " +
      "model to start the engine on",
  }),
  protocol: option.text({
    ...PROTOCOL,
    defaultText:
      `${transformers.name} for a folder, ${DEFAULT_PROTOCOL} for a URL, with --launch ` +
      "the engine's own",
  }),
  model: TARGET_OPTIONS.model,
  ...LAUNCH,
  tp: { ...tp, help: `${tp.help} ${UNUSED}` },
  cacheMaxEntryCount: {
    ...cacheMaxEntryCount,
    defaultText: "0.5 for lmdeploy, else the engine's",
    help: `${cacheMaxEntryCount.help} ${UNUSED}`,
  },
  sessionLen: { ...sessionLen, help: `${sessionLen.help} ${UNUSED}` },
  modelFormat: {
    ...modelFormat,
    defaultText: "hf",
    help: `${modelFormat.help} ${UNUSED}`,
  },
  ...group(IN_PROCESS, {
    maxBatchSize: option.integer({
      min: 1,
      defaultText: "no limit",
      help: "Requests generated at once; the others wait. Not for a server.",
    }),
    dtype: option.choice({
      choices: DTYPES,
      defaultText: "the first that the folder has",
      help: "Kind of numbers: which of the folder's ONNX files is loaded. Not for a server.",
    }),
    threads: option.integer({
      min: 1,
      defaultText: "the runtime's choice",
      help: "Threads of one step of the model. Not for a server.",
    }),
    logLevel: option.choice({
      value: "LEVEL",
      choices: LOG_LEVELS,
      defaultText: "ERROR; with --launch of another engine than lmdeploy the engine's",
      help:
        "How much the runtime of the model writes to stderr, or with --launch the server to its " +
        "log.",
      advanced: true,
    }),
  }),
};

/** Values of an engine's options, and of those that its check needs. */
type EngineScriptValues = ValuesOf<typeof ENGINE_SCRIPT_OPTIONS> & OutputValues & {
  readonly workers: number;
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
};

/** What a model path or URL stands for. */
export interface ScriptEngine {
  readonly protocol: string;
  readonly url: string;
  /** Absent for a server, and for a model on a hub. */
  readonly folder?: ModelFolder;
  /** The user's `--extra-body`, over the settings of a model in this program. */
  readonly extraBody: Readonly<Record<string, unknown>> | undefined;
}

/** What differs between the scripts that have an engine inside. */
interface ScriptEngineOptions {
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
  values: EngineScriptValues,
  host: Host,
  { tokenIds }: ScriptEngineOptions,
  prepare: (engine: ScriptEngine) => Promise<ServerRun>,
): Promise<number> {
  const place = {
    address: values.modelPath,
    shown: "<model-path>",
    orModel: true,
    launchDefaults: values.launch === "lmdeploy" ? LMDEPLOY_DEFAULTS : undefined,
  };
  return await measureChosen(
    values,
    host,
    place,
    async (server) => await prepare(await chooseEngine(values, { server, host, tokenIds })),
  );
}

/** Decides where the model is, and reports which options have no effect there. */
async function chooseEngine(
  values: EngineScriptValues,
  { server, host, tokenIds }: ScriptEngineOptions & {
    readonly server: ChosenServer;
    readonly host: Host;
  },
): Promise<ScriptEngine> {
  const place = server.url;
  const { protocol: given, extraBody, dtype, threads, logLevel } = values;
  const inProgram = { "max-batch-size": values.maxBatchSize, dtype, threads };
  const launched = server.launched?.engine;
  if (launched !== undefined) {
    noteUnused(inProgram, host, launched.name);
    const protocol = given ?? (tokenIds ? idsProtocol(launched) : launched.protocol);
    if (findProtocol(protocol).carrier === "inprocess") {
      throw new UserError(
        `Cannot use --protocol ${protocol} and --launch together: it runs a model in this program`,
      );
    }
    return { protocol, url: place, extraBody };
  }
  checkedByEngine(() => checkTensorParallel(values.tp));
  const ofStart = {
    // One GPU is what the script's own examples say.
    tp: values.tp === 1 ? undefined : values.tp,
    "cache-max-entry-count": values.cacheMaxEntryCount,
    "session-len": values.sessionLen,
    "model-format": values.modelFormat === "None" ? undefined : values.modelFormat,
  };
  for (const [name, value] of Object.entries(defined(ofStart))) {
    host.note(
      `--${name} ${value} is for the start of an engine, see --launch: it changes nothing here`,
    );
  }
  const inProcess = given === undefined ? await isModelFolder(place) : given === transformers.name;
  if (!inProcess) {
    if (!isUrl(place)) throw notAnEngine(place, await pathExists(place));
    noteUnused({ ...inProgram, "log-level": logLevel }, host, place);
    const protocol = given ?? DEFAULT_PROTOCOL;
    return { protocol, url: place, extraBody };
  }
  const settings = {
    ...defined({
      dtype,
      threads,
      max_batch: values.maxBatchSize,
      log_severity: logLevel === undefined ? undefined : LOG_LEVELS.indexOf(logLevel),
    }),
    ...extraBody?.engine as object | undefined,
  };
  const body = { ...extraBody, engine: settings };
  const folder = await checkModelFolder(place, { workers: values.workers, extraBody: body });
  return {
    protocol: transformers.name,
    url: place,
    extraBody: body,
    ...defined({ folder }),
  };
}

function noteUnused(
  values: Readonly<Record<string, string | number | undefined>>,
  host: Host,
  place: string,
): void {
  for (const name of Object.keys(defined(values))) {
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
