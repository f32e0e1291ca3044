/**
 * inference-perf 0.7.0: `inference_perf/reportgen/base.py`, `apis/streaming_parser.py`.
 *
 * Only content is counted, so thinking is a part of TTFT; it takes two tokens to have one. Every token of a
 * chunk has the time of its chunk, so gaps inside are 0. A request ends when its stream has been read and its
 * text counted. Rates are over the time from the first request until all had ended, failed ones included.
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
  type Quantity,
  type Statistic,
} from "./dialect.ts";
import { speakFigures } from "./dialect_explain.ts";
import { countedRequests, goodRequests, sentRequests } from "./dialect_serving.ts";
import { DialectValues, durationMs } from "./dialect_values.ts";

const DEFINITIONS: Definitions = {
  ...OUR_DEFINITIONS,
  requests: "good status without error",
  tokens: "server",
  first: "answer",
  proof: "several tokens",
  gaps: "tokens",
  divisor: "all but one",
  end: "end of stream",
  duration: "first sent until all ended",
  percentiles: "any number of values",
};

export const dialect: Dialect = {
  name: "inference-perf",
  title: "inference-perf",
  version: "0.7.0",
  definitions: () => DEFINITIONS,
  figures,
  missing: [
    "Tokens are those of use_server_output_tokens; without it inference-perf encodes the text again, and records hold no such count",
    "Its requests end after the text was encoded, which takes its time; here with the stream",
    "Where the server counts no tokens for a chunk, those of several chunks are spread over the answer",
    "An empty answer has a normalized TPOT of 0 there, and none here",
    "Sizes of requests, images, videos, audio and the labels of failures are not made",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files: (load) => [{ name: "summary_lifecycle_metrics.json", text: json(load) }],
};

/** A distribution: its path, heading, unit, factor, what it is. */
interface SpreadMetric {
  readonly path: string;
  readonly title: string;
  readonly unit: string;
  readonly scale?: number;
  readonly quantity: Quantity;
  readonly differs?: Partial<Definitions>;
}

const SECONDS = { unit: "s", scale: 0.001 } as const;

const LATENCIES: readonly SpreadMetric[] = [
  { path: "request_latency", title: "Request latency", ...SECONDS, quantity: "e2e" },
  {
    ...{ path: "normalized_time_per_output_token", title: "Normalized TPOT", ...SECONDS },
    quantity: "tpot",
    differs: { proof: "any", decodeFrom: "sent", decodeEnd: "end of stream", divisor: "all" },
  },
  { path: "time_per_output_token", title: "TPOT", ...SECONDS, quantity: "tpot" },
  { path: "time_to_first_token", title: "TTFT", ...SECONDS, quantity: "ttft" },
  { path: "inter_token_latency", title: "ITL", ...SECONDS, quantity: "itl" },
];

const LENGTHS: readonly SpreadMetric[] = [
  { path: "prompt_tokens", title: "Prompt tokens", unit: "tokens", quantity: "prompt" },
  { path: "output_tokens", title: "Output tokens", unit: "tokens", quantity: "output" },
];

/** Statistics of its file. */
const STATISTICS: readonly (readonly [name: string, statistic: Statistic])[] = [
  ...[["mean", "mean"], ["min", "min"], ["max", "max"]] as const,
  ...[0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9].map((p) =>
    [p === 50 ? "median" : `p${p}`, p] as const
  ),
];

const SHOWN: readonly string[] = ["mean", "median", "p90", "p99"];

const RATES: readonly (readonly [name: string, title: string, unit: string, Quantity])[] = [
  ["input_tokens_per_sec", "Input tokens/s", "tokens/s", "prompt"],
  ["output_tokens_per_sec", "Output tokens/s", "tokens/s", "output"],
  ["total_tokens_per_sec", "Total tokens/s", "tokens/s", "total"],
  ["requests_per_sec", "Requests/s", "req/s", "requests"],
];

function figures(): readonly (DialectFigure | DialectOwnFigure)[] {
  return [
    {
      ...{ name: "successes.count", title: "Successful requests", unit: "requests" },
      ...{ quantity: "requests", statistic: "sum" },
    },
    {
      ...{ name: "failures.count", title: "Failed requests", unit: "" },
      how: "every other request",
      of: (load) => sentRequests(load).length - countedRequests(load, DEFINITIONS).length,
    },
    {
      ...{ name: "benchmark_time_seconds", title: "Benchmark time (s)", unit: "s" },
      how: "first request sent until every request had ended",
      of: (load) => durationMs(load, DEFINITIONS) / 1000,
    },
    ...RATES.map(([name, title, unit, quantity]): DialectFigure => ({
      name: `successes.throughput.${name}`,
      ...{ title, unit, quantity, statistic: "rate" },
    })),
    ...[
      ...LATENCIES.map((metric) => ({ ...metric, path: `latency.${metric.path}` })),
      ...LENGTHS,
    ].flatMap(({ path, title, unit, ...metric }) =>
      STATISTICS.filter(([name]) => SHOWN.includes(name)).map(([name, statistic]) => ({
        name: `successes.${path}.${name}`,
        title: `${title} ${name} (${unit})`,
        ...{ unit, statistic, ...metric },
      }))
    ),
  ];
}

function json(load: DialectLoad): string {
  const values = new DialectValues(load);
  const spread = ({ path: name, title, unit, differs, ...metric }: SpreadMetric) => {
    const definitions = { ...DEFINITIONS, ...differs };
    const entries = STATISTICS.map(([word, statistic]) =>
      [word, values.figure({ name, title, unit, statistic, ...metric }, definitions)] as const
    );
    return entries[0]![1] === undefined ? null : Object.fromEntries(entries);
  };
  const byName = new Map(speakFigures(dialect, load).map(({ name, theirs }) => [name, theirs]));
  const seconds = durationMs(load, DEFINITIONS) / 1000;
  const good = goodRequests(load, DEFINITIONS);
  const successful = byName.get("successes.count") ?? 0;
  const sum = (quantity: "prompt" | "output") =>
    values.figure({ name: "", title: "", unit: "", quantity, statistic: "sum" }, DEFINITIONS);
  return `${
    JSON.stringify(
      {
        benchmark_time_seconds: seconds,
        load_summary: { count: sentRequests(load).length },
        successes: {
          count: successful,
          latency: Object.fromEntries(LATENCIES.map((metric) => [metric.path, spread(metric)])),
          throughput: Object.fromEntries(
            RATES.map(([name]) => [name, byName.get(`successes.throughput.${name}`) ?? 0]),
          ),
          prompt_tokens: { total: sum("prompt"), ...spread(LENGTHS[0]!) },
          output_tokens: { total: sum("output"), ...spread(LENGTHS[1]!) },
          ...(good === undefined ? {} : {
            goodput_metrics: {
              goodput_percentage: successful === 0 ? 0 : 100 * good / successful,
              request_goodput: seconds > 0 ? good / seconds : 0,
              ...{ good_requests: good, total_requests: successful },
            },
          }),
        },
        failures: { count: byName.get("failures.count") ?? 0 },
      },
      null,
      2,
    )
  }\n`;
}
