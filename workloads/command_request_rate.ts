/**
 * `tokometer request-rate`: requests at random times whatever the server does, as api_bench_tools'
 * `benchmark_serving_request_rate` sends them.
 *
 * @module
 */
import { RATE_COLUMNS, rateRow } from "../metrics/script_clients_row.ts";
import { type Command, defineCommand, type Host } from "./command.ts";
import { group, option } from "./option_table.ts";
import { measureApiBench, planApiBench } from "./script_api_bench.ts";
import {
  API_BENCH_OPTIONS,
  BASE_URL,
  SCRIPT_RUN_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import { scriptPromptTokens } from "./script_run.ts";
import { scriptCounting } from "./script_target.ts";
import { UserError } from "./user_error.ts";

const OPTIONS = {
  baseUrl: BASE_URL,
  ...API_BENCH_OPTIONS,
  ...group("Load", {
    requestRate: option.number({
      value: "R",
      aliases: ["rate"],
      default: Infinity,
      min: 0.001,
      max: Infinity,
      help: "Requests per second; inf sends all at once.",
    }),
    legacyRng: option.flag({
      help: "Draw the gaps with numpy's generator and --seed, as the script does with seed 0.",
    }),
  }),
  disableTqdm: option.flag({ help: "No progress line.", group: "Report" }),
  ...SCRIPT_RUN_OPTIONS,
  scriptNumbers: scriptNumbersOption(
    false,
    "an event for a token, the wait for the first one among the gaps (not with ppl)",
  ),
};

const SELF = { name: "request-rate", options: OPTIONS };

/** numpy seeds its generator with 32 bits. */
const NUMPY_SEEDS = 2 ** 32;

export const command: Command = defineCommand({
  name: "request-rate",
  description:
    "What benchmark_serving_request_rate does: each prompt is sent once, with exponential gaps " +
    "of mean 1 ÷ rate, without a limit of requests in flight. Prints the script's two lines, a " +
    "header and a row of 36 columns.\n\n" +
    "Requests leave on an absolute schedule, where the script sleeps after each launch and drifts; " +
    "the length of the answers is forced, which it does not do (--length cap is its way); the wait " +
    "for the first token is not a gap between tokens. As in the script, E2E and TPOT of the row end at " +
    "the end mark of the stream, not at its last token. --script-numbers adds the row as the script " +
    "would have printed it.",
  options: OPTIONS,
  examples: {
    "tokometer request-rate --base-url http://127.0.0.1:8000 --num-requests 50 --request-rate 4 --legacy-rng":
      "four requests per second, at the script's own times",
  },
  run: async (values, host) => {
    const { seed, legacyRng, requestRate: ratePerSec, numRequests: requests } = values;
    if (legacyRng && seed >= NUMPY_SEEDS) {
      throw new UserError(
        `Cannot use --seed ${seed} with --legacy-rng: numpy takes 0 to ${NUMPY_SEEDS - 1}`,
      );
    }
    return await measureApiBench(values, values.disableTqdm ? withoutProgress(host) : host, {
      plan: (backend, url) =>
        planApiBench(SELF, values, {
          backend,
          url,
          sampler: "request-rate",
          load: {
            kind: "open",
            arrival: "poisson",
            ratePerSec,
            shape: 1,
            maxInFlight: 0,
            overflow: "wait",
            ...(legacyRng ? { legacyRng } : {}),
          },
          stop: { requests, once: true },
        }),
      columns: RATE_COLUMNS,
      row: ({ records, durationMs }) => rateRow(records, durationMs),
      scriptRow: (ran, backend) =>
        rateRow(ran.records, ran.durationMs, {
          // This script has calls of its own: usage hides no gap, and PPL's leaves out the first.
          count: scriptCounting(backend).count,
          firstGap: backend.name !== "ppl",
          promptTokens: scriptPromptTokens(ran),
        }),
    });
  },
});

/** The same host without a progress line; its getters stay getters. */
function withoutProgress(host: Host): Host {
  return Object.assign(Object.create(host) as Host, { progress: () => {} });
}
