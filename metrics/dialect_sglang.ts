/**
 * SGLang's client `sglang.bench_serving` of SGLang 0.5.23: `sglang/benchmark/serving.py`.
 *
 * The end of a request is the last line, `[DONE]` included, and TPOT reaches up to it. Chunks with content
 * or thinking are counted, tool calls are not. The native protocol divides each gap by the tokens of its
 * chunk and repeats it. Tokens are the server's usage, else the length that was asked for; its OpenAI
 * requests ask for no usage, and a usage chunk without choices fails a completion. Every answer under
 * status 200 counts. Prompt tokens are the client's own, without the template.
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
import { monthDay, startMsOf } from "./dialect_names.ts";
import {
  countedRequests,
  detailLists,
  durationFigure,
  fitsDetails,
  goodputFigures,
  MIDDLE,
  peakFigures,
  percentileSpreads,
  perSecond,
  sentRequests,
  spread,
  total,
  usersOf,
} from "./dialect_serving.ts";
import { valuesOf } from "./dialect_request.ts";
import type { RunHeader } from "./run.ts";

export const dialect: Dialect = {
  name: "sglang",
  title: "sglang.bench_serving",
  version: "0.5.23",
  definitions,
  figures,
  missing: [
    "It opens a connection for each request, which is in its times; here they are those of the run's connections",
    "Its duration also holds a call of /server_info after the last answer",
    "Chunks of one read are 0 apart here and a few µs there, the time that it takes to parse them",
    "Its requests ask for no usage, so servers that send none unasked have the requested length there, and here the usage of the record",
    "Counts of the text encoded again (retokenized) are not made",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files: (load) => [{ name: fileName(load), text: `${JSON.stringify(result(load))}\n` }],
};

function definitions({ protocol }: Pick<RunHeader, "protocol">): Definitions {
  return {
    ...OUR_DEFINITIONS,
    requests: "good status",
    tokens: protocol === "openai-completions" ? "requested" : "server or requested",
    prompt: "client",
    proof: "any",
    gaps: protocol === "sglang" ? "spread" : "chunks",
    decodeEnd: "end of stream",
    divisor: "all but one",
    end: "end of stream",
    duration: "until all ended",
    percentiles: "any number of values",
  };
}

function figures(load: DialectLoad): readonly (DialectFigure | DialectOwnFigure)[] {
  const own = definitions(load.header);
  const spreads = [...MIDDLE, ...percentileSpreads([90, 95, 99])];
  return [
    total("completed", "Successful requests", "requests", "sum"),
    durationFigure("duration", "Benchmark duration (s)", own),
    total("total_input_tokens", "Total input tokens", "prompt", "sum"),
    total("total_output_tokens", "Total generated tokens", "output", "sum"),
    total("request_throughput", "Request throughput (req/s)", "requests", "rate"),
    total("input_throughput", "Input token throughput (tok/s)", "prompt", "rate"),
    total("output_throughput", "Output token throughput (tok/s)", "output", "rate"),
    ...peakFigures(own),
    total("total_throughput", "Total token throughput (tok/s)", "total", "rate"),
    {
      ...{ name: "concurrency", title: "Concurrency", unit: "" },
      how: "end-to-end latencies of all that count ÷ duration",
      of: (load) => {
        const latencies = countedRequests(load, own).map((record) =>
          (valuesOf(record, "e2e", own)[0] ?? 0) / 1000
        );
        return perSecond(latencies.reduce((sum, one) => sum + one, 0), load, own);
      },
    },
    ...goodputFigures(load, own),
    ...spread(["e2e_latency", "E2E Latency", "e2e"], spreads),
    ...spread(["ttft", "TTFT", "ttft"], spreads),
    ...spread(["tpot", "TPOT", "tpot"], spreads),
    ...spread(["itl", "ITL", "itl"], spreads),
    ...spread(["itl", "ITL", "itl"], [["max", "Max", "max"]]),
  ];
}

/** A line as `--output-details` writes it. */
function result(load: DialectLoad): Record<string, unknown> {
  const { header, plan } = load;
  const { max_itl_ms: _notWritten, ...numbers } = Object.fromEntries(
    speakFigures(dialect, load).map(({ name, theirs }) => [name, theirs ?? 0]),
  );
  return {
    tag: header.name ?? null,
    backend: backendOf(header),
    dataset_name: header.dataset.kind,
    request_rate: plan.replay === "schedule" ? "trace" : plan.ratePerSec ?? "inf",
    max_concurrency: usersOf(load) ?? null,
    ...{ sharegpt_output_len: null, random_input_len: null, random_output_len: null },
    ...{ random_range_ratio: null, server_info: null },
    ...numbers,
    ...{ total_input_text_tokens: numbers.total_input_tokens, total_input_vision_tokens: 0 },
    ...{ total_output_tokens_retokenized: null, accept_length: null },
    ...(fitsDetails(load) ? detailLists(load, definitions(header)) : {}),
  };
}

function backendOf({ protocol }: RunHeader): string {
  switch (protocol) {
    case "openai-chat":
      return "sglang-oai-chat";
    case "openai-completions":
      return "sglang-oai";
    default:
      return "sglang";
  }
}

function fileName(load: DialectLoad): string {
  const { header } = load;
  return `${backendOf(header)}_${monthDay(startMsOf(load))}_${
    sentRequests(load).length
  }_${header.dataset.kind}.jsonl`;
}
