/**
 * `tokometer num-clients`: a fixed number of users, as api_bench_tools'
 * `benchmark_serving_num_clients` runs them.
 *
 * @module
 */
import { CLIENTS_COLUMNS, clientsRow } from "../metrics/script_clients_row.ts";
import type { BenchPlan } from "./bench_plan.ts";
import {
  API_BENCH_OPTIONS,
  benchOption,
  SCRIPT_RUN_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import {
  backendValues,
  planScript,
  readVariables,
  runScript,
  scriptPromptTokens,
  type ScriptRun,
  tokenizerIn,
} from "./script_run.ts";
import { type ChosenServer, measureChosen } from "./run_chosen_server.ts";
import { backendOf, DEFAULT_BACKEND, findBackend, type ScriptBackend } from "./script_target.ts";
import type { ClosedLoad } from "./load.ts";
import type { Command, Host, Option, Values } from "./command.ts";
import { UserError } from "./user_error.ts";

/** Ways to share the prompts out. */
export const CLIENT_SEQUENCES: readonly string[] = ["shuffled", "legacy", "shared"];

const RAMP_UP_SEC_PER_CLIENT = 0.1;

/** Which prompts each user sends: for this command and the sweep. */
export const SEQUENCE_OPTION: Option = {
  name: "sequence",
  kind: "text",
  value: "NAME",
  default: "shuffled",
  choices: CLIENT_SEQUENCES,
  help: "shuffled: every user goes through the pool in an order of its own; legacy: the script's " +
    "rotation, in which neighbors begin with the same prompt; shared: one queue, each prompt once.",
  group: "Load",
};

/** The scenario `num-clients`. */
export const numClients: Command = {
  name: "num-clients",
  aliases: ["benchmark-serving-num-clients"],
  summary: "A fixed number of users and one CSV line (api_bench_tools)",
  description:
    "What benchmark_serving_num_clients does: N users, started over a ramp-up time, each sending " +
    "its next prompt when the last answer is complete, until the stop time or until its prompts " +
    "are used up. Prints the script's two lines, a header and a row of 39 columns.\n\n" +
    "The definitions are right where the script's are not: tokens are counted by the engine's " +
    "counters instead of events, a stream without an end mark or with an error is a failure, the " +
    "stop time counts from the start of the run for all users, and an unknown option is an error. " +
    "--script-numbers adds the row as the script would have printed it.",
  positionals: [
    {
      name: "base-url",
      help: "where the server listens, e.g. http://127.0.0.1:8000",
      required: true,
      unless: "launch",
    },
  ],
  options: [
    ...API_BENCH_OPTIONS,
    benchOption("num-turns"),
    {
      name: "num-clients",
      kind: "integer",
      value: "N",
      aliases: ["num-threads"],
      default: 1,
      min: 1,
      help: "Users.",
      group: "Load",
    },
    {
      name: "ramp-up-time",
      kind: "number",
      value: "SECONDS",
      min: 0,
      defaultText: "0.1 for each user",
      help: "User i of N starts at i/N of this time.",
      group: "Load",
    },
    {
      name: "stop-time",
      kind: "number",
      value: "SECONDS",
      aliases: ["thread-stop-time"],
      default: 0,
      min: 0,
      help: "No request is sent later than this; 0 = until all prompts are sent.",
      group: "Load",
    },
    SEQUENCE_OPTION,
    ...SCRIPT_RUN_OPTIONS,
    scriptNumbersOption(
      false,
      "an event for a token, prompt lengths by the script's tokenizer",
    ),
  ],
  examples: [
    {
      line: "tokometer num-clients --base-url http://127.0.0.1:8000 --num-threads 8 " +
        "--num-requests 50 --thread-stop-time 60",
      does: "eight users for a minute on the built-in sample",
    },
    {
      line: "tokometer num-clients 127.0.0.1:23333 --backend ppl " +
        "--dataset-path samples_1024.json --tokenizer ./llama-7b-hf --num-clients 100 " +
        "--stop-time 300 --sequence legacy",
      does: "PPL's server, with the script's own order of prompts",
    },
  ],
  run: runNumClients,
};

async function runNumClients(given: Values, host: Host): Promise<number> {
  return await measureChosen(given, host, { address: "base-url" }, async (server) => {
    const values = atServer(given, server);
    const plan = await planClients(numClients, values);
    return { plan, run: (watched) => measureClients(plan, values, watched) };
  });
}

/** The values with the server's address, and with the backend that is asked. */
export function atServer(values: Values, { url, launched }: ChosenServer): Values {
  const backend = values.backend ??
    (launched === undefined ? DEFAULT_BACKEND : backendOf(launched.engine));
  return { ...values, "base-url": url, backend };
}

async function measureClients(plan: BenchPlan, values: Values, host: Host): Promise<number> {
  const ran = await runScript(plan, host, {
    out: values.out as string | undefined,
    maxFailures: values["max-failures"] as number | undefined,
  });
  host.print(`CSV header output:${CLIENTS_COLUMNS.join(",")}`);
  host.print(`CSV format output:${clientsRow(ran.records, ran.durationMs).join(",")}`);
  if (values["script-numbers"] === true) {
    const row = clientsScriptRow(ran, findBackend(values.backend as string));
    host.print(`As the script counts:${row.join(",")}`);
  }
  return ran.exitCode;
}

/** The row as the script would have counted the same answers. */
export function clientsScriptRow(ran: ScriptRun, backend: ScriptBackend): readonly string[] {
  return clientsRow(ran.records, ran.durationMs, {
    count: backend.countsEvents ? "events" : "tokens",
    promptTokens: scriptPromptTokens(ran),
  });
}

/**
 * The plan of one case. `values` has the options of {@linkcode numClients}.
 *
 * @throws {UserError} as `planBench`.
 */
export async function planClients(scenario: Command, values: Values): Promise<BenchPlan> {
  const users = values["num-clients"] as number;
  const rampUpSec = (values["ramp-up-time"] as number | undefined) ??
    users * RAMP_UP_SEC_PER_CLIENT;
  const stopSec = (values["stop-time"] as number | undefined) ?? 0;
  const sequence = values.sequence as "shuffled" | "legacy" | "shared";
  const load: ClosedLoad = {
    kind: "closed",
    users,
    rampUpMs: rampUpSec * 1000,
    sequence,
    seed: (values.seed as number | undefined) ?? 0,
  };
  return await planScript(scenario, values, {
    values: await apiBenchValues(values, "api-bench-tools"),
    plan: {
      loads: [load],
      stops: [{
        // The other sequences end by themselves, when each user has sent the whole pool.
        ...(sequence === "shared" ? { once: true } : {}),
        ...(stopSec > 0 ? { durationMs: stopSec * 1000 } : {}),
      }],
    },
  });
}

/** Server, prompts and request of both api_bench_tools scripts under `bench`'s names. */
export async function apiBenchValues(
  values: Values,
  sampler: "api-bench-tools" | "request-rate",
): Promise<Values> {
  if (values["use-beam-search"] === true) {
    throw new UserError(
      "Cannot use --use-beam-search: a beam is not one stream of tokens, and the script refuses " +
        "it as well; leave it out",
    );
  }
  const backend = findBackend(values.backend as string | undefined ?? DEFAULT_BACKEND);
  const bestOf = values["best-of"] as number | undefined;
  if (bestOf !== undefined && bestOf !== 1 && backend.name !== "vllm") {
    throw new UserError(
      `Cannot use --best-of ${bestOf} with --backend ${backend.name}: only vllm is sent it`,
    );
  }
  const path = values["dataset-path"] as string | undefined;
  const xiaomi = values.dataset === "xiaomi";
  if (xiaomi && path === undefined) {
    throw new UserError("Cannot use --dataset xiaomi without a file: add --dataset-path FILE");
  }
  const key = values["api-key"] ?? await keyOf(backend);
  const tokenizer = values.tokenizer ?? await tokenizerIn(values.model as string | undefined) ??
    await tokenizerIn(values["model-path"] as string | undefined);
  const outputTokens = values["sharegpt-output-len"] as number | undefined;
  return {
    url: values["base-url"],
    ...backendValues(backend, values),
    dataset: xiaomi ? "jsonl" : path === undefined ? "sample" : "sharegpt",
    ...(xiaomi ? { order: "api-bench-tools" } : { sampler }),
    prompts: values["num-requests"],
    ...(outputTokens === undefined ? {} : { "output-tokens": String(outputTokens) }),
    ...(values["system-prompt-path"] === undefined
      ? {}
      : { "system-prompt-file": values["system-prompt-path"] }),
    ...(key === undefined ? {} : { "api-key": key }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
  };
}

/** The script's own variable for the key; without one no header is sent (T38). */
async function keyOf({ keyVariable }: ScriptBackend): Promise<string | undefined> {
  if (keyVariable === undefined) return undefined;
  return (await readVariables([keyVariable]))[keyVariable];
}
