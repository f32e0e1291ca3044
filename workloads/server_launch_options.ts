/**
 * Options for starting a server: `--launch` and its companions.
 *
 * @module
 */
import { LAUNCH_ENGINES } from "../backends/launch_engines.ts";
import type { Need, ValuesOf } from "./command.ts";
import { group, option, withNeeds } from "./option_table.ts";

/** Folder of logs and state files, in the working directory. */
export const SERVERS_FOLDER = "tokometer-servers";
/** As long as the scripts wait: 90 times 10 s. */
export const READY_TIMEOUT_S = 900;

const GROUP = "Server to start";

/** What an engine is started with, by `--launch` or `tokometer serve`. */
export const ENGINE_OPTIONS = group(GROUP, {
  modelPath: option.text({
    value: "PATH",
    help: "Model to serve: folder, file or name on a hub, as the engine accepts it.",
  }),
  tp: option.integer({
    default: 1,
    min: 1,
    aliases: ["tensor-parallel-size"],
    help: "GPUs that share the model: a power of two.",
  }),
  mode: option.text<string>({
    value: "NAME",
    default: "fp16",
    choices: [...new Set(LAUNCH_ENGINES.flatMap(({ modes }) => Object.keys(modes)))],
    help: "Number format; fp16 leaves it to the engine and its model, as the scripts do.",
    advanced: true,
  }),
  modelFormat: option.text({
    value: "NAME",
    choices: ["hf", "llama", "awq", "None"],
    defaultText: "detected by the engine",
    help: "Format of the weights, for lmdeploy; None = detected by the engine.",
    advanced: true,
  }),
  cacheMaxEntryCount: option.number({
    value: "SHARE",
    aliases: ["cache-count"],
    min: 0.001,
    defaultText: "the engine's",
    help: "Share of GPU memory for the key-value cache, as the engine defines it: lmdeploy " +
      "--cache-max-entry-count, vllm --gpu-memory-utilization, sglang --mem-fraction-static, " +
      "ppl --max-tokens-scale.",
    advanced: true,
  }),
  sessionLen: option.integer({
    min: 1,
    defaultText: "the engine's",
    help: "Longest prompt and answer together, in tokens.",
    advanced: true,
  }),
  logLevel: option.text<string>({
    value: "LEVEL",
    choices: ["debug", "info", "warning", "error", "critical"],
    defaultText: "the engine's; warning for vllm",
    help: "Verbosity of the server's log, for vllm, lmdeploy and sglang.",
    advanced: true,
  }),
});

/** Where `--launch` puts the server, and how it runs it. */
const START_OPTIONS = group(GROUP, {
  launchArgs: option.text({
    help: `More arguments for the server, as one text: --launch-args="--max-num-seqs 64". They ` +
      "replace ours of the same name; --swap-space= or --no-swap-space takes ours away.",
    advanced: true,
  }),
  launchPort: option.integer({
    min: 0,
    max: 65_535,
    defaultText: "the engine's",
    help: "Port for the server to listen on; 0 = a free one.",
    advanced: true,
  }),
  launchExecutable: option.text({
    value: "PATH",
    defaultText: "found on the PATH",
    help: "Program to run, e.g. the python of another environment.",
    advanced: true,
  }),
  launchTimeout: option.seconds({
    default: READY_TIMEOUT_S,
    help: "Time limit until the server answers with a token.",
    advanced: true,
  }),
  launchLog: option.file({
    defaultText: `a file in ${SERVERS_FOLDER}/`,
    help: "File that the server's output is appended to.",
    advanced: true,
  }),
});

const NEEDS_LAUNCH: Need = {
  key: "launch",
  because: "it says how to start a server, add --launch ENGINE",
  byHeading: true,
};

/** `--launch` and what only it needs. */
const LAUNCH_START_OPTIONS = {
  launch: option.text({
    value: "ENGINE",
    choices: LAUNCH_ENGINES.map(({ name }) => name),
    help: "Start this server, wait until it answers, measure it over the loopback address, and " +
      "end it with all its children.",
    group: GROUP,
  }),
  ...withNeeds(START_OPTIONS, NEEDS_LAUNCH),
};

const NOT_WITH_AGAINST: Need = {
  key: "against",
  not: true,
  because: "a second server is one that runs already, or one to start: leave one of them out",
};

/** The second server of a comparison by turns, which is started in place of the first. */
export const AGAINST_LAUNCH_OPTIONS = group(
  "Repeats and sides",
  withNeeds(
    withNeeds({
      againstLaunchArgs: option.text({
        help:
          "The second side is started with these arguments in place of --launch-args. One server " +
          "runs at a time: each repeat of a side has one that was just started.",
      }),
      againstLaunch: option.text({
        value: "ENGINE",
        choices: LAUNCH_ENGINES.map(({ name }) => name),
        help: "The second side is this engine, with the same model and settings.",
        advanced: true,
      }),
    }, NEEDS_LAUNCH),
    NOT_WITH_AGAINST,
  ),
);

/** Values of {@linkcode AGAINST_LAUNCH_OPTIONS}. */
export type AgainstLaunchValues = ValuesOf<typeof AGAINST_LAUNCH_OPTIONS>;

/** Options of every command that can start the server it measures. */
export const LAUNCH_OPTIONS = {
  ...LAUNCH_START_OPTIONS,
  ...withNeeds(ENGINE_OPTIONS, NEEDS_LAUNCH),
};

/** Values of {@linkcode ENGINE_OPTIONS}, whatever a command's own default for them. */
export type EngineValues = Partial<ValuesOf<typeof ENGINE_OPTIONS>>;

/** Values of {@linkcode LAUNCH_OPTIONS}, whatever a command's own default for them. */
export type LaunchValues = ValuesOf<typeof LAUNCH_START_OPTIONS> & EngineValues;
