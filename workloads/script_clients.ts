/**
 * The load of api_bench_tools' `benchmark_serving_num_clients`, for the command of its own and for the
 * sweep, which runs it case by case.
 *
 * @module
 */
import { clientsRow } from "../metrics/script_clients_row.ts";
import { DATASET_OPTIONS } from "./bench_options_prompts.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { ValuesOf } from "./command.ts";
import type { ClosedLoad } from "./load.ts";
import { group, option } from "./option_table.ts";
import { planApiBench } from "./script_api_bench.ts";
import {
  API_BENCH_OPTIONS,
  BASE_URL,
  SCRIPT_RUN_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import { scriptPromptTokens, type ScriptRun } from "./script_run.ts";
import { type ScriptBackend, scriptCounting } from "./script_target.ts";

const RAMP_UP_SEC_PER_CLIENT = 0.1;

/** Which prompts each user sends: for this command and the sweep. */
export const SEQUENCE_OPTION = option.choice({
  default: "shuffled",
  choices: ["shuffled", "legacy", "shared"],
  help: "shuffled: each user goes through the pool in its own order; legacy: the script's " +
    "rotation, in which neighbors begin with the same prompt; shared: one queue, each prompt once.",
  group: "Load",
});

/** Options of the command. */
export const CLIENTS_OPTIONS = {
  baseUrl: BASE_URL,
  ...API_BENCH_OPTIONS,
  numTurns: DATASET_OPTIONS.numTurns,
  ...group("Load", {
    numClients: option.integer({ aliases: ["num-threads"], default: 1, min: 1, help: "Users." }),
    rampUpTime: option.seconds({
      defaultText: `${RAMP_UP_SEC_PER_CLIENT} per user`,
      help: "User i of N starts at i/N of this time.",
    }),
    stopTime: option.seconds({
      aliases: ["thread-stop-time"],
      default: 0,
      help: "No request is sent later than this; 0 = until all prompts are sent.",
    }),
  }),
  sequence: SEQUENCE_OPTION,
  ...SCRIPT_RUN_OPTIONS,
  scriptNumbers: scriptNumbersOption(
    false,
    "an event for a token, prompt lengths by the script's tokenizer",
  ),
};

/** Values of the command. */
export type ClientsValues = ValuesOf<typeof CLIENTS_OPTIONS>;

const SELF = { name: "num-clients", options: CLIENTS_OPTIONS };

/** The row as the script would have counted the same answers. */
export function clientsScriptRow(ran: ScriptRun, backend: ScriptBackend): readonly string[] {
  return clientsRow(ran.records, ran.durationMs, {
    ...scriptCounting(backend),
    promptTokens: scriptPromptTokens(ran),
  });
}

/** The plan of one case. @throws {UserError} as `planRun`. */
export async function planClients(
  values: ClientsValues,
  { backend, url }: { readonly backend: string; readonly url: string },
): Promise<BenchPlan> {
  const { numClients: users, stopTime, sequence, seed } = values;
  const rampUpSec = values.rampUpTime ?? users * RAMP_UP_SEC_PER_CLIENT;
  const load: ClosedLoad = {
    kind: "closed",
    users,
    rampUpMs: rampUpSec * 1000,
    sequence,
    seed,
  };
  return await planApiBench(SELF, values, {
    backend,
    url,
    sampler: "api-bench-tools",
    load,
    stop: {
      // The other sequences end by themselves, when each user has sent the whole pool.
      ...(sequence === "shared" ? { once: true } : {}),
      ...(stopTime > 0 ? { durationMs: stopTime * 1000 } : {}),
    },
  });
}
