/**
 * `tokometer request-rate`: requests at random times whatever the server does, as api_bench_tools'
 * `benchmark_serving_request_rate` sends them.
 *
 * @module
 */
import { RATE_COLUMNS, rateRow } from "../metrics/script_clients_row.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { measureChosen } from "./run_chosen_server.ts";
import { API_BENCH_OPTIONS, SCRIPT_RUN_OPTIONS, scriptNumbersOption } from "./script_options.ts";
import { planScript, runScript, scriptPromptTokens } from "./script_run.ts";
import { findBackend } from "./script_target.ts";
import { apiBenchValues, atServer } from "./command_num_clients.ts";
import type { Command, Host, Values } from "./command.ts";
import { UserError } from "./user_error.ts";

/** The scenario `request-rate`. */
export const requestRate: Command = {
  name: "request-rate",
  aliases: ["benchmark-serving-request-rate"],
  summary: "Poisson arrivals and one CSV line (api_bench_tools)",
  description:
    "What benchmark_serving_request_rate does: each prompt is sent once, with exponential gaps " +
    "of mean 1 ÷ rate, without a limit of requests in flight. Prints the script's two lines, a " +
    "header and a row of 36 columns.\n\n" +
    "Requests leave on an absolute schedule, where the script sleeps after each launch and drifts; " +
    "the length of the answers is forced, which it does not do (--length cap is its way); the wait " +
    "for the first token is not a gap between tokens. --script-numbers adds the row as the script " +
    "would have printed it.",
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
    {
      name: "request-rate",
      kind: "number",
      value: "R",
      aliases: ["rate"],
      default: Infinity,
      defaultText: "inf",
      min: 0.001,
      max: Infinity,
      help: "Requests a second; inf sends all at once.",
      group: "Load",
    },
    {
      name: "legacy-rng",
      kind: "flag",
      help: "Draw the gaps as numpy's generator does after seed 0 (--seed), as the script.",
      group: "Load",
    },
    {
      name: "disable-tqdm",
      kind: "flag",
      help: "No progress line.",
      group: "Report",
    },
    ...SCRIPT_RUN_OPTIONS,
    scriptNumbersOption(
      false,
      "an event for a token, the wait for the first one among the gaps",
    ),
  ],
  examples: [
    {
      line: "tokometer request-rate --base-url http://127.0.0.1:8000 --num-requests 50 " +
        "--request-rate 4 --legacy-rng",
      does: "four requests a second, at the script's own times",
    },
  ],
  run: runRequestRate,
};

/** numpy seeds its generator with 32 bits. */
const NUMPY_SEEDS = 2 ** 32;

async function runRequestRate(given: Values, host: Host): Promise<number> {
  return await measureChosen(given, host, { address: "base-url" }, async (server) => {
    const values = atServer(given, server);
    const plan = await planRate(values);
    return { plan, run: (watched) => measureRate(plan, values, watched) };
  });
}

async function planRate(values: Values): Promise<BenchPlan> {
  const seed = (values.seed as number | undefined) ?? 0;
  if (values["legacy-rng"] === true && seed >= NUMPY_SEEDS) {
    throw new UserError(
      `Cannot use --seed ${seed} with --legacy-rng: numpy takes 0 to ${NUMPY_SEEDS - 1}`,
    );
  }
  return await planScript(requestRate, values, {
    values: await apiBenchValues(values, "request-rate"),
    plan: {
      loads: [{
        kind: "open",
        arrival: "poisson",
        ratePerSec: values["request-rate"] as number,
        shape: 1,
        maxInFlight: 0,
        overflow: "wait",
        ...(values["legacy-rng"] === true ? { legacyRng: true } : {}),
      }],
      stops: [{ requests: values["num-requests"] as number, once: true }],
    },
  });
}

async function measureRate(plan: BenchPlan, values: Values, host: Host): Promise<number> {
  const quiet: Partial<Host> = values["disable-tqdm"] === true ? { progress: () => {} } : {};
  const ran = await runScript(plan, withParts(host, quiet), {
    out: values.out as string | undefined,
    maxFailures: values["max-failures"] as number | undefined,
  });
  host.print(`CSV header output:${RATE_COLUMNS.join(",")}`);
  host.print(`CSV format output:${rateRow(ran.records, ran.durationMs).join(",")}`);
  if (values["script-numbers"] === true) {
    const backend = findBackend(values.backend as string);
    const row = rateRow(ran.records, ran.durationMs, {
      count: backend.countsEvents ? "events" : "tokens",
      promptTokens: scriptPromptTokens(ran),
      firstGap: true,
    });
    host.print(`As the script counts:${row.join(",")}`);
  }
  return ran.exitCode;
}

/** A host with some of its parts replaced; its getters stay getters. */
function withParts(host: Host, parts: Partial<Host>): Host {
  return Object.assign(Object.create(host) as Host, parts);
}
