/**
 * AIPerf 0.13.0: `aiperf/metrics/types`, `transports/sse_utils.py`, `exporters`.
 *
 * Every chunk with content, thinking or a tool call is counted and stamped with the read that completes it,
 * so chunks of one read are 0 apart. Its ITL is our TPOT, with the output tokens but one; the gaps are its
 * inter-chunk latency. A request ends with its last counted chunk. Requests with an error, and those without
 * content, have no values. The duration reaches from the first request to the last counted chunk.
 * Percentiles are linear, over any number of values.
 *
 * @module
 */
import { stringify } from "@std/csv";
import {
  type Definitions,
  type Dialect,
  type DialectFigure,
  type DialectFile,
  type DialectLoad,
  type DialectOwnFigure,
  OUR_DEFINITIONS,
  type Quantity,
  type Statistic,
} from "./dialect.ts";
import { isoSeconds, startMsOf } from "./dialect_names.ts";
import { countedRequests, fitsDetails, perSecond, sentRequests } from "./dialect_serving.ts";
import { valuesOf } from "./dialect_request.ts";
import { DialectValues, durationMs } from "./dialect_values.ts";
import { visibleCell } from "./visible_text.ts";
import {
  type SingleMetric,
  SINGLES,
  type SpreadMetric,
  SPREADS,
} from "./dialect_aiperf_metrics.ts";

const DEFINITIONS: Definitions = {
  ...OUR_DEFINITIONS,
  requests: "answered without error",
  tokens: "server",
  proof: "any",
  gaps: "chunks",
  divisor: "all but one",
  duration: "first sent to last token",
  percentiles: "any number of values",
};

export const dialect: Dialect = {
  name: "aiperf",
  title: "aiperf profile",
  version: "0.13.0",
  definitions: () => DEFINITIONS,
  figures,
  missing: [
    "Tokens are those of --use-server-token-count; without it AIPerf encodes the text again with the tokenizer given, and records hold no such count",
    "Its step functions over time (effective_*, active_*, tokens_in_flight) and HTTP traces (http_req_*) are not made",
    "Its adj_* metrics, which take a failure for an endless latency, are not made",
    "Its times from the credit of a request (credit_to_start_latency, effective_latency) are not made: what waits there differs",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files,
};

/** Metrics of which the file only repeats others. */
const REPEATED = /^(usage_|output_token_count)/;

/** Statistics of its files, in the order of its CSV. */
const FILE_STATISTICS: readonly (readonly [name: string, statistic: Statistic])[] = [
  ...[["avg", "mean"], ["min", "min"], ["max", "max"], ["sum", "sum"]] as const,
  ...[1, 5, 10, 25, 50, 75, 90, 95, 99].map((p) => [`p${p}`, p] as const),
  ["std", "std"],
];

/** Those of its terminal. */
const SHOWN: readonly string[] = ["avg", "min", "max", "p99", "p90", "p50", "std"];

function figures(load: DialectLoad): readonly (DialectFigure | DialectOwnFigure)[] {
  return [
    ...SPREADS.filter(({ tag }) => !REPEATED.test(tag)).flatMap((metric) =>
      FILE_STATISTICS.filter(([name]) => SHOWN.includes(name)).map(([name, statistic]) => ({
        ...spreadFigure(metric, statistic),
        name: `${metric.tag}.${name}`,
        title: `${metric.header} ${name} (${metric.unit})`,
      }))
    ),
    ...SINGLES.filter(([tag]) => !/^total_(usage|output_tokens)/.test(tag)).map((metric) => ({
      ...singleFigure(metric),
      name: `${metric[0]}.avg`,
      title: `${metric[1]} (${metric[2]})`,
    })),
    ...ownFigures(load).map((figure) => ({
      ...figure,
      name: `${figure.name}.avg`,
      title: `${figure.title} (${figure.unit})`,
    })),
  ];
}

function spreadFigure(
  { tag, header, unit, quantity, differs }: SpreadMetric,
  statistic: Statistic,
): DialectFigure {
  return {
    ...{ name: tag, title: header, unit, quantity, statistic },
    ...(differs === undefined ? {} : { differs }),
  };
}

function singleFigure([name, title, unit, quantity, statistic]: SingleMetric): DialectFigure {
  return { name, title, unit, quantity, statistic };
}

/** Those without a counterpart of ours; counts of errors only where there are some. */
function ownFigures(load: DialectLoad): readonly DialectOwnFigure[] {
  const sent = sentRequests(load).length;
  const errors = sent - countedRequests(load, DEFINITIONS).length;
  return [
    {
      ...{ name: "benchmark_duration", title: "Benchmark Duration", unit: "sec" },
      how: "first request sent to the last counted chunk, of requests without an error",
      of: (load) => durationMs(load, DEFINITIONS) / 1000,
    },
    {
      ...{ name: "completed_request_count", title: "Completed Requests (Success + Error)" },
      ...{ unit: "requests", how: "requests that left", of: () => sent },
    },
    {
      ...{ name: "request_error_rate", title: "Request Error Rate", unit: "%" },
      how: "requests with an error or without content, of those that left",
      of: () => sent === 0 ? undefined : 100 * errors / sent,
    },
    ...(errors === 0 ? [] : [{
      ...{ name: "error_request_count", title: "Error Request Count", unit: "requests" },
      ...{ how: "requests with an error or without content", of: () => errors },
    }]),
    ...goodFigures(load),
  ];
}

/** Its tags of metrics that can have a limit here. */
const LIMITED: Readonly<Record<string, Quantity>> = { ttft: "ttft", tpot: "tpot", e2e: "e2e" };

function goodFigures({ slo }: DialectLoad): readonly DialectOwnFigure[] {
  const limits = slo?.limits.filter(({ metric }) => Object.hasOwn(LIMITED, metric)) ?? [];
  if (limits.length === 0) return [];
  const good = (load: DialectLoad) =>
    countedRequests(load, DEFINITIONS).filter((record) =>
      limits.every(({ metric, limit }) =>
        (valuesOf(record, LIMITED[metric]!, DEFINITIONS)[0] ?? Infinity) <= limit
      )
    ).length;
  return [
    {
      ...{ name: "good_request_count", title: "Good Request Count", unit: "requests" },
      ...{ how: "requests within the limits; one without a value is not", of: good },
    },
    {
      ...{ name: "goodput", title: "Goodput", unit: "requests/sec" },
      how: "good requests ÷ duration",
      of: (load) => perSecond(good(load), load, DEFINITIONS),
    },
  ];
}

/** One row of its files: a value for each statistic, or one alone as its average. */
interface FileRow {
  readonly tag: string;
  readonly header: string;
  readonly unit: string;
  readonly count?: number;
  readonly values: Readonly<Record<string, number | undefined>>;
}

function rowsOf(load: DialectLoad): readonly FileRow[] {
  const values = new DialectValues(load);
  const spreads = SPREADS.map((metric): FileRow => {
    const { tag, header, unit, quantity, differs } = metric;
    return {
      ...{ tag, header, unit },
      count: values.values(quantity, { ...DEFINITIONS, ...differs }).length,
      values: Object.fromEntries(
        FILE_STATISTICS.map(([name, statistic]) => [
          name,
          values.figure(spreadFigure(metric, statistic), { ...DEFINITIONS, ...differs }),
        ]),
      ),
    };
  });
  const singles = [
    ...SINGLES.map((metric) => ({
      ...singleFigure(metric),
      value: values.figure(singleFigure(metric), DEFINITIONS),
    })),
    ...ownFigures(load).map((figure) => ({ ...figure, value: figure.of(load) })),
  ].map(({ name, title, unit, value }): FileRow => ({
    ...{ tag: name, header: title, unit, values: { avg: value } },
  }));
  return [...spreads.filter(({ count }) => count! > 0), ...singles];
}

function files(load: DialectLoad): readonly DialectFile[] {
  const rows = rowsOf(load);
  const base = [
    { name: "profile_export_aiperf.json", text: json(load, rows) },
    { name: "profile_export_aiperf.csv", text: csv(rows) },
  ];
  return fitsDetails(load) ? [...base, { name: "profile_export.jsonl", text: lines(load) }] : base;
}

function json(load: DialectLoad, rows: readonly FileRow[]): string {
  const { header, plan, end } = load;
  const start = startMsOf(load);
  const errors = countedErrors(load);
  return `${
    JSON.stringify(
      {
        schema_version: "1.4",
        aiperf_version: dialect.version,
        ...Object.fromEntries(rows.map(({ tag, unit, count, values }) => [
          tag,
          { unit, ...values, ...(count === undefined ? {} : { count }) },
        ])),
        input_config: {
          models: { items: [{ name: header.model }] },
          endpoint: {
            urls: [header.url],
            type: header.protocol === "openai-completions" ? "completions" : "chat",
            streaming: header.stream,
            use_server_token_count: true,
          },
          loadgen: { concurrency: plan.users, request_rate: plan.ratePerSec },
        },
        was_cancelled: end.interrupted,
        is_complete: !end.interrupted,
        error_summary: errors,
        start_time: isoSeconds(start),
        end_time: isoSeconds(start + end.durationMs),
      },
      null,
      2,
    )
  }\n`;
}

/** Errors by their message, as it lists them. */
function countedErrors(load: DialectLoad): readonly unknown[] {
  const counted = new Set(countedRequests(load, DEFINITIONS));
  const counts = new Map<string, number>();
  for (const record of sentRequests(load)) {
    if (counted.has(record)) continue;
    const { kind } = record.outcome;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([type, count]) => ({
    error_details: { type, message: type },
    count,
  }));
}

function csv(rows: readonly FileRow[]): string {
  const byHeader = rows.toSorted((a, b) => a.tag < b.tag ? -1 : 1);
  const name = ({ header, unit }: FileRow) =>
    /^(count|requests)$/.test(unit) ? header : `${header} (${unit})`;
  const cell = (value: number | undefined) => value === undefined ? "" : value.toFixed(2);
  const spreads = byHeader.filter(({ count }) => count !== undefined);
  const singles = byHeader.filter(({ count }) => count === undefined);
  const statistics = FILE_STATISTICS.map(([name]) => name);
  return [
    ...(spreads.length === 0 ? [] : [stringify([
      ["Metric", ...statistics],
      ...spreads.map((row) => [
        visibleCell(name(row)),
        ...statistics.map((statistic) => cell(row.values[statistic])),
      ]),
    ])]),
    stringify([
      ["Metric", "Value"],
      ...singles.map((row) => [visibleCell(name(row)), cell(row.values.avg)]),
    ]),
  ].join("\r\n");
}

/** A line for each request, as its plots read them. */
function lines(load: DialectLoad): string {
  const start = startMsOf(load);
  const ns = (ms: number) => Math.round((start + ms) * 1000) * 1000;
  const counted = new Set(countedRequests(load, DEFINITIONS));
  return sentRequests(load).map((record, session_num) => {
    const { sentMs = 0, firstByteMs, endMs = sentMs, user, promptId } = record;
    const metrics = counted.has(record)
      ? SPREADS.flatMap(({ tag, unit, quantity, differs }) => {
        const values = valuesOf(record, quantity, { ...DEFINITIONS, ...differs });
        if (values.length === 0) return [];
        return [[tag, { value: quantity === "itl" ? values : values[0], unit }] as const];
      })
      : [];
    const error = counted.has(record)
      ? {}
      : { error: { type: record.outcome.kind, message: record.outcome.kind } };
    return `${
      JSON.stringify({
        metadata: {
          ...{ session_num, conversation_id: promptId, turn_index: 0 },
          request_start_ns: ns(sentMs),
          ...(firstByteMs === undefined ? {} : { request_ack_ns: ns(firstByteMs) }),
          request_end_ns: ns(endMs),
          ...{ worker_id: `worker_${user}`, record_processor_id: "tokometer" },
          ...{ benchmark_phase: "profiling", was_cancelled: false },
        },
        metrics: Object.fromEntries(metrics),
        ...error,
      })
    }\n`;
  }).join("");
}
