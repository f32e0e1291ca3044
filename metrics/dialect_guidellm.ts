/**
 * GuideLLM 0.8.1: `guidellm/backends/openai/http.py`, `schemas/base/request_stats.py`,
 * `benchmark/schemas/metrics.py`.
 *
 * A request begins when its head is written, after connecting, and ends when its stream is closed. Chunks with
 * content, thinking or a tool call are counted. Its ITL is our TPOT and counts as often as a request has
 * tokens but one; its TPOT has the first token in it and counts as often as there are tokens. Percentiles
 * are values that were measured. Rates are distributions over time, spread evenly between first and last
 * token. Without a warm-up, its window is the whole run.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
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
import {
  concurrencyDistribution,
  rateDistribution,
  type ShareSummary,
  type Weighted,
} from "./dialect_guidellm_rates.ts";
import { startMsOf } from "./dialect_names.ts";
import { countedRequests, sentRequests } from "./dialect_serving.ts";
import {
  chunksOf,
  endOf,
  firstMs,
  outputTokens,
  promptTokens,
  startOf,
} from "./dialect_request.ts";
import { DialectValues, durationMs } from "./dialect_values.ts";

const DEFINITIONS: Definitions = {
  ...OUR_DEFINITIONS,
  requests: "answered without error",
  tokens: "server",
  start: "connected",
  proof: "any",
  gaps: "chunks",
  divisor: "all but one",
  weight: "once a token",
  end: "end of stream",
  duration: "until all ended",
  percentiles: "cumulated share",
};

export const dialect: Dialect = {
  name: "guidellm",
  title: "guidellm benchmark",
  version: "0.8.1",
  definitions: () => DEFINITIONS,
  figures,
  missing: [
    "Its times are stamps of each line, by the clock of the wall; here all lines of a read have one stamp",
    "Where the transport does not know how long it connected, requests begin when they were handed over",
    "Warm-up and cool-down are as of --warmup 0 and --cooldown 0: the whole run is its window",
    "Only its successful requests are made; those of its incomplete and errored ones are counted",
    "Of its file, the configuration, confidence intervals, turns and single requests are not made",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files: (load) => [{ name: "benchmarks.json", text: json(load) }],
};

/** A metric with a value per request: name, heading, unit, factor, what it is. */
interface ValueMetric {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly scale?: number;
  readonly quantity: Quantity;
  readonly differs?: Partial<Definitions>;
}

const VALUES: readonly ValueMetric[] = [
  {
    ...{ name: "request_latency", title: "Request latency", unit: "s" },
    ...{ scale: 0.001, quantity: "e2e" },
  },
  { name: "time_to_first_token_ms", title: "TTFT", unit: "ms", quantity: "ttft" },
  {
    ...{ name: "time_to_first_output_token_ms", title: "TTFOT", unit: "ms", quantity: "ttft" },
    differs: { first: "answer or tool" },
  },
  { name: "inter_token_latency_ms", title: "ITL", unit: "ms", quantity: "tpot" },
  {
    ...{ name: "time_per_output_token_ms", title: "TPOT", unit: "ms", quantity: "tpot" },
    differs: { decodeFrom: "sent", divisor: "all" },
  },
  { name: "prompt_token_count", title: "Input tokens", unit: "tokens", quantity: "prompt" },
  { name: "output_token_count", title: "Output tokens", unit: "tokens", quantity: "output" },
  { name: "total_token_count", title: "Total tokens", unit: "tokens", quantity: "total" },
];

const PERCENTILES: readonly (readonly [name: string, p: number])[] = [
  ...[["p001", 0.1], ["p01", 1], ["p05", 5], ["p10", 10], ["p25", 25], ["p50", 50]] as const,
  ...[["p75", 75], ["p90", 90], ["p95", 95], ["p99", 99], ["p999", 99.9]] as const,
];

/** Statistics that its terminal shows. */
const SHOWN: readonly (readonly [path: string, word: string, statistic: Statistic])[] = [
  ["mean", "mean", "mean"],
  ["median", "median", 50],
  ["std_dev", "std", "std"],
  ["percentiles.p95", "p95", 95],
  ["percentiles.p99", "p99", 99],
];

/** A distribution over time: name, heading, unit, how it is made. */
interface RateMetric {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly how: string;
  readonly of: (load: DialectLoad) => ShareSummary | undefined;
}

const RATES: readonly RateMetric[] = [
  {
    ...{ name: "requests_per_second", title: "Requests/s", unit: "req/s" },
    how: "1 ÷ the time between ends of requests, by how long it lasted",
    of: (load) => rates(load, (record) => [[sec(endOf(record, "end of stream")), 1]]),
  },
  {
    ...{ name: "request_concurrency", title: "Concurrency", unit: "requests" },
    how: "requests between begin and end, by how long so many were",
    of: (load) =>
      concurrencyDistribution(
        counted(load).map((record): readonly [number, number] => [
          sec(startOf(record, DEFINITIONS)),
          sec(endOf(record, "end of stream")),
        ]),
        windowOf(load),
      ),
  },
  {
    ...{ name: "prompt_tokens_per_second", title: "Input tokens/s", unit: "tokens/s" },
    how: "prompt tokens at the first tokens, by how long such a rate lasted",
    of: (load) => rates(load, (record) => [promptTime(record)]),
  },
  {
    ...{ name: "output_tokens_per_second", title: "Output tokens/s", unit: "tokens/s" },
    how: "output tokens, spread evenly from first to last token, by how long such a rate lasted",
    of: (load) => rates(load, outputTimes),
  },
  {
    ...{ name: "tokens_per_second", title: "Total tokens/s", unit: "tokens/s" },
    how: "both of these together",
    of: (load) => rates(load, (record) => [promptTime(record), ...outputTimes(record)]),
  },
];

function figures(): readonly (DialectFigure | DialectOwnFigure)[] {
  const own = (name: string, title: string, how: string, of: (load: DialectLoad) => number) => ({
    ...{ name, title, unit: "", how, of },
  });
  return [
    {
      ...{ name: "request_totals.successful", title: "Requests completed", unit: "requests" },
      ...{ quantity: "requests", statistic: "sum" },
    },
    own(
      "request_totals.errored",
      "Requests errored",
      "requests that failed",
      (load) => sentRequests(load).filter(isErrored).length,
    ),
    own(
      "request_totals.incomplete",
      "Requests incomplete",
      "requests that were cancelled",
      (load) => sentRequests(load).filter(({ outcome }) => isCancelled(outcome.kind)).length,
    ),
    {
      ...{ name: "duration", title: "Duration (s)", unit: "s" },
      how: "start of the load until every request had ended",
      of: (load) => durationMs(load, DEFINITIONS) / 1000,
    },
    ...VALUES.flatMap(({ name, title, unit, ...metric }) =>
      SHOWN.map(([path, word, statistic]): DialectFigure => ({
        name: `${name}.successful.${path}`,
        title: `${title} ${word} (${unit})`,
        ...{ unit, statistic, ...metric },
      }))
    ),
    ...RATES.flatMap(({ name, title, unit, how, of }) => [
      {
        ...{ name: `${name}.successful.mean`, title: `${title} mean`, unit, how },
        of: (load: DialectLoad) => of(load)?.mean,
      },
      {
        ...{ name: `${name}.successful.median`, title: `${title} median`, unit, how },
        of: (load: DialectLoad) => of(load)?.at(0.5),
      },
    ]),
  ];
}

function isCancelled(kind: RequestRecord["outcome"]["kind"]): boolean {
  return kind === "cancelled" || kind === "cancelled_as_planned";
}

function isErrored(record: RequestRecord): boolean {
  return !isCancelled(record.outcome.kind) &&
    countedRequests({ records: [record] }, DEFINITIONS).length === 0;
}

function counted(load: DialectLoad): readonly RequestRecord[] {
  return countedRequests(load, DEFINITIONS);
}

function sec(ms: number | undefined): number {
  return (ms ?? 0) / 1000;
}

function windowOf(load: DialectLoad): readonly [number, number] {
  return [0, durationMs(load, DEFINITIONS) / 1000];
}

function rates(
  load: DialectLoad,
  eventsOf: (record: RequestRecord) => readonly Weighted[],
): ShareSummary | undefined {
  return rateDistribution(counted(load).flatMap(eventsOf), windowOf(load));
}

function promptTime(record: RequestRecord): Weighted {
  return [
    sec(firstMs(record, DEFINITIONS) ?? endOf(record, "end of stream")),
    promptTokens(record, DEFINITIONS) ?? 0,
  ];
}

/** One token with the first chunk, the others in equal parts at equal distances up to the last. */
function outputTimes(record: RequestRecord): readonly Weighted[] {
  const tokens = outputTokens(record, DEFINITIONS) ?? 0;
  const chunks = chunksOf(record);
  const first = firstMs(record, DEFINITIONS);
  const last = record.lastTokenMs;
  if (first === undefined || last === undefined || chunks <= 1) {
    return [[sec(last ?? endOf(record, "end of stream")), tokens]];
  }
  const later = tokens > 1
    ? Array.from({ length: chunks - 1 }, (_, i): Weighted => [
      sec(first) + (i + 1) * ((sec(last) - sec(first)) / (chunks - 1)),
      (tokens - 1) / (chunks - 1),
    ])
    : [];
  return [[sec(first), tokens > 0 ? 1 : 0], ...later];
}

/** Its file, as far as records hold it. */
function json(load: DialectLoad): string {
  const { header, plan } = load;
  const values = new DialectValues(load);
  const start = startMsOf(load) / 1000;
  const [, seconds] = windowOf(load);
  const ofShares = (summary: ShareSummary | undefined) =>
    summary && {
      ...{ mean: summary.mean, median: summary.at(0.5), std_dev: summary.std },
      ...{ variance: summary.std ** 2, min: summary.min, max: summary.max },
      percentiles: Object.fromEntries(PERCENTILES.map(([name, p]) => [name, summary.at(p / 100)])),
    };
  const metrics = Object.fromEntries([
    ...VALUES.map(({ name, differs, ...metric }) => {
      const of = (statistic: Statistic) =>
        values.figure({ name, statistic, ...metric }, { ...DEFINITIONS, ...differs });
      const std = of("std");
      return [name, {
        successful: {
          ...{ mean: of("mean"), median: of(50), std_dev: std, variance: std && std ** 2 },
          ...{ min: of("min"), max: of("max"), count: of("count"), total_sum: of("sum") },
          percentiles: Object.fromEntries(PERCENTILES.map(([name, p]) => [name, of(p)])),
        },
      }];
    }),
    ...RATES.map(({ name, of }) => [name, { successful: ofShares(of(load)) }]),
  ]);
  const errored = sentRequests(load).filter(isErrored).length;
  const incomplete = sentRequests(load).filter(({ outcome }) => isCancelled(outcome.kind)).length;
  const successful = counted(load).length;
  return `${
    JSON.stringify({
      type_: "generative_benchmarks_report",
      metadata: { version: 1, guidellm_version: dialect.version },
      args: { target: header.url, model: header.model },
      benchmarks: [{
        type_: "generative_benchmark",
        config: {
          strategy: plan.kind === "closed"
            ? { type_: "concurrent", streams: plan.users }
            : { type_: plan.arrival ?? "constant", rate: plan.ratePerSec },
        },
        metrics: {
          request_totals: {
            successful,
            incomplete,
            errored,
            total: successful + incomplete + errored,
          },
          ...metrics,
        },
        ...{ start_time: start, end_time: start + seconds, duration: seconds },
        ...{ warmup_duration: 0, cooldown_duration: 0 },
      }],
    })
  }\n`;
}
