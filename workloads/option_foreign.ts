/**
 * What other benchmarks call our options: who comes from them is told our names at once.
 *
 * Names of `vllm bench serve`, `sglang.bench_serving`, `genai-perf` and `aiperf`, `guidellm`,
 * `llmperf`, `evalscope perf`, `text-generation-benchmark`, `llama-bench`, `ollama` and of general
 * load generators (`hey`, `wrk`, `k6`, `locust`, `vegeta`).
 *
 * @module
 */

/** `[ours, theirs]`: the option that ours begins with must exist where it is suggested. */
const NAMES: readonly (readonly [ours: string, theirs: string])[] = [
  // Server.
  ["<url>, the first argument", "base-url url u target host port server-url server-addr api-base"],
  [
    "--protocol NAME",
    "backend-type endpoint-type service-kind llm-api api request-type api-type request-format",
  ],
  ["--protocol openai-completions", "skip-chat-template"],
  ["--protocol openai-chat", "apply-chat-template chat"],
  [
    "--model NAME",
    "served-model-name model-name model-names models model-id lora-modules lora-name",
  ],
  ['--header "NAME: VALUE"', "headers"],
  [
    "--timeout SECONDS",
    "request-timeout request-timeout-seconds read-timeout connect-timeout total-timeout",
  ],
  ["--wait SECONDS", "ready-check-timeout-sec ready-check-timeout wait-timeout wait-for-server"],

  // Load.
  [
    "--concurrency N (with --rate it is --max-in-flight N)",
    "max-concurrency num-concurrent-requests parallel concurrent-requests max-concurrent " +
    "num-clients workers-max concurrencies batch-size vus connections threads num-users",
  ],
  ["--rate R,R,…", "request-rate-range qps rps requests-per-second rate-type profile"],
  [
    "--requests N",
    "num-prompt request-count max-requests max-num-completed-requests number iterations " +
    "num-queries total-requests runs num-iters",
  ],
  [
    "--duration SECONDS",
    "max-seconds measurement-interval benchmark-duration run-time time max-duration test-duration",
  ],
  [
    "--warmup N",
    "num-warmups warmup-requests warmup-request-count warmups num-warmup-requests warmup-num " +
    "warmup-percent",
  ],
  ["--ramp-up SECONDS", "spawn-rate ramp-up-strategy ramp-up-start-rps concurrency-ramp-duration"],
  ["--rate-stages STAGE,STAGE,…", "request-rate-series load-stages rate-series"],
  ["--arrival NAME", "arrival-pattern request-rate-mode"],

  // Prompts.
  ["--dataset NAME (random is synthetic here, custom is jsonl)", "dataset-name public-dataset"],
  ["--dataset-path FILE", "input-file data dataset-file custom-dataset-path file prompt-file"],
  ["--prompts N", "num-dataset-entries num-unique-prompts"],
  [
    "--input-tokens N (with --dataset synthetic)",
    "random-input-len random-input input-len synthetic-input-tokens-mean isl " +
    "prompt-input-tokens-mean mean-input-tokens sonnet-input-len sequence-length n-prompt " +
    "prompt-tokens input-length prefill-length synthetic-tokens",
  ],
  [
    "--input-tokens uniform:MIN:MAX (with --dataset synthetic)",
    "random-range-ratio synthetic-input-tokens-stddev isl-stddev stddev-input-tokens " +
    "prompt-input-tokens-stddev",
  ],
  [
    "--output-tokens N",
    "random-output-len random-output output-len sharegpt-output-len sonnet-output-len " +
    "custom-output-len hf-output-len output-tokens-mean osl mean-output-tokens max-tokens " +
    "min-tokens decode-length n-gen n-predict num-predict max-new-tokens output-length " +
    "prompt-output-tokens-mean",
  ],
  ["--output-tokens uniform:MIN:MAX", "output-tokens-stddev osl-stddev stddev-output-tokens"],
  [
    "--prefix-tokens N (with --dataset synthetic)",
    "random-prefix-len sonnet-prefix-len prefix-prompt-length prefix-length gsp-system-prompt-len " +
    "shared-system-prompt-length",
  ],
  ["--max-total-tokens N", "sharegpt-context-len max-model-len context-length num-ctx"],
  ["--max-prompt-tokens N", "max-prompt-length max-prompt-len"],
  ["--min-prompt-tokens N", "min-prompt-length min-prompt-len"],
  ["--num-turns N", "session-turns-mean multi-turn max-turns multi-turn-num-turns"],
  ["--order file", "disable-shuffle no-shuffle"],
  ["--token-ids", "tokenize-prompt"],
  ["--tokenizer PATH", "tokenizer-path tokenizer-name processor tokenizer-dir"],
  ["--system-prompt-file FILE", "system-prompt"],
  ["--seed N", "random-seed"],

  // Requests.
  ["--length forced (the default where the engine can)", "ignore-eos"],
  ["--length cap", "disable-ignore-eos no-ignore-eos"],
  ["--no-stream", "disable-stream disable-streaming no-streaming"],
  ["--stream (the default)", "streaming stream-output"],
  [
    "--extra-body JSON",
    "extra-request-body extra-inputs additional-sampling-params extra-args query-template " +
    "logprobs best-of use-beam-search return-logprob request-parameters options",
  ],

  // Results.
  ["--percentiles P,P,…", "metric-percentiles percentile-metrics selected-percentiles percentile"],
  ["--slo ttft:MS,tpot:MS", "goodput"],
  [
    "--out DIR (results are always saved)",
    "save-result save-detailed save result-dir result-filename output-file output-path results-dir " +
    "artifact-dir output-artifact-dir profile-export-file outputs-dir outputs append-result " +
    "output-dir log-dir export-path",
  ],
  ["--format NAME", "output-format"],
  ["--quiet", "disable-tqdm disable-progress disable-console no-progress ui"],
];

const OURS: ReadonlyMap<string, string> = new Map(
  NAMES.flatMap(([ours, theirs]) => theirs.split(" ").map((name) => [name, ours] as const)),
);

/** Values that other tools give to options that have our name. */
const VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  protocol: {
    vllm: "openai-completions, or openai-chat for chats",
    openai: "openai-completions, or openai-chat for chats",
    openai_http: "openai-chat",
    "openai-audio": "openai-chat",
    chat: "openai-chat",
    completions: "openai-completions",
    "vllm-chat": "openai-chat",
    "sglang-native": "sglang",
    "sglang-oai": "openai-completions",
    "sglang-oai-chat": "openai-chat",
    "sglang-embedding": "none: embeddings have no tokens to wait for",
    lmdeploy: "openai-completions, lmdeploy-completions or lmdeploy-chat",
    "lmdeploy-chat-completions": "lmdeploy-chat",
    scalellm: "openai-completions",
    ollama: "openai-chat, at port 11434",
    "llama.cpp": "llamacpp, or openai-chat",
    "llama-cpp": "llamacpp, or openai-chat",
    trt: "triton-trtllm",
    "tensorrt-llm": "triton-trtllm, or openai-chat with trtllm-serve",
    trtllm: "triton-trtllm, or openai-chat with trtllm-serve",
    triton: "triton-trtllm, triton-vllm or triton-turbomind",
    litellm: "openai-chat",
    anthropic: "openai-chat, where the server has that call",
    "text-generation-inference": "tgi",
    huggingface: "tgi, or transformers in this process",
  },
  dataset: {
    random: "synthetic",
    "random-ids": "synthetic with --token-ids",
    sonnet: "synthetic with --prefix-tokens",
    "generated-shared-prefix": "synthetic with --prefix-tokens",
    custom: "jsonl",
    openqa: "jsonl with --dataset-path",
    line_by_line: "jsonl with --dataset-path",
    hf: "jsonl with --dataset-path, exported",
  },
};

/**
 * Our name for another tool's option, e.g. `--concurrency N`; `undefined` where there is none.
 *
 * @param exists whether the command has the option of that name.
 */
export function oursFor(name: string, exists: (name: string) => boolean): string | undefined {
  const ours = OURS.get(name.toLowerCase().replaceAll("_", "-"));
  const [, own] = /^(?:--(?:no-)?([\w-]+)|<\w+>)/.exec(ours ?? "") ?? [];
  // The stream's flag is listed as such, its negation by the same name.
  return ours === undefined || !exists(own ?? "url") ? undefined : ours;
}

/** Our value for another tool's value of an option; `undefined` where there is none. */
export function ourValueFor(option: string, value: string): string | undefined {
  return VALUES[option]?.[value.toLowerCase()];
}
