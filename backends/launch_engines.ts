/**
 * The engines that can be started, and their command lines as data. These are the commands of common
 * benchmark scripts, argument by argument, so that results can be compared.
 *
 * @module
 */
/** Where engines listen unless told otherwise. */
export const LOOPBACK = "127.0.0.1";

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
  /** What a script's document says where nobody chose; an engine that does not know it goes without. */
  readonly defaults?: Pick<LaunchSettings, "modelFormat" | "cacheMaxEntryCount" | "logLevel">;
  /** PPL: `params.json` of the model. Default: the one in the model's folder. */
  readonly paramsPath?: string;
  /** PPL: `tokenizer.model`, or its folder. Default: the model's folder. */
  readonly tokenizerPath?: string;
  /** Program to run instead of the one found on the path. */
  readonly executable?: string;
  /**
   * More arguments for the engine; they replace ours of the same name. `--name=` and `--no-name` take
   * ours away and are not passed.
   */
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
  /**
   * Arguments that make it list its options and end, the best first. Absent: it cannot be asked, and
   * all of our options are passed.
   */
  readonly help?: readonly (readonly string[])[];
  /** Case of its log levels. */
  readonly levels?: "lower" | "upper";
  /** The script's command. */
  readonly command: (settings: CompleteSettings) => EngineCommand;
}

const FP16: readonly string[] = [];

const VLLM_SERVER = "vllm.entrypoints.openai.api_server";

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
  help: [
    // Newer versions show headings only without a word to look for, older ones know no such word.
    ["-m", VLLM_SERVER, "--help=all"],
    ["-m", VLLM_SERVER, "--help"],
  ],
  command: ({ modelPath, host, port, tensorParallel, executable = "python" }) => ({
    command: executable,
    args: [
      ...["-m", VLLM_SERVER, "--model", modelPath],
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
  help: [["serve", "api_server", "--help"]],
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
  help: [["-m", "sglang.launch_server", "--help"]],
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
  help: [["-m", "lightllm.server.api_server", "--help"]],
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
  help: [["--help"]],
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
  help: [["--help"]],
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
