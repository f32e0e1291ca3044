/**
 * LMDeploy's `benchmark/profile_restful_api.py` at version 0.16.0.
 *
 * As SGLang's client, from which it comes: the end of a request is the last line, every answer under status
 * 200 counts, prompt tokens are the client's own. Only content is counted, so thinking is a part of TTFT.
 * Tokens are the length that was asked for: its requests ask for no usage, and a usage chunk without
 * choices would fail them.
 *
 * @module
 */
import { stringify } from "@std/csv";
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
  durationFigure,
  MIDDLE,
  percentileSpreads,
  sentRequests,
  spread,
  total,
} from "./dialect_serving.ts";
import type { RunHeader } from "./run.ts";
import { visibleCell } from "./visible_text.ts";

const DEFINITIONS: Definitions = {
  ...OUR_DEFINITIONS,
  requests: "good status",
  tokens: "requested",
  prompt: "client",
  first: "answer",
  proof: "any",
  gaps: "chunks",
  decodeEnd: "end of stream",
  divisor: "all but one",
  end: "end of stream",
  duration: "until all ended",
  percentiles: "any number of values",
};

export const dialect: Dialect = {
  name: "lmdeploy",
  title: "LMDeploy's profile_restful_api.py",
  version: "0.16.0",
  definitions: () => DEFINITIONS,
  figures,
  missing: [
    "It opens a connection for each request, which is in its times; here they are those of the run's connections",
    "Chunks of one read are 0 apart here and a few µs there, the time that it takes to parse them",
    "Counts of the text encoded again (retokenized) are not made",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files: (load) => [{ name: fileName(load), text: csv(load) }],
};

function figures(): readonly (DialectFigure | DialectOwnFigure)[] {
  const spreads = [...MIDDLE, ...percentileSpreads([99])];
  return [
    total("completed", "Successful requests", "requests", "sum"),
    durationFigure("duration", "Benchmark duration (s)", DEFINITIONS),
    total("total_input_tokens", "Total input tokens", "prompt", "sum"),
    total("total_output_tokens", "Total generated tokens", "output", "sum"),
    total("request_throughput", "Request throughput (req/s)", "requests", "rate"),
    total("input_throughput", "Input token throughput (tok/s)", "prompt", "rate"),
    total("output_throughput", "Output token throughput (tok/s)", "output", "rate"),
    ...spread(["e2e_latency", "E2E Latency", "e2e"], MIDDLE.slice(0, 2)),
    ...spread(["ttft", "TTFT", "ttft"], spreads),
    ...spread(["tpot", "TPOT", "tpot"], spreads),
    ...spread(["itl", "ITL", "itl"], spreads),
  ];
}

/** Columns of its CSV, in their order; those of the dataset's options stay empty. */
const COLUMNS: readonly string[] = [
  ...["backend", "dataset_name", "sharegpt_output_len", "random_input_len", "random_output_len"],
  ...["random_range_ratio", "request_rate", "completed", "total_input_tokens"],
  ...["total_output_tokens", "duration", "request_throughput", "input_throughput"],
  ...["output_throughput", "mean_e2e_latency_ms", "mean_ttft_ms", "mean_tpot_ms", "mean_itl_ms"],
];

function csv(load: DialectLoad): string {
  const { header, plan } = load;
  const cells: Readonly<Record<string, unknown>> = {
    backend: backendOf(header),
    dataset_name: header.dataset.kind,
    request_rate: plan.ratePerSec ?? "inf",
    ...Object.fromEntries(speakFigures(dialect, load).map(({ name, theirs }) => [name, theirs])),
  };
  return stringify([COLUMNS, COLUMNS.map((name) => visibleCell(String(cells[name] ?? "")))]);
}

function backendOf({ protocol }: RunHeader): string {
  return protocol === "openai-chat" ? "lmdeploy-chat" : "lmdeploy";
}

function fileName(load: DialectLoad): string {
  return `${backendOf(load.header)}_${monthDay(startMsOf(load))}_${
    sentRequests(load).length
  }_sharegpt.csv`;
}
