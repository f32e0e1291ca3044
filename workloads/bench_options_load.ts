/**
 * Options that say how hard a server is loaded, when and how long.
 *
 * @module
 */
import { SCENARIOS } from "./bench_scenarios.ts";
import { RATE_STAGES_FORM } from "./bench_stages.ts";
import type { Need } from "./command.ts";
import { CANCEL_FORMS } from "./load_cancel.ts";
import { TIME_SPEC_FORMS } from "./load_time.ts";
import { group, option } from "./option_table.ts";

/** Users without `--concurrency` and `--rate`. */
export const DEFAULT_USERS = 8;
/** Requests without `--requests` and `--duration`. */
export const DEFAULT_REQUESTS = 100;
/** At least this many per user. */
export const DEFAULT_REQUESTS_PER_USER = 4;
/** Most short warm-up requests: what comes beyond would wait in the engine's queue. */
export const MOST_WARMUPS = 1024;

const WITH_RATE: Need = {
  key: "rate",
  or: ["rateStages", "find"],
  because: "only an open loop has it, add --rate",
};
/** A recording has instants of its own; other files are refused where the loads are planned. */
const WITH_SCHEDULE: Need = {
  key: "rate",
  or: ["rateStages", "find", "datasetPath"],
  because: "only an open loop has it, add --rate, or a recording that is replayed as a schedule",
};
const WITHOUT_RATE: Need = {
  key: "rate",
  not: true,
  because: "only users (--concurrency) have it, leave one of them out",
};
const WITHOUT_STAGES: Need = {
  key: "rateStages",
  not: true,
  because: "only users (--concurrency) have it, leave one of them out",
};
/** How hard, when and how long. */
export const LOAD_OPTIONS = group("Load", {
  concurrency: option.integers({
    aliases: ["c", "users"],
    min: 1,
    defaultText: `${DEFAULT_USERS}, without --rate`,
    help: "Closed loop: number of users, each sending its next request when its last has ended. " +
      "Several values are measured one after another.",
  }),
  rate: option.numbers({
    value: "R[,R…]",
    aliases: ["r", "request-rate"],
    min: 0.001,
    max: Infinity,
    help: "Open loop: requests per second, on a fixed schedule whatever the server does; " +
      "inf = all at once.",
  }),
  rateStages: option.text({
    value: "STAGE[,…]",
    needs: [
      {
        key: "concurrency",
        not: true,
        because:
          "one is a closed loop, the other an open one; to cap an open loop use --max-in-flight",
      },
      { key: "rate", not: true, because: "the stages say the rates, leave one of them out" },
      {
        key: "duration",
        not: true,
        because: "the load ends with its last stage, leave one of them out",
      },
    ],
    help: `Open loop whose rate changes: ${RATE_STAGES_FORM}, e.g. ` +
      "2@30s,2..16@60s,16@2m,exp:16..2@30s. The load ends with its last stage, and each stage is " +
      "reported by itself.",
  }),
  arrival: option.choice({
    default: "poisson",
    choices: ["poisson", "calibrated-poisson", "constant", "gamma"],
    needs: [WITH_RATE],
    help:
      "Distribution of the gaps between requests. calibrated-poisson stretches them so that all " +
      "requests together take exactly their number divided by the rate.",
  }),
  burstiness: option.number({
    value: "SHAPE",
    default: 1,
    min: 0.01,
    needs: [WITH_RATE, {
      key: "arrival",
      is: ["gamma"],
      because: "other arrivals have no shape, add --arrival gamma",
    }],
    help: "Shape of gamma arrivals: 1 = Poisson, below 1 burstier, above 1 smoother.",
    advanced: true,
  }),
  maxInFlight: option.integer({
    default: 0,
    min: 0,
    needs: [WITH_SCHEDULE],
    help: "Most requests at once; 0 = no limit.",
  }),
  overflow: option.choice({
    value: "HOW",
    default: "wait",
    choices: ["wait", "drop"],
    needs: [WITH_SCHEDULE, {
      key: "maxInFlight",
      because: "without a limit nothing overflows, add --max-in-flight N",
    }],
    help: "At the limit: wait (the lateness is shown) or drop (counted).",
    advanced: true,
  }),
  rampUp: option.seconds({
    default: 0,
    needs: [WITHOUT_RATE, WITHOUT_STAGES],
    help: "User i of N starts at i/N of this time.",
  }),
  thinkTime: option.length({
    value: "TIME",
    defaultText: "none",
    needs: [WITHOUT_RATE, WITHOUT_STAGES],
    help: "Users: time from the end of an answer to the user's next request, drawn by --seed: " +
      `${TIME_SPEC_FORMS}. It counts as no lateness, and a warm-up has none.`,
  }),
  maxPrefill: option.integer({
    min: 1,
    defaultText: "no limit",
    help:
      "Most requests before their first token, which is told by the first bytes of the answer. " +
      "Others wait: their lateness shows, and records say how long they were held.",
  }),
  cancel: option.text({
    value: "SHARE:after=TIME",
    defaultText: "nobody leaves",
    help:
      "A share of the users, drawn by --seed for each request, leaves that long after sending, " +
      `or after the first bytes of the answer: ${CANCEL_FORMS}. Such requests are ` +
      "no failures and have no latencies; their tokens count in the throughput.",
  }),
  requests: option.integer({
    aliases: ["n", "num-requests", "num-prompts"],
    min: 1,
    defaultText: `${DEFAULT_REQUESTS}, or ${DEFAULT_REQUESTS_PER_USER} per user if that is more, ` +
      "without --duration",
    help: "Stop each load after this many requests.",
  }),
  duration: option.seconds({
    aliases: ["d"],
    min: 0.001,
    help: "Stop sending after this time, in each load; with --requests whichever comes first.",
  }),
  once: option.flag({
    needs: [{ key: "mix", not: true, because: "a mix sends shares, not whole files" }],
    help: "Send each prompt of the pool once, in each load: all of a file, without --requests or " +
      "--prompts. No warm-up, unless --warmup asks for one.",
  }),
  scenario: option.choice({
    choices: SCENARIOS.map(({ name }) => name),
    help: `Rules of a public benchmark, which fix other options. ${
      SCENARIOS.map(({ name, description }) => `${name}: ${description}`).join("; ")
    }. A run that breaks one is invalid, and the exit code is 6.`,
  }),
  trialDuration: option.seconds({
    min: 0.001,
    needs: [{ key: "scenario", because: "other runs have --duration" }],
    help: "Time of each load in place of the scenario's: to try it out. The run is then invalid.",
    advanced: true,
  }),
  grace: option.seconds({
    default: 30,
    help: "Time for requests in flight to finish after the duration or an interrupt; " +
      "the rest is cancelled, excluded and counted.",
    advanced: true,
  }),
  stopOnErrors: option.integer({
    min: 0,
    defaultText: "20, or 2 per user if that is more",
    help:
      "Stop when so many connections in a row are refused or broken, for 2 s at least: the server " +
      "is gone, and the exit code is 1. 0 = never.",
    advanced: true,
  }),
  resetCache: option.text({
    value: "vllm|sglang|URL",
    help: "Empty the server's prefix cache before each load and its warm-up, by the engine's own " +
      "call, or by a POST to that URL. Where it fails the run goes on, and says so.",
    advanced: true,
  }),
  warmup: option.integer({
    min: 0,
    defaultText:
      `one per stream of the load, at most ${MOST_WARMUPS}, all at once, with answers as ` +
      "short as the check's (8 tokens)",
    help: "Whole requests before each load that are not counted; 0 = none.",
  }),
  workers: option.integer({
    default: 1,
    min: 0,
    max: 64,
    help: "Sending threads; the load is the same whatever their number. 0 = the main thread.",
    advanced: true,
  }),
});
