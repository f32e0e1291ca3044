/**
 * `tokometer profile-generation`: LMDeploy's `profile_generation`, fixed batches of fixed lengths.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { checkTakesTokenIds, findProtocol } from "../backends/protocols.ts";
import type { RequestRecord } from "../backends/record.ts";
import { plural } from "../metrics/format.ts";
import {
  GENERATION_LAYOUTS,
  generationBlock,
  type GenerationCase,
  type GenerationLayout,
  generationMemory,
  generationRow,
} from "../metrics/script_generation_csv.ts";
import {
  type GenerationNumbers,
  generationNumbers,
  generationScriptNumbers,
} from "../metrics/script_generation_numbers.ts";
import type { GpuSummary } from "../metrics/load_series.ts";
import { summarizeGpu } from "../metrics/summary_gpu.ts";
import type { LoadEnd } from "../metrics/run.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import type { BenchPlan, OwnPrompts } from "./bench_plan.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { countDuplicates } from "./dataset_duplicates.ts";
import { synthetic } from "./dataset_synthetic.ts";
import { group, option } from "./option_table.ts";
import type { Prompt } from "./prompt.ts";
import type { ServerRun } from "./run_chosen_server.ts";
import { csvPath } from "./record_outputs.ts";
import { writeScriptCsv } from "./script_csv.ts";
import { ENGINE_SCRIPT_OPTIONS, measureEngine, type ScriptEngine } from "./script_engine.ts";
import {
  csvOptions,
  SAMPLE_OPTIONS,
  SCRIPT_RUN_OPTIONS,
  SCRIPT_SERVER_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import { planScript, runScript } from "./script_run.ts";
import { estimateCounter } from "./tokenizer.ts";
import { UserError } from "./user_error.ts";

/** Defaults that differ between the script's releases. */
interface Release {
  readonly rounds: number;
  readonly warmups: number;
  readonly topP: number;
  readonly temperature: number;
  readonly layout: GenerationLayout;
}

/** The seed's release first. Before v0.1.0 there was no option for the warm-up: always 2 rounds. */
const RELEASES = {
  "v0.1.0a1": { rounds: 10, warmups: 2, topP: 1, temperature: 1, layout: "v0.1.0a1" },
  "v0.1.0": { rounds: 6, warmups: 1, topP: 1, temperature: 1, layout: "v0.1.0" },
  "v0.2.6": { rounds: 3, warmups: 1, topP: 0.8, temperature: 0.8, layout: "v0.1.0" },
  "v0.6.0": { rounds: 3, warmups: 1, topP: 0.8, temperature: 0.8, layout: "v0.6.0" },
} satisfies Readonly<Record<string, Release>>;
const SCRIPT_VERSIONS = Object.keys(RELEASES) as (keyof typeof RELEASES)[];

/** Vocabularies of today's models are larger. */
const DEFAULT_VOCABULARY = 32_000;

const SCRIPT_LABEL = "per-token array with zeros for all but the first token of a step, times " +
  "rounded to 1 ms, percentile = element int(p·n), tokens asked for";

// Warm-up is counted in rounds.
const { warmup: _warmup, ...RUN_OPTIONS } = SCRIPT_RUN_OPTIONS;

const OPTIONS = {
  ...ENGINE_SCRIPT_OPTIONS,

  ...group("Load", {
    concurrency: option.integers({
      value: "N …",
      aliases: ["c"],
      default: [1, 16, 32, 64],
      min: 1,
      help: "Numbers of users, one after another; at most the engine's batch size.",
    }),
    promptTokens: option.integers({
      value: "N …",
      aliases: ["pt"],
      default: [1, 128, 128, 2048, 2048],
      min: 1,
      help: "Prompt lengths.",
    }),
    completionTokens: option.integers({
      value: "N …",
      aliases: ["ct"],
      default: [128, 128, 2048, 128, 2048],
      min: 1,
      help: "Answer lengths, one per prompt length.",
    }),
    testRound: option.integer({
      aliases: ["tr"],
      min: 1,
      defaultText: "10; 6 and 3 in later releases, see --script-version",
      help: "Measured requests per user.",
    }),
    warmupRound: option.integer({
      aliases: ["w"],
      min: 0,
      defaultText: "2; 1 in later releases",
      help: "Requests per user before them that are not counted.",
    }),
    scriptVersion: option.choice({
      value: "VERSION",
      default: "v0.1.0a1",
      choices: SCRIPT_VERSIONS,
      help: "Release whose defaults and CSV columns are used.",
    }),
    vocab: option.integer({
      min: 16,
      defaultText: `${DEFAULT_VOCABULARY}; for a folder what its config.json says`,
      help: "Size of the model's vocabulary; prompts are drawn from its middle.",
    }),
  }),
  seed: { ...SAMPLE_OPTIONS.seed, help: "Seed of the prompts." },
  topK: option.integer({ ...REQUEST_OPTIONS.topK, default: 1 }),
  topP: { ...REQUEST_OPTIONS.topP, defaultText: "1; 0.8 since v0.2.6" },
  temperature: { ...REQUEST_OPTIONS.temperature, defaultText: "1; 0.8 since v0.2.6" },
  ...csvOptions("profile_generation.csv"),
  csvLayout: option.choice({
    needs: [{ key: "noCsv", not: true, because: "no CSV is written" }],
    value: "VERSION",
    choices: GENERATION_LAYOUTS,
    defaultText: "that of --script-version",
    help: "Columns of the CSV.",
    group: "Report",
  }),
  length: REQUEST_OPTIONS.length,
  ...SCRIPT_SERVER_OPTIONS,
  ...RUN_OPTIONS,
  scriptNumbers: scriptNumbersOption(true, SCRIPT_LABEL),
};

type GenerationValues = ValuesOf<typeof OPTIONS>;

export const command: Command = defineCommand({
  name: "profile-generation",
  description:
    "What LMDeploy's profile_generation does: for each number of users and each pair of prompt and " +
    "answer length, every user sends some warm-up rounds and then its rounds back to back, with the " +
    "answer's length forced. First-token latency, percentiles of the other tokens and throughput " +
    "are printed per case and written to a CSV.\n\n" +
    "A folder with an ONNX model runs in this program, in a worker of its own. On any other model " +
    "--launch starts an engine's own server and ends it afterwards; of one that runs already give " +
    "the URL. Prompts are token ids drawn by --seed, other ones " +
    "for each user and round; a second run with the same seed finds its own prompts in a " +
    "server's prefix cache.",
  options: OPTIONS,
  examples: {
    "tokometer profile-generation ./tiny-onnx --concurrency 1 4 --prompt-tokens 64 --completion-tokens 32":
      "two cases with a model in this program",
    "tokometer profile-generation ./internlm-7b --launch lmdeploy --tp 2 --concurrency 1 16":
      "starts LMDeploy's server on two GPUs, measures it and ends it",
    "tokometer profile-generation http://127.0.0.1:23333 --protocol lmdeploy-generate --concurrency 1 16 32 64":
      "the script's twenty cases against an LMDeploy server",
  },
  run: (values, host) =>
    measureEngine(values, host, { tokenIds: true }, (engine) => planProfile(values, engine)),
});

async function planProfile(values: GenerationValues, engine: ScriptEngine): Promise<ServerRun> {
  const release: Release = RELEASES[values.scriptVersion];
  const cases = planCases(values, release);
  checkContext(cases, engine);
  const own = await makePrompts(cases, values, engine);
  const plan = await planScript({ name: "profile-generation", options: OPTIONS }, values, {
    url: engine.url,
    values: {
      protocol: engine.protocol,
      dataset: "synthetic",
      topP: values.topP ?? release.topP,
      temperature: values.temperature ?? release.temperature,
      extraBody: engine.extraBody,
    },
    plan: {
      loads: cases.map(({ asked }) => ({
        kind: "closed",
        users: asked.concurrency,
        rampUpMs: 0,
        sequence: "rounds",
      })),
      stops: cases.map(({ asked }) => ({ requests: asked.concurrency * asked.rounds })),
      warmups: cases.map(({ asked, warmups }) => asked.concurrency * warmups),
      own,
    },
  });
  checkIds(plan);
  return { plan, run: (host) => measureCases(plan, values, { cases, release, host }) };
}

async function measureCases(
  plan: BenchPlan,
  values: GenerationValues,
  { cases, release, host }: {
    readonly cases: readonly PlannedCase[];
    readonly release: Release;
    readonly host: Host;
  },
): Promise<number> {
  const layout = values.csvLayout ?? release.layout;
  const { scriptNumbers: both } = values;
  const rows = { ours: [] as (readonly string[])[], script: [] as (readonly string[])[] };
  let header: readonly string[] = [];
  const records: RequestRecord[] = [];
  let gpu: GpuSummary | undefined;
  const report = (end: LoadEnd) => {
    if (end.skipped) return;
    const { asked, warmups } = cases[end.load]!;
    const measured = records.filter(({ load, phase }) => load === end.load && phase === "measure");
    const ours = generationNumbers(measured, end.durationMs);
    const theirs = generationScriptNumbers(measured, {
      durationMs: end.durationMs,
      asked: asked.concurrency * asked.rounds,
      promptTokens: asked.promptTokens,
      outputTokens: asked.outputTokens,
      oneTokenMean: layout === "v0.6.0",
    });
    host.progress("");
    host.print(
      `profiling ... concurrency: ${asked.concurrency}, n_prompt_token: ${asked.promptTokens}, ` +
        `n_completion_token: ${asked.outputTokens}, test_round: ${asked.rounds}, ` +
        `warmup_round: ${warmups}`,
    );
    host.print(generationBlock(ours, asked));
    if (ours.failed > 0) host.note(failureNote(ours, asked));
    gpu = summarizeGpu(end.gpu, undefined);
    const memory = generationMemory(gpu, values.tp);
    const measuredMemory = defined({ gpuMemory: memory });
    const row = generationRow(ours, asked, { layout, ...measuredMemory });
    header = row.header;
    rows.ours.push(row.row);
    if (!both) return;
    host.print(`As the script computes it (${SCRIPT_LABEL}):`);
    host.print(generationBlock(theirs, asked, { digits: 3 }));
    rows.script.push(generationRow(theirs, asked, { layout, digits: 3, ...measuredMemory }).row);
  };
  const ran = await runScript(plan, host, {
    out: values.out,
    maxFailures: values.maxFailures,
    onRecord: (record) => records.push(record),
    onLoadEnd: report,
  });
  const csv = csvPath(values);
  if (csv !== undefined && rows.ours.length > 0) {
    await writeScriptCsv(csv, {
      header,
      rows: rows.ours,
      scriptRows: both ? rows.script : undefined,
    });
    host.note(`CSV: ${csv}; ${memoryNote(gpu)}`);
  }
  return ran.exitCode;
}

function memoryNote(gpu: GpuSummary | undefined): string {
  if (gpu?.total.memoryRiseMiB === undefined && gpu?.total.ownMaxMiB === undefined) {
    return "GPU memory is not measured and n/a in it";
  }
  return (gpu.total.ownMaxMiB ?? 0) > 0
    ? "GPU memory in it is this program's own"
    : "GPU memory in it is the rise since the start, by any program: what a server took before is " +
      "left out";
}

function failureNote({ completed, failed }: GenerationNumbers, asked: GenerationCase): string {
  return `${failed} of ${plural(completed + failed, "request")} with ${asked.concurrency} users ` +
    "failed and are in no number above";
}

interface PlannedCase {
  readonly asked: GenerationCase;
  readonly warmups: number;
}

/** For each number of users, for each pair of lengths, as the script goes. */
function planCases(values: GenerationValues, release: Release): PlannedCase[] {
  const { promptTokens: prompts, completionTokens: answers } = values;
  if (prompts.length !== answers.length) {
    throw new UserError(
      `Cannot pair ${prompts.length} prompt lengths with ${answers.length} answer lengths: give ` +
        "as many --prompt-tokens as --completion-tokens",
    );
  }
  const { testRound: rounds = release.rounds, warmupRound: warmups = release.warmups } = values;
  return values.concurrency.flatMap((concurrency) =>
    prompts.map((promptTokens, i) => ({
      asked: { concurrency, promptTokens, outputTokens: answers[i]!, rounds },
      warmups,
    }))
  );
}

function checkContext(cases: readonly PlannedCase[], { folder }: ScriptEngine): void {
  const context = folder?.contextTokens ?? Infinity;
  const long = cases.find(({ asked }) => asked.promptTokens + asked.outputTokens > context);
  if (long === undefined) return;
  const { promptTokens, outputTokens } = long.asked;
  throw new UserError(
    `Cannot generate ${outputTokens} tokens after ${promptTokens}: the model's context is ` +
      `${context} tokens, give shorter --prompt-tokens and --completion-tokens`,
  );
}

/** Ids of their own for every user, round and case (T30), as ids since texts would not keep (T33). */
async function makePrompts(
  cases: readonly PlannedCase[],
  values: GenerationValues,
  { folder }: ScriptEngine,
): Promise<OwnPrompts> {
  const vocab = values.vocab ?? folder?.vocabulary ?? DEFAULT_VOCABULARY;
  const prompts: Prompt[] = [];
  const loads: OwnPrompts["loads"][number][] = [];
  for (const [number, { asked, warmups }] of cases.entries()) {
    const { concurrency, promptTokens, outputTokens, rounds } = asked;
    const made = await synthetic.load({
      count: concurrency * (warmups + rounds),
      seed: values.seed,
      counter: estimateCounter,
      turns: 1,
      outputTokens: () => outputTokens,
      salt: `profile-generation/${number}`,
      extra: { inputTokens: String(promptTokens), tokenIds: true, vocab },
    });
    const from = prompts.length + concurrency * warmups;
    loads.push({
      label: `${plural(concurrency, "user")}, ${promptTokens} → ${outputTokens}`,
      warmupFrom: prompts.length,
      from,
    });
    for (const prompt of made.prompts) prompts.push({ ...prompt, id: `${number}/${prompt.id}` });
  }
  return {
    dataset: {
      prompts,
      source: `token ids from the middle of a vocabulary of ${vocab}`,
      read: prompts.length,
      skipped: {},
      duplicates: countDuplicates(prompts),
    },
    loads,
  };
}

/** Not every protocol can send token ids. @throws {UserError} for such a protocol. */
function checkIds(plan: BenchPlan): void {
  const prompt = plan.own?.dataset.prompts[0];
  const protocol = findProtocol(plan.protocol);
  try {
    if (prompt?.tokenIds !== undefined) checkTakesTokenIds(protocol);
    protocol.buildRequest({
      model: plan.model ?? "",
      messages: prompt?.messages ?? [],
      outputTokens: 1,
      length: plan.length,
      stream: true,
      sampling: plan.sampling,
      requestId: 1n,
      ...defined({ promptTokenIds: prompt?.tokenIds, extraBody: plan.extraBody }),
    }, { baseUrl: plan.url, headers: {} });
  } catch (error) {
    if (error instanceof TypeError) throw new UserError(error.message);
    throw error;
  }
}
