/**
 * `vllm bench serve` of vLLM 0.33.0: `vllm/benchmarks/serve.py` and `lib/endpoint_request_func.py`.
 *
 * Chat: chunks with content, thinking or a tool call are counted, role chunks are not. Completions: every
 * chunk with a choice is counted, also one of empty text. Each chunk is stamped when it is parsed, so
 * chunks of one read are a few µs apart. Success is status 200 and one counted chunk; lengths and end
 * marks are not looked at. Percentiles are numpy's, over any number of values.
 *
 * @module
 */
import {
  type Definitions,
  type Dialect,
  type DialectFigure,
  type DialectLoad,
  type DialectOwnFigure,
  OUR_DEFINITIONS,
} from "./dialect.ts";
import { speakFigures } from "./dialect_explain.ts";
import { dateTimeStamp, fileWord, modelName, startMsOf } from "./dialect_names.ts";
import {
  detailLists,
  durationFigure,
  failures,
  fitsDetails,
  goodputFigures,
  MIDDLE,
  peakFigures,
  percentileSpreads,
  sentRequests,
  spread,
  total,
  usersOf,
} from "./dialect_serving.ts";
import { isCounted, valuesOf } from "./dialect_request.ts";
import type { RunHeader } from "./run.ts";

export const dialect: Dialect = {
  name: "vllm",
  title: "vllm bench serve",
  version: "0.33.0",
  definitions,
  figures,
  missing: [
    "Chunks of one read are 0 apart here and a few µs there, the time that it takes to parse them",
    "Chunks with a choice and no text, such as one with a finish reason alone, end one more gap there; records do not hold when they came",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
    "Where the server sends no usage, the text is tokenized there with the model's tokenizer; here it is the count of the record",
  ],
  files: (load) => [{ name: fileName(load), text: `${JSON.stringify(result(load))}\n` }],
};

function definitions({ protocol }: Pick<RunHeader, "protocol">): Definitions {
  return {
    ...OUR_DEFINITIONS,
    requests: "answered",
    tokens: "server",
    first: protocol === "openai-completions" ? "event" : "token",
    proof: "any",
    gaps: "chunks",
    divisor: "all but one",
    duration: "until all ended",
    percentiles: "any number of values",
  };
}

function figures(load: DialectLoad): readonly (DialectFigure | DialectOwnFigure)[] {
  const own = definitions(load.header);
  const spreads = [...MIDDLE, ...percentileSpreads(load.percentiles)];
  return [
    total("completed", "Successful requests", "requests", "sum"),
    failures("failed", "Failed requests", own),
    durationFigure("duration", "Benchmark duration (s)", own),
    total("total_input_tokens", "Total input tokens", "prompt", "sum"),
    total("total_output_tokens", "Total generated tokens", "output", "sum"),
    total("request_throughput", "Request throughput (req/s)", "requests", "rate"),
    ...goodputFigures(load, own),
    total("output_throughput", "Output token throughput (tok/s)", "output", "rate"),
    ...peakFigures(own),
    total("total_token_throughput", "Total token throughput (tok/s)", "total", "rate"),
    ...spread(["ttft", "TTFT", "ttft"], spreads),
    ...spread(["tpot", "TPOT", "tpot"], spreads),
    ...spread(["itl", "ITL", "itl"], spreads),
    ...spread(["e2el", "E2EL", "e2e"], spreads),
  ];
}

/** As `--save-result --save-detailed` writes it, with `--percentile-metrics ttft,tpot,itl,e2el`. */
function result(load: DialectLoad): Record<string, unknown> {
  const { header, plan } = load;
  const own = definitions(header);
  const requests = sentRequests(load);
  const backend = backendOf(header);
  const { request_goodput = null, ...numbers } = Object.fromEntries<number | null>(
    // numpy's mean of nothing is taken of a 0.
    speakFigures(dialect, load).map(({ name, theirs }) => [name, theirs ?? 0]),
  );
  const detailed = fitsDetails(load)
    ? { ...detailLists(load, own), start_times: requests.map(({ sentMs }) => sentMs! / 1000) }
    : {};
  return {
    date: dateTimeStamp(startMsOf(load)),
    ...{ endpoint_type: backend, backend, label: null },
    ...{ model_id: header.model, tokenizer_id: header.model, num_prompts: requests.length },
    request_rate: plan.ratePerSec ?? "inf",
    burstiness: 1,
    max_concurrency: usersOf(load) ?? null,
    ...numbers,
    request_goodput,
    latencies: requests.map((record) =>
      isCounted(record, own) ? (valuesOf(record, "e2e", own)[0] ?? 0) / 1000 : 0
    ),
    queue_times: requests.map(({ intendedMs, sentMs }) => (sentMs! - intendedMs) / 1000),
    rtfx: 0,
    ...detailed,
  };
}

function backendOf({ protocol }: RunHeader): string {
  return protocol === "openai-chat" ? "openai-chat" : "openai";
}

function fileName(load: DialectLoad): string {
  const { header, plan: { ratePerSec } } = load;
  const users = usersOf(load);
  // Python prints whole numbers of seconds with a point.
  const rate = ratePerSec === undefined
    ? "inf"
    : Number.isInteger(ratePerSec)
    ? ratePerSec.toFixed(1)
    : String(ratePerSec);
  return `${backendOf(header)}-${rate}qps${users === undefined ? "" : `-concurrency${users}`}-${
    fileWord(modelName(header))
  }-${dateTimeStamp(startMsOf(load))}.json`;
}
