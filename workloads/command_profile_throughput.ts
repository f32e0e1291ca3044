/**
 * `tokometer profile-throughput`: LMDeploy's `profile_throughput`, ShareGPT prompts as fast as an
 * engine takes them.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import {
  THROUGHPUT_LAYOUTS,
  throughputBlock,
  type ThroughputLayout,
  throughputRow,
} from "../metrics/script_throughput_csv.ts";
import {
  throughputNumbers,
  throughputScriptNumbers,
} from "../metrics/script_throughput_numbers.ts";
import { scriptCsvPath, writeScriptCsv } from "./script_csv.ts";
import type { BenchPlan } from "./bench_plan.ts";
import {
  ENGINE_SCRIPT_OPTIONS,
  measureEngine,
  MODEL_POSITIONAL,
  type ScriptEngine,
} from "./script_engine.ts";
import {
  benchOption,
  SCRIPT_RUN_OPTIONS,
  SCRIPT_SERVER_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import { lengthMismatch } from "./script_restful.ts";
import { planScript, runScript, scriptPromptTokens, tokenizerIn } from "./script_run.ts";
import type { Command, Host, Values } from "./command.ts";

const SCRIPT_LABEL =
  "per-token array with zeros and an extra slot for each request, times rounded " +
  "to 1 ms, percentile = element int(p·n), rates over all requests asked for";

/** The scenario `profile-throughput`. */
export const profileThroughput: Command = {
  name: "profile-throughput",
  summary: "ShareGPT prompts as fast as an engine can (profile_throughput)",
  description:
    "What LMDeploy's profile_throughput does: samples prompts from a ShareGPT file with the " +
    "script's own generator and filters and has them answered with the reference answer's length " +
    "forced, by N users that share one queue. First-token latency, percentiles of the other " +
    "tokens, throughput and requests a minute are printed and written to a CSV.\n\n" +
    "A folder with an ONNX model runs in this program, in a worker of its own. On any other model " +
    "--launch starts an engine's own server and ends it afterwards; of one that runs already give " +
    "the URL. Prompts are tokenized before anything is timed.",
  positionals: [
    { name: "dataset", help: "a JSON file in ShareGPT's format", required: true },
    MODEL_POSITIONAL,
  ],
  options: [
    {
      name: "concurrency",
      kind: "integer",
      value: "N",
      aliases: ["c"],
      default: 256,
      min: 1,
      help: "Users, each sending the next prompt of the queue when its answer is complete.",
      group: "Load",
    },
    {
      name: "num-prompts",
      kind: "integer",
      value: "N",
      aliases: ["n"],
      default: 5000,
      min: 1,
      help: "Prompts to sample; each is sent once.",
      group: "Prompts",
    },
    benchOption("tokenizer", {
      defaultText: "the model folder's; for a URL none: lengths are estimates",
    }),
    {
      name: "sampler",
      kind: "text",
      value: "NAME",
      default: "lmdeploy",
      choices: ["lmdeploy", "lmdeploy-presample", "seeded"],
      help: "The script's sampler up to v0.2.5, the one since v0.2.6, or ours.",
      group: "Prompts",
      advanced: true,
    },
    benchOption("seed", { help: "Of the sample of prompts." }),
    {
      name: "stream-output",
      kind: "flag",
      default: true,
      help: "Stream the answers; --no-stream-output leaves out every latency of a token.",
      group: "Request",
    },
    benchOption("top-k", { default: 1, defaultText: "1" }),
    benchOption("top-p", { default: 1, defaultText: "1" }),
    benchOption("temperature", { default: 1, defaultText: "1", aliases: ["temp"] }),
    {
      name: "csv",
      kind: "text",
      value: "FILE",
      default: "profile_throughput.csv",
      help: "Where the row goes; a file of that name is replaced, as by the script.",
      group: "Report",
    },
    { name: "no-csv", kind: "flag", help: "Write no CSV.", group: "Report" },
    {
      name: "csv-layout",
      kind: "text",
      value: "VERSION",
      default: "v0.1.0",
      choices: THROUGHPUT_LAYOUTS,
      help: "Columns of the release v0.1.0 and later, or of v0.1.0a1.",
      group: "Report",
    },
    benchOption("length"),
    ...ENGINE_SCRIPT_OPTIONS,
    ...SCRIPT_SERVER_OPTIONS,
    ...SCRIPT_RUN_OPTIONS,
    scriptNumbersOption(true, SCRIPT_LABEL),
  ],
  examples: [
    {
      line: "tokometer profile-throughput ./ShareGPT_V3_unfiltered_cleaned_split.json " +
        "http://127.0.0.1:23333 --protocol lmdeploy-completions --concurrency 256",
      does: "five thousand prompts against an LMDeploy server",
    },
    {
      line: "tokometer profile-throughput ./ShareGPT_V3_unfiltered_cleaned_split.json " +
        "./internlm-7b --launch vllm --concurrency 256",
      does: "starts vLLM's server, measures it and ends it",
    },
    {
      line: "tokometer profile-throughput ./ShareGPT_V3_unfiltered_cleaned_split.json " +
        "./tiny-onnx --concurrency 8 --num_prompts 100",
      does: "a hundred with a model in this program",
    },
  ],
  run: runProfile,
};

async function runProfile(values: Values, host: Host): Promise<number> {
  return await measureEngine(values, host, { tokenIds: false }, async (engine) => {
    const plan = await planProfile(values, engine, host);
    return { plan, run: (watched) => measureProfile(plan, values, watched) };
  });
}

async function planProfile(
  values: Values,
  engine: ScriptEngine,
  host: Host,
): Promise<BenchPlan> {
  const asked = values["num-prompts"] as number;
  const wanted = values.concurrency as number;
  // More users than prompts crashed the script (T27).
  const users = Math.min(wanted, asked);
  if (users < wanted) {
    host.note(`Using ${plural(users, "user")} instead of ${wanted}: there is a prompt for no more`);
  }
  const tokenizer = values.tokenizer ??
    (values.launch === undefined ? undefined : await tokenizerIn(values["model-path"] as string));
  return await planScript(profileThroughput, values, {
    values: {
      url: engine.url,
      protocol: engine.protocol,
      stream: values["stream-output"] === true,
      tokenizer,
      dataset: "sharegpt",
      "dataset-path": values.dataset,
      sampler: values.sampler,
      prompts: asked,
      ...(Object.keys(engine.extraBody).length === 0 ? {} : { "extra-body": engine.extraBody }),
    },
    plan: {
      loads: [{ kind: "closed", users, rampUpMs: 0, sequence: "shared" }],
      // Too few prompts in the file are named on stderr, and none is sent twice (T28).
      stops: [{ requests: asked, once: true }],
    },
  });
}

async function measureProfile(plan: BenchPlan, values: Values, host: Host): Promise<number> {
  const asked = values["num-prompts"] as number;
  const wanted = values.concurrency as number;
  const streaming = values["stream-output"] === true;
  const ran = await runScript(plan, host, {
    out: values.out as string | undefined,
    maxFailures: values["max-failures"] as number | undefined,
  });
  const setup = { concurrency: wanted, prompts: asked, streaming };
  const ours = throughputNumbers(ran.records, ran.durationMs);
  host.print(throughputBlock(ours, setup));
  const shortfall = lengthMismatch(ran.records);
  if (shortfall !== undefined) host.note(shortfall);
  const theirs = throughputScriptNumbers(ran.records, {
    durationMs: ran.durationMs,
    asked: Math.min(asked, ran.prompts.size),
    promptTokens: scriptPromptTokens(ran),
  });
  const both = values["script-numbers"] === true;
  if (both) {
    host.print(`As the script computes it (${SCRIPT_LABEL}):`);
    host.print(throughputBlock(theirs, setup, { digits: 3 }));
  }
  if (values["no-csv"] !== true) {
    const path = values.csv as string;
    const layout = values["csv-layout"] as ThroughputLayout;
    const { header, row } = throughputRow(ours, setup, { layout });
    await writeScriptCsv(path, { header, rows: [row] });
    if (both) {
      const script = throughputRow(theirs, setup, { layout, digits: 3 });
      await writeScriptCsv(scriptCsvPath(path), { header, rows: [script.row] });
    }
    host.note(`CSV: ${path}`);
  }
  return ran.exitCode;
}
