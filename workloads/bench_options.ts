/**
 * Options that several commands share: their types, defaults and texts.
 *
 * @module
 */
import { MAX_ANSWER_BYTES, MOST_LARGEST } from "../backends/limits.ts";
import { PROTOCOLS } from "../backends/protocols.ts";
import { TRANSPORTS } from "../backends/transports.ts";
import { CLIENT_TOLERANCE } from "../metrics/check_figures.ts";
import { REPORTS } from "../metrics/reports.ts";
import { DEFAULT_PERCENTILES, VALUE_KEEPINGS } from "../metrics/summary.ts";
import { SCENARIOS } from "./bench_scenarios.ts";
import type { Need, ValuesOf } from "./command.ts";
import { DATASET_EXTRA_OPTIONS, DATASETS, DEFAULT_DATASET } from "./datasets.ts";
import { LENGTH_SPEC_FORMS } from "./dataset_length.ts";
import { GPU_CHOICES } from "./gpu_sampler.ts";
import { RATE_STAGES_FORM } from "./bench_stages.ts";
import { CANCEL_FORMS } from "./load_cancel.ts";
import { TIME_SPEC_FORMS } from "./load_time.ts";
import { group, option } from "./option_table.ts";

/** Protocol without `--protocol`. */
export const DEFAULT_PROTOCOL = "openai-chat";
/** `--transport` that is chosen when the server is known. */
export const AUTO_TRANSPORT = "auto";
/** Users without `--concurrency` and `--rate`. */
export const DEFAULT_USERS = 8;
/** Requests without `--requests` and `--duration`. */
export const DEFAULT_REQUESTS = 100;
/** Largest `--max-answer`: no text may be longer. */
const MOST_ANSWER_BYTES: number = 500 * 2 ** 20;
/** At least this many per user. */
export const DEFAULT_REQUESTS_PER_USER = 4;
/** Most short warm-up requests: what comes beyond would wait in the engine's queue. */
export const MOST_WARMUPS = 1024;

const WITH_RATE: Need = {
  key: "rate",
  or: ["rateStages"],
  because: "only an open loop has it, add --rate",
};
/** A recording has instants of its own; other files are refused where the loads are planned. */
const WITH_SCHEDULE: Need = {
  key: "rate",
  or: ["rateStages", "datasetPath"],
  because: "only an open loop has it, add --rate, or a recording that is replayed as a schedule",
};
const WITHOUT_RATE: Need = {
  key: "rate",
  not: true,
  because: "only users (--concurrency) have it, leave one of them out",
};
const WITHOUT_MIX: Need = {
  key: "mix",
  not: true,
  because: "its classes have their own files, leave one of them out",
};
const WITHOUT_STAGES: Need = {
  key: "rateStages",
  not: true,
  because: "only users (--concurrency) have it, leave one of them out",
};
const WITH_SAVE: Need = { key: "save", because: "nothing is kept, leave out one of them" };

/** `--protocol` without a default. */
export const PROTOCOL = {
  value: "NAME",
  aliases: ["backend"],
  choices: PROTOCOLS.map(({ name }) => name),
  help: "Protocol that the server speaks.",
  group: "Server",
};

/** Which server, in which protocol, over which transport. */
export const TARGET_OPTIONS = {
  protocol: option.choice({ ...PROTOCOL, default: DEFAULT_PROTOCOL }),
  ...group("Server", {
    model: option.text({
      value: "NAME",
      aliases: ["m"],
      defaultText: "the first one the server lists",
      help: "Model name to send.",
    }),
    sessionHeader: option.text({
      value: "NAME",
      help:
        "Request header for routers, e.g. X-Session-ID: its value is the same in all requests of " +
        "a session, and another one in each session, or in each single request.",
      advanced: true,
    }),
    endpoint: option.text({
      value: "PATH",
      defaultText: "the protocol's own",
      help: "Path of the generation call, if a gateway has moved it.",
      advanced: true,
    }),
    header: option.texts({
      value: '"NAME: VALUE"',
      aliases: ["H"],
      repeat: true,
      secret: true,
      help: "Extra request header; may be given several times. Never stored.",
      advanced: true,
    }),
    apiKey: option.text({
      value: "SOURCE",
      secret: true,
      defaultText: "env:TOKOMETER_API_KEY, if set",
      help: "API key. It is sent to the server only, and is never in a file or a report.",
    }),
    transport: option.choice({
      default: AUTO_TRANSPORT,
      choices: [
        AUTO_TRANSPORT,
        ...TRANSPORTS.filter(({ carrier }) => carrier !== "inprocess").map(({ name }) => name),
      ],
      help: "How bytes travel; auto chooses by the load and says why.",
    }),
    timeout: option.seconds({ default: 600, help: "Time limit per request; 0 = none." }),
    wait: option.seconds({
      defaultText: "none: a server that is not there is an error",
      help: "Wait so long for a server that is starting, loading or busy, before the run.",
    }),
    maxAnswer: option.bytes({
      default: MAX_ANSWER_BYTES,
      min: 1024,
      max: MOST_ANSWER_BYTES,
      help: "Largest answer; a larger one fails. A single event may take a quarter of it, all " +
        `answers of a thread that are in flight ${MOST_LARGEST} times as much.`,
      advanced: true,
    }),
    caCert: option.file({
      help: "PEM file of a certificate authority to trust in addition to the system's.",
      advanced: true,
    }),
    insecure: option.flag({
      help: "Accept any TLS certificate. The fetch transport cannot; use --transport socket.",
      advanced: true,
    }),
    proxyLocal: option.flag({
      help: "Use the environment's proxy for local addresses, too.",
      advanced: true,
    }),
  }),
};

/** Several models in place of one. */
export const MODELS_OPTIONS = group("Server", {
  models: option.text({
    value: '"NAME:WEIGHT,…"',
    help:
      "Several models of one load, such as LoRA adapters, by weight: drawn from --seed for each " +
      "request, or for each session. Each is checked before the load and has a row of its own.",
  }),
  modelAssignment: option.choice({
    value: "HOW",
    choices: ["random", "round-robin", "recorded"],
    defaultText: "random; recorded for a recording of several models, without weights",
    needs: [{ key: "models", because: "one model needs none, add --models" }],
    help: "How requests or sessions get one of --models: drawn by weight, by turns, or as in the " +
      "recording, whose first model is the first of --models, and so on.",
    advanced: true,
  }),
});

/** What each request asks for. */
export const REQUEST_OPTIONS = group("Request", {
  length: option.choice({
    value: "HOW",
    defaultText: "forced where the protocol can, else cap; cap for a file's whole requests",
    choices: ["forced", "cap"],
    help: "forced: the engine must generate exactly the requested length; cap: at most that.",
  }),
  maxCompletionTokens: option.flag({
    defaultText: "found out by the check request",
    help: "Send the length as max_completion_tokens, not max_tokens.",
    advanced: true,
  }),
  stream: option.flag({
    default: true,
    help: "Stream the answers; --no-stream measures E2E only.",
  }),
  temperature: option.number({
    value: "T",
    min: 0,
    defaultText: "the engine's",
    help: "Sampling temperature.",
  }),
  topP: option.number({
    value: "P",
    min: 0,
    max: 1,
    defaultText: "the engine's",
    help: "Nucleus sampling.",
  }),
  topK: option.integer({
    value: "K",
    min: -1,
    defaultText: "the engine's",
    help: "Sample from the K most likely tokens.",
  }),
  samplingSeed: option.integer({
    defaultText: "none",
    help: "Seed sent to the engine with each request.",
    advanced: true,
  }),
  stop: option.texts({
    repeat: true,
    help: "Stop sequence; may be given several times. Use it with --length cap.",
    advanced: true,
  }),
  extraBody: option.json({
    value: "JSON",
    help: `Fields merged over the request body, e.g. '{"cache_prompt": false}'; null removes one.`,
  }),
});

/** Which prompts are sent. */
export const DATASET_OPTIONS = {
  ...group("Prompts", {
    dataset: option.choice({
      default: DEFAULT_DATASET,
      choices: DATASETS.map((dataset) => dataset.name),
      needs: [WITHOUT_MIX],
      help: `Source of the prompts. ${
        DATASETS.map(({ name, description }) => `${name}: ${description}`).join("; ")
      }.`,
    }),
    datasetPath: option.file({
      needs: [WITHOUT_MIX],
      help: `File of the dataset. Without --dataset its rows decide, then its ending: ${
        DATASETS.filter(({ needsFile }) => needsFile)
          .map(({ name, fileEndings = [] }) => `${fileEndings.join(" ")} ${name}`).join(", ")
      }.`,
    }),
    mix: option.text({
      value: '"NAME:WEIGHT=FILE,…"',
      help:
        "Classes of prompts in one load, each from a file of its own (of any kind, found as with " +
        "--dataset-path), or synthetic:IN/OUT with lengths of prompts and answers: drawn from " +
        "--seed by weight, each with rows of its own.",
    }),
    prompts: option.integer({
      min: 1,
      defaultText: "as many as requests are planned, 1000 with --duration alone",
      help: "Size of the pool of prompts; after its last prompt it starts over (see --once).",
    }),
    outputTokens: option.length({
      value: "LENGTH",
      defaultText: "the dataset's lengths or answers, 128 where it has none",
      help: `Answer length to request, in tokens: ${LENGTH_SPEC_FORMS}.`,
    }),
    tokenizer: option.text({
      value: "PATH",
      defaultText: "none: lengths are estimates and marked as such",
      help: "tokenizer.json or tokenizer.model, or the folder with it.",
    }),
    numTurns: option.integer({
      default: 1,
      min: 1,
      help: "User messages of a conversation that go into one prompt.",
    }),
    systemPromptFile: option.file({
      aliases: ["system-prompt-path"],
      help: "Text sent before every prompt as a system message.",
      advanced: true,
    }),
  }),
  ...DATASET_EXTRA_OPTIONS,
  ...group("Prompts", {
    saltScope: option.choice({
      value: "SCOPE",
      choices: ["load", "session", "request", "none"],
      defaultText: "load; session for traces",
      help: "A mark at the very front of each prompt keeps the prefix cache of the server from " +
        "knowing it. It is new for each load, for each session (traces), or for each request; " +
        "none: prompts are sent as they are.",
    }),
    salt: option.text({
      defaultText: "random in each run",
      help:
        "What the marks, and synthetic prompts beside --seed, follow from. Give the salt of an " +
        "earlier run to send its prompts again.",
      advanced: true,
    }),
  }),
  seed: option.integer({
    default: 0,
    min: 0,
    help: "Determines everything random on the client: prompts, their order, arrivals.",
    group: "Prompts",
  }),
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

/** What is reported, and where. */
export const REPORT_OPTIONS = group("Report", {
  format: option.choice({
    default: "table",
    choices: REPORTS.map((report) => report.name),
    help: "Report on standard output.",
  }),
  percentiles: option.numbers({
    value: "P[,P…]",
    default: DEFAULT_PERCENTILES,
    min: 0,
    max: 100,
    help: "Percentiles of every distribution; each needs enough samples or prints n/a.",
  }),
  slo: option.text({
    value: "LIMIT[,…]",
    help: "Service level objective, e.g. ttft:500,tpot:50: adds goodput and attainment. With a " +
      "percentile (ttft:p99<500) it is a limit on the load. Only reported, see --require.",
  }),
  require: option.text({
    value: "LIMIT[,…]",
    help: "Limits that every load has to keep, else the exit code is 5, e.g. " +
      '"ttft:p99<500,attainment>95%,failures<1%": a metric with a percentile, mean, median, min or ' +
      "max (without one, every value), or a figure such as throughput, goodput, success or errors; " +
      "in ms, s, %, tok/s, req/s. What was not measured is not kept.",
  }),
  clientTolerance: option.number({
    value: "PERCENT",
    default: CLIENT_TOLERANCE * 100,
    min: 0,
    max: 100,
    help:
      "A load is ok where both ends of the median, p90 and p99 of TTFT, TPOT, ITL and E2E, and of " +
      "the throughput, are so near to what is printed, or within 1 ms (TPOT, ITL: 0.1 ms).",
    advanced: true,
  }),
  maxFailures: option.number({
    value: "PERCENT",
    defaultText: "0; with a limit of --require on failures, that one alone",
    min: 0,
    max: 100,
    help: "Allowed share of failed requests; beyond it the exit code is 1.",
  }),
  values: option.choice({
    value: "HOW",
    defaultText: "auto; for a record file, as in its run",
    choices: VALUE_KEEPINGS,
    help:
      "raw: all values in memory, exact percentiles; histogram: bounded memory for soak runs, " +
      "percentiles within 0.1 %, counts and totals exact; auto: raw until 20 million ticks.",
  }),
});

/** Where results are kept; only for commands that measure. */
export const SAVE_OPTIONS = group("Report", {
  out: option.text({
    value: "DIR",
    aliases: ["o"],
    needs: [WITH_SAVE],
    defaultText: "tokometer-results/<date and time>",
    help: "Folder for the record file and the reports; it must not exist yet.",
  }),
  save: option.flag({
    default: true,
    help: "Write the record file and reports; --no-save only prints.",
  }),
  gpu: option.choice({
    value: "HOW",
    default: "auto",
    choices: GPU_CHOICES,
    help: "Sample memory, utilization and power of this machine's GPUs: by NVML, else by " +
      "nvidia-smi; auto = whatever is available, if the server runs here too.",
    advanced: true,
  }),
  witness: option.flag({
    default: true,
    help: "While a load runs, a few streams from an engine in a thread of its own go through the " +
      "same threads as the load; its log shows how late the client's stamps are. --no-witness leaves them out.",
    advanced: true,
  }),
  calibration: option.file({
    defaultText: "in ~/.local/state/tokometer",
    needs: [{ key: "noCalibration", not: true, because: "give one of them" }],
    help: "Results of tokometer calibrate, by which --transport auto chooses.",
    advanced: true,
  }),
  noCalibration: option.flag({
    help: "Let --transport auto ignore what was calibrated.",
    advanced: true,
  }),
  saveText: option.flag({
    needs: [WITH_SAVE],
    help: "Keep the generated texts in the record file.",
    advanced: true,
  }),
});

/** Everything about what is sent and measured: what a plan is made of. */
export const MEASURE_OPTIONS = {
  ...TARGET_OPTIONS,
  ...MODELS_OPTIONS,
  ...LOAD_OPTIONS,
  ...DATASET_OPTIONS,
  ...REQUEST_OPTIONS,
  gpu: SAVE_OPTIONS.gpu,
  witness: SAVE_OPTIONS.witness,
  calibration: SAVE_OPTIONS.calibration,
  noCalibration: SAVE_OPTIONS.noCalibration,
  saveText: { ...SAVE_OPTIONS.saveText, needs: [] },
};

/** Values of a run; options of datasets are there, too, untyped. */
export type MeasureValues = ValuesOf<typeof MEASURE_OPTIONS>;

/** Values of the report options. */
export type ReportValues = ValuesOf<typeof REPORT_OPTIONS>;
