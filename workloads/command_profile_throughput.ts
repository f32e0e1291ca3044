/**
 * `tokometer profile-throughput`: LMDeploy's `profile_throughput`, ShareGPT prompts as fast as an
 * engine takes them.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import {
  THROUGHPUT_LAYOUTS,
  throughputBlock,
  throughputRow,
} from "../metrics/script_serving_report.ts";
import {
  throughputNumbers,
  throughputScriptNumbers,
} from "../metrics/script_throughput_numbers.ts";
import { DATASET_OPTIONS } from "./bench_options_prompts.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { option } from "./option_table.ts";
import { ENGINE_SCRIPT_OPTIONS, measureEngine } from "./script_engine.ts";
import {
  csvOptions,
  layoutOption,
  queueOptions,
  SAMPLE_OPTIONS,
  SCRIPT_RUN_OPTIONS,
  SCRIPT_SERVER_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import { measureQueue, planQueue } from "./script_queue.ts";
import { scriptPromptTokens, tokenizerIn } from "./script_run.ts";

const SCRIPT_LABEL = "per-token array with zeros and an extra slot per request, times rounded " +
  "to 1 ms, percentile = element int(p·n), rates over all requests asked for";

const OPTIONS = {
  dataset: option.argument({ help: "a JSON file in ShareGPT's format" }),
  ...ENGINE_SCRIPT_OPTIONS,
  ...queueOptions({ users: 256, prompts: 5000 }),
  tokenizer: {
    ...DATASET_OPTIONS.tokenizer,
    defaultText: "the model folder's; for a URL none: lengths are estimates",
  },
  ...SAMPLE_OPTIONS,
  streamOutput: option.flag({
    default: true,
    help: "Stream the answers; --no-stream-output leaves out every latency of a token.",
    group: "Request",
  }),
  topK: option.integer({ ...REQUEST_OPTIONS.topK, default: 1 }),
  topP: option.number({ ...REQUEST_OPTIONS.topP, default: 1 }),
  temperature: option.number({ ...REQUEST_OPTIONS.temperature, default: 1, aliases: ["temp"] }),
  ...csvOptions("profile_throughput.csv"),
  csvLayout: layoutOption(THROUGHPUT_LAYOUTS, "v0.1.0"),
  length: REQUEST_OPTIONS.length,
  ...SCRIPT_SERVER_OPTIONS,
  ...SCRIPT_RUN_OPTIONS,
  scriptNumbers: scriptNumbersOption(true, SCRIPT_LABEL),
};

type ThroughputValues = ValuesOf<typeof OPTIONS>;

export const command: Command = defineCommand({
  name: "profile-throughput",
  description:
    "What LMDeploy's profile_throughput does: samples prompts from a ShareGPT file with the " +
    "script's own generator and filters and has them answered with the reference answer's length " +
    "forced, by N users that share one queue. First-token latency, percentiles of the other " +
    "tokens, throughput and requests a minute are printed and written to a CSV.\n\n" +
    "A folder with an ONNX model runs in this program, in a worker of its own. On any other model " +
    "--launch starts an engine's own server and ends it afterwards; of one that runs already give " +
    "the URL. Prompts are tokenized before anything is timed.",
  options: OPTIONS,
  examples: {
    "tokometer profile-throughput ./ShareGPT_V3_unfiltered_cleaned_split.json http://127.0.0.1:23333 --protocol lmdeploy-completions --concurrency 256":
      "five thousand prompts against an LMDeploy server",
    "tokometer profile-throughput ./ShareGPT_V3_unfiltered_cleaned_split.json ./internlm-7b --launch vllm --concurrency 256":
      "starts vLLM's server, measures it and ends it",
    "tokometer profile-throughput ./ShareGPT_V3_unfiltered_cleaned_split.json ./tiny-onnx --concurrency 8 --num_prompts 100":
      "a hundred with a model in this program",
  },
  run: (values, host) =>
    measureEngine(values, host, { tokenIds: false }, async ({ url, protocol, extraBody }) => {
      const { launch, modelPath, streamOutput: stream } = values;
      const tokenizer = values.tokenizer ??
        (launch === undefined ? undefined : await tokenizerIn(modelPath));
      const plan = await planQueue({ name: "profile-throughput", options: OPTIONS }, values, {
        url,
        host,
        decided: { protocol, stream, tokenizer, extraBody },
      });
      return { plan, run: (watched) => measureProfile(plan, values, watched) };
    }),
});

async function measureProfile(
  plan: BenchPlan,
  values: ThroughputValues,
  host: Host,
): Promise<number> {
  const { concurrency, streamOutput: streaming, csvLayout: layout } = values;
  const setup = { concurrency, streaming };
  return await measureQueue(plan, values, host, {
    ours: ({ records, durationMs }) => throughputNumbers(records, durationMs),
    theirs: (ran, asked) =>
      throughputScriptNumbers(ran.records, {
        durationMs: ran.durationMs,
        asked,
        promptTokens: scriptPromptTokens(ran),
      }),
    block: (numbers, digits) => throughputBlock(numbers, setup, defined({ digits })),
    row: (numbers, prompts, digits) =>
      throughputRow(numbers, { ...setup, prompts }, { layout, ...defined({ digits }) }),
    digits: 3,
    label: SCRIPT_LABEL,
  });
}
