/**
 * The engines that can be started, and their command lines as data. These are the commands of common
 * benchmark scripts, argument by argument, so that results can be compared.
 *
 * @module
 */
import { findProtocol } from "./protocols.ts";

/** What to serve and how; missing settings are left to the engine or to the script's command. */
export interface LaunchSettings {
  /** Folder or file of the model, or its name on a hub, as the engine takes it. */
  readonly modelPath: string;
  /** Address to listen on. Default 127.0.0.1, where the engine's command names one. */
  readonly host?: string;
  /** Default: the engine's own. */
  readonly port?: number;
  /** GPUs that share the model: a power of two. Default 1. */
  readonly tensorParallel?: number;
  /** Number format, one of the engine's `modes`. Default `fp16`: the script's command unchanged. */
  readonly mode?: string;
  /** Format of the weights, e.g. `hf`, `llama`, `awq`. */
  readonly modelFormat?: string;
  /** Share of GPU memory for the key-value cache, by the engine's own definition. */
  readonly cacheMaxEntryCount?: number;
  /** Longest prompt and answer together, in tokens. */
  readonly sessionLength?: number;
  /** The engine's own name of a log level, in either case, e.g. `error`. Default: the engine's. */
  readonly logLevel?: string;
  /** PPL: `params.json` of the model. Default: the one in the model's folder. */
  readonly paramsPath?: string;
  /** PPL: `tokenizer.model`, or its folder. Default: the model's folder. */
  readonly tokenizerPath?: string;
  /** Program to run instead of the one found on the path. */
  readonly executable?: string;
  /** More arguments for the engine; they replace ours of the same name. */
  readonly extraArgs?: readonly string[];
}

/** A program with its arguments. */
export interface EngineCommand {
  /** Name of the program on the path, or its file. */
  readonly command: string;
  /** One element per argument; no shell splits them. */
  readonly args: readonly string[];
}

/** Settings that not every engine has an option for. */
export type LaunchOption =
  | "tensorParallel"
  | "modelFormat"
  | "cacheMaxEntryCount"
  | "sessionLength"
  | "logLevel";

/** Settings with the defaults filled in. */
export type CompleteSettings =
  & LaunchSettings
  & Required<Pick<LaunchSettings, "host" | "port" | "tensorParallel">>;

/** An engine that can be started. */
export interface LaunchEngine {
  /** On the command line, e.g. `vllm`. */
  readonly name: string;
  /** In the message that it has started: `VLLM SERVER STARTED`. Default: the name in capitals. */
  readonly banner?: string;
  /** In the list of engines: what is started, and what is unusual about it. */
  readonly description: string;
  /** Name of the protocol to talk to it. */
  readonly protocol: string;
  /** Another one for prompts of token ids, where `protocol` takes text only. */
  readonly idsProtocol?: string;
  /** Port where the engine listens by default. */
  readonly defaultPort: number;
  /** Arguments for each number format. */
  readonly modes: Readonly<Record<string, readonly string[]>>;
  /** Its option for each setting; a setting without one is refused, never dropped. */
  readonly options: Readonly<Partial<Record<LaunchOption | "port", string>>>;
  /** Case of its log levels. */
  readonly levels?: "lower" | "upper";
  /** The script's command. */
  readonly command: (settings: CompleteSettings) => EngineCommand;
}

const FP16: readonly string[] = [];

const vllm: LaunchEngine = {
  name: "vllm",
  description: "vLLM's OpenAI server, in eager mode with 16 GiB of swap space",
  protocol: "openai-completions",
  defaultPort: 8000,
  modes: { fp16: FP16, bf16: ["--dtype", "bfloat16"], fp8: ["--quantization", "fp8"] },
  options: {
    port: "--port",
    tensorParallel: "--tensor-parallel-size",
    cacheMaxEntryCount: "--gpu-memory-utilization",
    sessionLength: "--max-model-len",
    logLevel: "--uvicorn-log-level",
  },
  levels: "lower",
  command: ({ modelPath, host, port, tensorParallel, executable = "python" }) => ({
    command: executable,
    args: [
      ...["-m", "vllm.entrypoints.openai.api_server", "--model", modelPath],
      ...["--tensor-parallel-size", `${tensorParallel}`, "--swap-space", "16"],
      ...["--disable-log-requests", "--enforce-eager", "--host", host, "--port", `${port}`],
      ...["--uvicorn-log-level", "warning"],
    ],
  }),
};

const lmdeploy: LaunchEngine = {
  name: "lmdeploy",
  description: "LMDeploy's API server; it listens on all addresses by default",
  protocol: "lmdeploy-chat",
  idsProtocol: "lmdeploy-generate",
  defaultPort: 23333,
  modes: { fp16: FP16, w4a16: ["--model-format", "awq"] },
  options: {
    port: "--server-port",
    tensorParallel: "--tp",
    modelFormat: "--model-format",
    cacheMaxEntryCount: "--cache-max-entry-count",
    sessionLength: "--session-len",
    logLevel: "--log-level",
  },
  levels: "upper",
  command: ({ modelPath, host, port, tensorParallel, executable = "lmdeploy" }) => ({
    command: executable,
    args: [
      ...["serve", "api_server", modelPath, "--server-port", `${port}`, "--tp"],
      `${tensorParallel}`,
      ...(host === LOOPBACK ? [] : ["--server-name", host]),
    ],
  }),
};

const sglang: LaunchEngine = {
  name: "sglang",
  description: "SGLang without its radix cache, which would skip the work of repeated prompts",
  protocol: "sglang",
  defaultPort: 30000,
  modes: { fp16: FP16, bf16: ["--dtype", "bfloat16"], fp8: ["--quantization", "fp8"] },
  options: {
    port: "--port",
    tensorParallel: "--tp",
    cacheMaxEntryCount: "--mem-fraction-static",
    sessionLength: "--context-length",
    logLevel: "--log-level",
  },
  levels: "lower",
  command: ({ modelPath, host, port, tensorParallel, executable = "python" }) => ({
    command: executable,
    args: [
      ...["-m", "sglang.launch_server", "--disable-radix-cache", "--model-path", modelPath],
      ...["--port", `${port}`, "--tp", `${tensorParallel}`],
      // It listens on the loopback address by default.
      ...(host === LOOPBACK ? [] : ["--host", host]),
    ],
  }),
};

const lightllm: LaunchEngine = {
  name: "lightllm",
  description: "LightLLM with room for 30,000 tokens instead of the 150,000 of its README",
  protocol: "lightllm",
  defaultPort: 8080,
  modes: { fp16: FP16, bf16: ["--data_type", "bf16"] },
  options: { port: "--port", tensorParallel: "--tp", sessionLength: "--max_req_total_len" },
  command: ({ modelPath, host, port, tensorParallel, executable = "python" }) => ({
    command: executable,
    args: [
      ...["-m", "lightllm.server.api_server", "--model_dir", modelPath, "--host", host],
      ...["--port", `${port}`, "--tp", `${tensorParallel}`],
      ...["--max_total_token_num", "30000", "--tokenizer_mode", "fast"],
    ],
  }),
};

const ppl: LaunchEngine = {
  name: "ppl",
  banner: "PPL LLM",
  description: "PPL's gRPC server; newer scripts set NCCL_PROTO=^Simple, which it inherits " +
    "from your environment",
  protocol: "ppl",
  defaultPort: 23333,
  modes: {
    fp16: FP16,
    w8a8: ["--quant-method", "online_i8i8"],
    w4a16: ["--quant-method", "online_i4f16"],
  },
  options: {
    port: "--port",
    tensorParallel: "--tensor-parallel-size",
    cacheMaxEntryCount: "--max-tokens-scale",
    sessionLength: "--max-total-tokens-per-request",
  },
  command: (settings) => {
    const { modelPath, host, port, tensorParallel, executable = "ppl_llm_server" } = settings;
    const { paramsPath = `${modelPath}/params.json`, tokenizerPath = modelPath } = settings;
    return {
      command: executable,
      args: [
        ...["--model-dir", modelPath, "--model-param-path", paramsPath, "--tokenizer-path"],
        tokenizerPath.endsWith(".model") ? tokenizerPath : `${tokenizerPath}/tokenizer.model`,
        ...["--tensor-parallel-size", `${tensorParallel}`, "--top-p", "0.0", "--top-k", "1"],
        ...["--max-tokens-scale", "0.94", "--max-input-tokens-per-request", "4096"],
        ...["--max-output-tokens-per-request", "4096", "--max-total-tokens-per-request", "8192"],
        ...["--max-running-batch", "1024", "--max-tokens-per-step", "8192"],
        ...["--host", host, "--port", `${port}`],
      ],
    };
  },
};

const triton: LaunchEngine = {
  name: "triton",
  description:
    "the container that LMDeploy's converter writes into a workspace folder, whose own " +
    "files decide everything else",
  protocol: "triton-turbomind",
  defaultPort: 33337,
  modes: { fp16: FP16 },
  options: {},
  command: ({ modelPath, executable = "bash" }) => ({
    command: executable,
    args: [`${modelPath}/service_docker_up.sh`],
  }),
};

const llamacpp: LaunchEngine = {
  name: "llama.cpp",
  description: "llama.cpp's server; its slots share its context",
  protocol: "llamacpp",
  defaultPort: 8080,
  modes: { fp16: FP16 },
  options: { port: "--port", sessionLength: "-c" },
  command: ({ modelPath, host, port, executable = "llama-server" }) => ({
    command: executable,
    args: ["-m", modelPath, "--host", host, "--port", `${port}`],
  }),
};

/** Every engine that can be started; a new one is an entry here. */
export const LAUNCH_ENGINES: readonly LaunchEngine[] = [
  vllm,
  lmdeploy,
  sglang,
  lightllm,
  ppl,
  triton,
  llamacpp,
];

const LOOPBACK = "127.0.0.1";

/**
 * The engine of that name.
 *
 * @throws {TypeError} when there is none; the message lists the names.
 */
export function findLaunchEngine(name: string): LaunchEngine {
  const found = LAUNCH_ENGINES.find((engine) => engine.name === name);
  if (found !== undefined) return found;
  const known = LAUNCH_ENGINES.map((engine) => engine.name).join(", ");
  throw new TypeError(`Cannot start the engine "${name}": known are ${known}`);
}

/**
 * The command line that starts an engine.
 *
 * @throws {TypeError} for a setting that the engine has no option for.
 * @throws {RangeError} for a number of GPUs that is not a power of two, or an unknown mode.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { engineCommand, findLaunchEngine } from "@tokometer/tokometer/backends";
 *
 * const { command, args } = engineCommand(findLaunchEngine("llama.cpp"), {
 *   modelPath: "model.gguf",
 *   sessionLength: 4096,
 * });
 * assertEquals(
 *   [command, ...args].join(" "),
 *   "llama-server -m model.gguf --host 127.0.0.1 --port 8080 -c 4096",
 * );
 * ```
 */
export function engineCommand(engine: LaunchEngine, settings: LaunchSettings): EngineCommand {
  const { tensorParallel = 1, mode = "fp16", extraArgs = [] } = settings;
  const { options, name, levels } = engine;
  checkTensorParallel(tensorParallel);
  const modeArgs = engine.modes[mode];
  if (modeArgs === undefined) {
    const known = Object.keys(engine.modes).join(", ");
    throw new RangeError(`Cannot start ${name} in the mode "${mode}": known are ${known}`);
  }
  const added: string[] = [];
  const add = (setting: LaunchOption, what: string, value: string | number | undefined) => {
    if (value === undefined) return;
    const option = options[setting];
    if (option === undefined) {
      throw new TypeError(`Cannot start ${name} with ${what} ${value}: it has no option for it`);
    }
    added.push(option, `${value}`);
  };
  // One GPU needs no option.
  if (options.tensorParallel === undefined && tensorParallel > 1) {
    add("tensorParallel", "a tensor parallelism of", tensorParallel);
  }
  add("modelFormat", "the model format", settings.modelFormat);
  add("cacheMaxEntryCount", "a cache share of", settings.cacheMaxEntryCount);
  add("sessionLength", "a session length of", settings.sessionLength);
  const { logLevel } = settings;
  const level = levels === "upper" ? logLevel?.toUpperCase() : logLevel?.toLowerCase();
  add("logLevel", "the log level", level);
  const port = enginePort(engine, settings);
  if (options.port !== undefined && extraArgs.some((arg) => isOption(arg, options.port!))) {
    // The server would listen on a port that is not the one measured.
    throw new TypeError(
      `Cannot pass ${options.port} to ${name} as an extra argument: choose the port by its own option`,
    );
  }
  const complete = { ...settings, host: settings.host ?? LOOPBACK, port, tensorParallel };
  const { command, args } = engine.command(complete);
  return { command, args: [modeArgs, added, extraArgs].reduce(replaceOptions, args) };
}

/** @throws {RangeError} for a number of GPUs that is not a power of two. */
export function checkTensorParallel(gpus: number): void {
  if (Number.isInteger(Math.log2(gpus)) && gpus >= 1) return;
  throw new RangeError(`Cannot share a model among ${gpus} GPUs: give a power of two, 1, 2, 4, 8`);
}

/**
 * URL of a started engine: `http://127.0.0.1:8000`, `grpc://…`; the loopback address for a server
 * that listens on all addresses.
 */
export function engineUrl(engine: LaunchEngine, settings: LaunchSettings): string {
  const { host = LOOPBACK } = settings;
  const scheme = findProtocol(engine.protocol).carrier === "grpc" ? "grpc" : "http";
  const reachable = host === "0.0.0.0" ? LOOPBACK : host === "::" ? "::1" : host;
  const address = reachable.includes(":") ? `[${reachable}]` : reachable;
  return `${scheme}://${address}:${enginePort(engine, settings)}`;
}

function enginePort(
  { name, options, defaultPort }: LaunchEngine,
  { port }: LaunchSettings,
): number {
  if (port === undefined || port === defaultPort) return defaultPort;
  if (options.port !== undefined) return port;
  throw new TypeError(
    `Cannot start ${name} on port ${port}: its own files decide, it listens on ${defaultPort}`,
  );
}

/**
 * Adds arguments in place of ours of the same name, since not every parser lets the last one win.
 */
function replaceOptions(args: readonly string[], added: readonly string[]): readonly string[] {
  const names = added.filter(isName).map((arg) => arg.split("=", 1)[0]!);
  const kept: string[] = [];
  let dropping = false;
  for (const arg of args) {
    if (isName(arg)) dropping = names.some((name) => isOption(arg, name));
    if (!dropping) kept.push(arg);
  }
  return [...kept, ...added];
}

function isOption(arg: string, name: string): boolean {
  return arg === name || arg.startsWith(`${name}=`);
}

/** Whether it is an option's name; `-5` is a value. */
function isName(arg: string): boolean {
  return /^-{1,2}[A-Za-z]/.test(arg);
}
