/**
 * JSON Schema of the JSON report: what every field means, its formula and its unit.
 *
 * @module
 */
import { OUTCOME_KINDS } from "../backends/record.ts";

/** A JSON Schema, as data. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Member of an object; optional ones are the fields of the header that may be unknown. */
interface Member {
  readonly schema: JsonSchema;
  readonly optional: boolean;
}

const number = (description: string): JsonSchema => ({ type: "number", description });
const maybe = (description: string): JsonSchema => ({
  type: ["number", "null"],
  description: `${description}; null = there was nothing to compute it from`,
});
const integer = (description: string): JsonSchema => ({ type: "integer", minimum: 0, description });
const text = (description: string): JsonSchema => ({ type: "string", description });
const yesNo = (description: string): JsonSchema => ({ type: "boolean", description });
const choice = (description: string, ...values: readonly string[]): JsonSchema => ({
  enum: values,
  description,
});
const list = (description: string, items: JsonSchema): JsonSchema => ({
  type: "array",
  description,
  items,
});
const counters = (description: string): JsonSchema => ({
  type: "object",
  description,
  additionalProperties: { type: "integer", minimum: 0 },
});
const orNull = (schema: JsonSchema): JsonSchema => ({
  ...schema,
  type: [schema.type, "null"],
});
const optional = (schema: JsonSchema): Member => ({ schema, optional: true });

/** Closed: a field that the schema does not know is an error, so it cannot be forgotten here. */
function object(
  description: string,
  members: Readonly<Record<string, JsonSchema | Member>>,
): JsonSchema {
  const entries = Object.entries(members).map(([name, member]) =>
    [name, isMember(member) ? member : { schema: member, optional: false }] as const
  );
  return {
    type: "object",
    description,
    additionalProperties: false,
    required: entries.filter(([, member]) => !member.optional).map(([name]) => name),
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
  };
}

function isMember(member: JsonSchema | Member): member is Member {
  return typeof member.optional === "boolean";
}

const PLAN = object("A load as planned", {
  label: text("Name of the load, e.g. `64 users`"),
  kind: choice("closed: users who wait for their answers; open: arrivals", "closed", "open"),
  users: optional(integer("Closed loop: users")),
  rampUpMs: optional(number("Closed loop: time over which users start, ms")),
  arrival: optional(choice("Open loop: gaps between arrivals", "constant", "poisson", "gamma")),
  ratePerSec: optional(number("Open loop: arrivals asked for, requests/s")),
  maxInFlight: optional(integer("Open loop: limit of requests in flight, 0 = none")),
  overflow: optional(choice("What happens at that limit", "wait", "drop")),
  stopRequests: optional(integer("Stop after this many requests")),
  stopDurationMs: optional(number("Stop sending after this time, ms")),
});

const SPREAD = (description: string) =>
  object(description, {
    count: integer("Values compared"),
    p50Ms: maybe("Middle value, ms"),
    p99Ms: maybe("p99, of fewer than 100 values the largest, ms"),
    maxMs: maybe("Largest value, ms"),
  });

const ERROR_BOUND = (description: string) =>
  object(description, {
    p50Ms: optional(maybe("Middle value, ms")),
    p99Ms: optional(maybe("p99, ms")),
    maxMs: optional(maybe("Largest value, ms")),
  });

/** Figures of the client; absent ones were not permitted or not known. */
const HEALTH: Readonly<Record<string, Member>> = {
  cpuCores: optional(number("CPU time of the client ÷ wall time")),
  loopLagP50Ms: optional(number("Lateness of a timer on the thread that reads, median, ms")),
  loopLagP99Ms: optional(number("Its p99, ms")),
  loopLagMaxMs: optional(number("Its maximum, ms")),
  peakRssMiB: optional(number("Largest resident memory seen, MiB")),
  threadCpu: optional(number("CPU time of the busiest thread that reads ÷ wall time")),
  threadWait: optional(number("Share of the time for which it waited for a core")),
  descriptors: optional(integer("Open files and sockets at the end of the load")),
  descriptorLimit: optional(integer("Most that may be open")),
  kernelStampedReads: optional(number("Share of reads that the kernel stamped as they came in")),
  replacedConnections: optional(integer("Connections that the server had closed, replaced")),
};

const PATTERN = choice(
  "lockstep: all streams at the same instants; spread: each at its own",
  "lockstep",
  "spread",
);

const LIMITS = list(
  "The most streams whose p99 errors of TTFT and gap stayed within a bound, a client each",
  object("One client", {
    transport: text("Transport"),
    workers: integer("Sending threads"),
    itlMs: number("Gap between the tokens of a stream, ms"),
    pattern: PATTERN,
    boundMs: number("The bound, ms"),
    streams: integer("Streams; 0 = not even the fewest that were tried"),
    tokensPerSec: number("Tokens/s at that number"),
    tooManyStreams: optional(integer("The fewest that were tried and were too many")),
    endedBy: choice(
      "error: more were worse; else the search could not go on, more may do",
      "error",
      "engine",
      "time",
      "descriptors",
    ),
  }),
);

const CALIBRATION = object("How exact this client was found to be on this machine", {
  savedAt: text("When the newest cell was measured, ISO 8601"),
  cells: list(
    "Loads against the simulated engine",
    object("One load", {
      transport: text("Transport"),
      workers: integer("Sending threads"),
      streams: integer("Streams at the same time"),
      itlMs: number("Gap between the tokens of a stream, ms"),
      pattern: PATTERN,
      tokensPerSec: number("Tokens/s while all streams ran"),
      error: object("Client − engine, absolute, ms", {
        matched: integer("Completed requests found in the engine's log"),
        unmatched: integer("Those not found"),
        ttft: SPREAD("(first token − sent) − (first write − arrival)"),
        itl: SPREAD("Gap of the client − gap of the engine, a write a value"),
        tpot: SPREAD("E2E without TTFT, per token"),
        e2e: SPREAD("(last token − sent) − (last write − arrival)"),
        receipt: SPREAD("Receipt − write, against the fastest"),
      }),
      departure: SPREAD("Departure − intended time"),
      failed: integer("Requests that did not complete"),
      cpuUsPerToken: number("CPU time of the client ÷ tokens, µs"),
      client: object("What the client saw of itself", HEALTH),
      engine: object("What the engine says of itself", {
        loop: optional(choice("What it waited and wrote with", "platform", "epoll")),
        lateP50Ms: optional(maybe("Writes behind their plan, median, ms")),
        lateP99Ms: optional(maybe("The same at p99, ms")),
        tokensPerSec: optional(maybe("Tokens/s written")),
        limited: yesNo("So late that its stamps of arrivals are in doubt"),
      }),
    }),
  ),
  limits: optional(LIMITS),
});

const HEADER = object("What was run, where and how; as in the record file", {
  schema: { const: "tokometer.record/1", description: "Version of the record file" },
  version: text("Version of Tokometer"),
  startedAt: text("Start, ISO 8601, UTC"),
  scenario: text("Command"),
  commandLine: list("Command line without secrets", { type: "string" }),
  options: { type: "object", description: "Option values that repeat the run" },
  url: text("Server"),
  protocol: text("Protocol spoken"),
  transport: text("Transport used"),
  workers: integer("Threads that send and read; 0 = the main one"),
  model: text("Served model name"),
  length: choice("forced: exact answer lengths; cap: at most", "forced", "cap"),
  stream: yesNo("Whether answers were streamed"),
  seed: number("Seed of prompts, lengths and arrivals"),
  dataset: object("Where the prompts come from", {
    kind: text("Kind of dataset"),
    source: text("File or generator"),
    sha256: optional(text("SHA-256 of the file")),
    prompts: integer("Prompts used"),
    skipped: counters("Items left out, by reason"),
    duplicates: integer("Prompts that repeat an earlier one"),
  }),
  tokenizer: object("How texts were counted on our side", {
    source: choice("A real tokenizer, or an estimate", "tokenizer", "estimate"),
    name: text("Its name, or how the estimate is made"),
  }),
  loads: list("Loads as planned", PLAN),
  environment: object("The client's machine and programs", {
    os: text("Operating system"),
    osRelease: optional(text("Its release")),
    arch: text("Processor architecture"),
    cpu: optional(text("Processor")),
    cores: integer("Logical cores"),
    memoryMiB: optional(number("Memory, MiB")),
    hostname: optional(text("Host name")),
    deno: text("Version of Deno"),
    v8: text("Version of V8"),
  }),
  merged: optional(object("Clients whose records were put together; absent for one client", {
    clock: choice(
      "wall: loads aligned by the clocks of the machines; start: taken to begin together",
      "wall",
      "start",
    ),
    clients: list(
      "In the order of the files",
      object("One client", {
        hostname: optional(text("Host name")),
        startedAt: text("Start of its run, ISO 8601, UTC"),
        laterMs: number("How much later than the first it began a load, at most, ms"),
        absentFrom: optional(integer("Position of the first load that it never began")),
        killed: optional(yesNo("It was killed in the load before that one")),
        untimed: optional(yesNo("Its file does not tell when some load began")),
      }),
    ),
  })),
  calibration: optional(CALIBRATION),
});

const readings = (description: string): JsonSchema =>
  list(`${description}; null = not told`, { type: ["number", "null"] });

const GPU = object("GPUs of this machine during the load; null when not sampled", {
  source: choice("What told; only nvml lists processes", "nvml", "nvidia-smi"),
  devices: list(
    "In the driver's order",
    object("One GPU", {
      index: integer("Its number, which CUDA_VISIBLE_DEVICES does not change"),
      name: text("Its name"),
      memoryTotalMiB: maybe("Memory it has, MiB"),
      memoryMaxMiB: maybe("Most in use by all processes, MiB"),
      memoryRiseMiB: maybe("memoryMaxMiB − in use before the run's first request, MiB"),
      ownMaxMiB: maybe("Most in use by this program and what it has started, MiB"),
      otherMaxMiB: maybe("Most in use by other processes, MiB"),
      utilizationMean: maybe("Share of the time in which a kernel ran, 0 to 1"),
      powerMeanW: maybe("Energy by a counter ÷ time from 1 s on, else the mean of the samples, W"),
      energyJ: maybe("Energy over the load, J"),
      energyFrom: {
        enum: ["counter", "power", null],
        description: "counter: difference of the GPU's own; power: samples × time",
      },
    }),
  ),
  total: object("Over the GPUs that this program uses; all where it uses none or nobody tells", {
    devices: list("Numbers of the GPUs summed up", { type: "integer" }),
    memoryMaxMiB: maybe("Largest sum of memory in use, MiB"),
    memoryRiseMiB: maybe("memoryMaxMiB − the sum before the run's first request, MiB"),
    ownMaxMiB: maybe("Largest sum in use by this program and what it has started, MiB"),
    energyJ: maybe("Sum of energies, J"),
    joulesPerOutputToken: maybe("energyJ ÷ output tokens of completed requests, J"),
  }),
  series: object("At most 120 instants", {
    timeMs: list("Their times, ms", { type: "number" }),
    devices: list(
      "One entry a GPU",
      object("One GPU", {
        index: integer("Its number"),
        memoryMiB: readings("Memory in use, MiB"),
        ownMiB: optional(readings("Of it, by this program and what it has started, MiB")),
        utilization: readings("Share of the time in which a kernel ran, 0 to 1"),
        powerW: readings("Power, W"),
      }),
    ),
  }),
});

const CHECKS = list(
  "What was checked, and what was found",
  object("One check", {
    name: text("Stable name"),
    ok: yesNo("false = read the message before using the numbers"),
    message: text("What was found, and why it may be"),
    advice: { type: ["string", "null"], description: "What to do; null when ok" },
  }),
);

const THROUGHPUT = object("Rates over a stretch of the load, completed requests only", {
  fromMs: number("Start of the stretch, ms from the start of the load"),
  toMs: number("End of the stretch (outside), ms"),
  completed: integer("Requests that completed in it"),
  qps: maybe("completed ÷ length, requests/s"),
  rpm: maybe("60 × qps, requests/min"),
  outputTokensPerSec: maybe("Output tokens that arrived in it ÷ length, tokens/s"),
  totalTokensPerSec: maybe(
    "Output tokens and the prompt tokens of requests whose first token came in it ÷ length, tokens/s",
  ),
});

const TOKENS = (what: string) =>
  object(`${what} of completed requests`, {
    total: maybe("Sum, tokens"),
    mean: maybe("total ÷ counted requests, tokens"),
    max: maybe("Largest count, tokens"),
    sources: counters("Requests by what their count rests on; several = a mixture"),
    uncounted: integer("Requests without a count"),
  });

const DISTRIBUTION = object("Distribution of the raw values; all null without values, never 0", {
  count: integer("Values"),
  min: maybe("Smallest, in the metric's unit"),
  max: maybe("Largest"),
  mean: maybe("Sum ÷ count"),
  median: maybe("Middle value, interpolated"),
  std: maybe("Population standard deviation, √(Σ(x − mean)² ÷ count)"),
  percentiles: list(
    "Linear interpolation at (count − 1) · p ÷ 100 of the sorted values (type 7)",
    object("One percentile", {
      p: number("50 = median"),
      value: maybe("Value; needs at least 100 ÷ (100 − p) values"),
    }),
  ),
});

const METRIC_NAME = {
  name: text("Name, e.g. `ttft`"),
  title: text("Title for people"),
  unit: text("Unit of the values"),
};

const LOAD = object("Results of one load; times in ms from its start", {
  label: text("Name of the load"),
  plan: PLAN,
  interrupted: yesNo("Stopped by hand, or with its client"),
  complete: yesNo("Whether the load's end was recorded; else durations are from the last stamps"),
  durationMs: number("From the start to the end of the last request counted, ms"),
  counts: object("Requests; offered = completed + failed + cancelled + dropped", {
    offered: integer("Asked for by the load"),
    sent: integer("Handed to the transport"),
    completed: integer("Ended well; all results are theirs"),
    failed: integer("Failed by the server or the way to it"),
    cancelled: integer("Stopped by us; in no result"),
    dropped: integer("Never sent; in no result"),
    warmup: integer("Sent before the measurement; in no result"),
    successRate: maybe("completed ÷ (completed + failed)"),
  }),
  failures: list(
    "Failures by cause, most frequent first",
    object("One cause", {
      kind: choice(
        "How they ended",
        ...OUTCOME_KINDS.filter((kind) => !["ok", "cancelled", "dropped"].includes(kind)),
      ),
      count: integer("Requests"),
      messages: list(
        "Most frequent messages, at most three",
        object("One message", {
          message: text("As the server or the transport said it"),
          count: integer("Requests"),
        }),
      ),
    }),
  ),
  throughput: object("Rates", {
    run: THROUGHPUT,
    steady: orNull(THROUGHPUT),
  }),
  arrivals: orNull(object("Arrival rates of an open loop; null in a closed one", {
    plannedPerSec: maybe("Asked for, requests/s"),
    scheduledPerSec: maybe("(n − 1) ÷ (last − first intended time), requests/s"),
    sentPerSec: maybe("(n − 1) ÷ (last − first departure), requests/s"),
  })),
  tokens: object("Tokens", { prompt: TOKENS("Prompt tokens"), output: TOKENS("Output tokens") }),
  lengths: object("Answer lengths asked for and delivered", {
    forced: integer("Requests whose exact length was forced"),
    requestedTokens: maybe("Sum asked for, tokens"),
    deliveredTokens: maybe("Sum delivered, tokens"),
    exact: integer("Answers exactly as long as asked"),
    shorter: integer("Shorter answers"),
    longer: integer("Longer answers"),
  }),
  cache: object("The engine's prefix cache", {
    reported: integer("Requests for which the engine told"),
    cachedTokens: maybe("Prompt tokens from the cache"),
    share: maybe("cachedTokens ÷ prompt tokens of these requests"),
  }),
  stream: object("In which portions the tokens came", {
    ticks: integer("Instants at which tokens arrived"),
    reads: integer("Reads of bodies"),
    events: integer("Events in them"),
    bytes: integer("Bytes of bodies"),
    tokensPerTick: maybe("Output tokens ÷ ticks"),
    readsPerToken: maybe("reads ÷ output tokens"),
    eventsPerRead: maybe("events ÷ reads"),
  }),
  metrics: list(
    "Metrics in display order",
    object("One metric over the completed requests", {
      ...METRIC_NAME,
      better: choice("Which direction is good", "lower", "higher", "neither"),
      per: choice("What one value belongs to", "request", "gap", "tick"),
      formula: text("How a value is computed, in the words of the record's fields"),
      distribution: DISTRIBUTION,
    }),
  ),
  approximation: orNull(
    object("How near percentiles and times are; null = all values were kept, all is exact", {
      relativeError: number("Largest error of a percentile, as a share of it"),
      binMs: number("Steady window and stretches of the series are whole bins of this width, ms"),
    }),
  ),
  slo: orNull(object("Limits; null when none were given", {
    limits: list(
      "One by one",
      object("One limit", {
        metric: text("Metric"),
        limit: number("Largest good value, in the metric's unit"),
        met: integer("Completed requests that kept it"),
        attainment: maybe("met ÷ offered"),
      }),
    ),
    good: integer("Requests that kept every limit"),
    goodput: maybe("good ÷ durationMs, requests/s"),
    steadyGoodput: maybe("Good requests that ended in the steady window ÷ its length, requests/s"),
    attainment: maybe("good ÷ offered"),
  })),
  inFlight: object("Requests sent and not ended", {
    max: maybe("Most at one instant"),
    mean: maybe("Time average over the whole run"),
    steadyMean: maybe("Time average over the steady window"),
  }),
  connections: object("Sent requests by connection", {
    new: integer("On a new connection"),
    reused: integer("On a reused one"),
    unknown: integer("Where the transport does not know"),
  }),
  client: orNull(object("What the client saw of itself; null when not observed", {
    ...HEALTH,
    error: orNull(object("The client's part in the numbers; null = nothing to estimate it from", {
      basis: choice(
        "calibration: measured at a load like this one; heavier: at a load more than twice as heavy, an upper bound; timers: not calibrated, about the lateness of timers, no bound",
        "calibration",
        "heavier",
        "timers",
      ),
      kernelStamped: yesNo("Arrivals were stamped by the kernel, not when they were read"),
      cell: orNull(object("The calibrated load it comes from", {
        streams: integer("Streams at the same time"),
        itlMs: number("Gap between the tokens of a stream, ms"),
        tokensPerSec: number("Tokens/s while all streams ran"),
        pattern: PATTERN,
      })),
      savedAt: { type: ["string", "null"], description: "When that was measured, ISO 8601" },
      ttft: ERROR_BOUND("Of the time to the first token"),
      tpot: ERROR_BOUND("Of a token's mean time"),
      itl: ERROR_BOUND("Of one gap"),
      e2e: ERROR_BOUND("Of the whole answer"),
      like: {
        type: ["string", "null"],
        description: "Options of `tokometer calibrate` for a load like this one, over HTTP",
      },
    })),
  })),
  gpu: orNull(GPU),
  verdict: orNull(object("Was it the server that was measured? null = nothing was observed", {
    kind: choice(
      "ok: the numbers are the server's; suspect: some may be the client's; client-bound: the client was the limit",
      "ok",
      "suspect",
      "client-bound",
    ),
    message: text("The same in one sentence"),
    reasons: list(
      "The worst first; empty when ok",
      object("One reason", {
        rule: text("Stable name of the rule"),
        kind: choice("How bad it is by itself", "suspect", "client-bound"),
        message: text("What was found"),
        advice: text("What to do"),
      }),
    ),
  })),
  series: object("The load over time, at most 120 stretches", {
    bucketMs: number("Length of a stretch, ms"),
    startMs: list("Starts, ms", { type: "number" }),
    completedPerSec: list("Completed requests/s", { type: "number" }),
    outputTokensPerSec: list("Output tokens/s of completed requests", { type: "number" }),
    inFlight: list("Time average of requests in flight", { type: "number" }),
    failed: list("Failed requests (a count)", { type: "number" }),
  }),
  histograms: list(
    "Histograms, at most 60 bars",
    object("One metric", {
      ...METRIC_NAME,
      scale: choice("Bars of equal width, or of equal ratio", "linear", "log"),
      edges: list("Bar i covers edges[i] to edges[i + 1]", { type: "number" }),
      counts: list("Values in each bar", { type: "integer" }),
    }),
  ),
  timeline: list(
    "At most 400 requests, evenly spread",
    object("One request", {
      index: integer("Number of the request in its load"),
      user: integer("User or lane"),
      intendedMs: number("When the schedule wanted it to leave, ms"),
      sentMs: maybe("When it left, ms"),
      firstTokenMs: maybe("First token, ms"),
      lastTokenMs: maybe("Last token, ms"),
      endMs: maybe("End, ms"),
      outcome: choice("How it ended", ...OUTCOME_KINDS),
    }),
  ),
  checks: CHECKS,
});

/** JSON Schema (draft 7) of the JSON report, version 1. */
export const reportSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Tokometer report",
  ...object("Results of a run of Tokometer", {
    schema: { const: "tokometer.report/1", description: "Version of this format" },
    header: HEADER,
    percentiles: list("Percentiles that every distribution lists", { type: "number" }),
    loads: list("One entry a load, in the order of the run", LOAD),
    checks: CHECKS,
  }),
};
