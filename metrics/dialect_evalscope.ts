/**
 * `evalscope perf` of EvalScope 1.14.1: `evalscope/perf/plugin/api/default_api.py`,
 * `perf/utils/benchmark_util.py`, `perf/utils/db_util.py`.
 *
 * Chunks with content, thinking or a tool call are counted. A request ends with its last JSON message, the
 * usage chunk included, and TPOT reaches up to it. Means are over all requests under a good status; an empty
 * one has a TTFT of 0. Percentiles are values that were measured (nearest rank), rounded to four digits, and
 * those of TPOT leave out what is 0. The duration reaches from the first request to the last end.
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
import { countedRequests, durationFigure, failures, sentRequests } from "./dialect_serving.ts";
import { DialectValues } from "./dialect_values.ts";

const DEFINITIONS: Definitions = {
  ...OUR_DEFINITIONS,
  requests: "good status without error",
  tokens: "server",
  proof: "any",
  gaps: "chunks",
  decodeEnd: "end of stream",
  divisor: "all but one",
  end: "end of stream",
  duration: "first sent to last end",
  percentiles: "nearest rank",
};

export const dialect: Dialect = {
  name: "evalscope",
  title: "evalscope perf",
  version: "1.14.1",
  definitions: () => DEFINITIONS,
  figures,
  missing: [
    "Its requests end with the usage chunk, here with the end mark, which mostly comes with it; where the server sends no usage, they end with the last chunk there",
    "Chunks of one read are 0 apart here and a few µs there, the time that it takes to parse them",
    "Where the server sends no usage, the text is tokenized there; here it is the count of the record",
    "Its figures of traces, of several turns and of the workload over time are not made",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files: (load) => [
    { name: "benchmark_summary.json", text: `${JSON.stringify(summary(load), null, 4)}\n` },
    { name: "benchmark_percentile.json", text: `${JSON.stringify(percentiles(load), null, 4)}\n` },
  ],
};

/** A figure of the summary, as it is rounded: name, quantity, statistic, factor, digits. */
const SUMMARY: readonly (readonly [
  name: string,
  unit: string,
  quantity: Quantity,
  statistic: Statistic,
  scale: number,
  digits: number,
])[] = [
  ["Success Requests", "requests", "requests", "sum", 1, 0],
  ["Req Throughput (req/s)", "req/s", "requests", "rate", 1, 4],
  ["Avg Latency (s)", "s", "e2e", "mean", 0.001, 4],
  ["Avg Input Tokens", "tokens", "prompt", "mean", 1, 4],
  ["Output Throughput (tok/s)", "tokens/s", "output", "rate", 1, 4],
  ["Total Throughput (tok/s)", "tokens/s", "total", "rate", 1, 4],
  ["Avg TTFT (ms)", "ms", "ttft", "mean", 1, 2],
  ["Avg TPOT (ms)", "ms", "tpot", "mean", 1, 2],
  ["Avg ITL (ms)", "ms", "itl", "mean", 1, 2],
  ["Avg Output Tokens", "tokens", "output", "mean", 1, 4],
];

/** Columns of the percentiles. */
const COLUMNS:
  readonly (readonly [name: string, unit: string, quantity: Quantity, scale: number])[] = [
    ["TTFT (ms)", "ms", "ttft", 1],
    ["ITL (ms)", "ms", "itl", 1],
    ["TPOT (ms)", "ms", "tpot", 1],
    ["Decode (tok/s)", "tokens/s", "decode rate", 1],
    ["Latency (s)", "s", "e2e", 0.001],
    ["Input tokens", "tokens", "prompt", 1],
    ["Output tokens", "tokens", "output", 1],
    ["Output (tok/s)", "tokens/s", "output rate", 1],
  ];

const ROWS: readonly (readonly [name: string, statistic: Statistic])[] = [
  ["min", "min"],
  ...[1, 5, 10, 25, 50, 75, 90, 95, 99].map((p) => [`${p}%`, p] as const),
  ["max", "max"],
];

/** Rows of its table that are figures here. */
const SHOWN: readonly string[] = ["50%", "90%", "99%"];

function figures(): readonly (DialectFigure | DialectOwnFigure)[] {
  return [
    durationFigure(
      "Test Duration (s)",
      "Test Duration (s)",
      DEFINITIONS,
      "first request sent to the last end, of those that count",
    ),
    failures("Failed Requests", "Failed Requests", DEFINITIONS),
    ...SUMMARY.map(([name, unit, quantity, statistic, scale]): DialectFigure => ({
      ...{ name, title: name, unit, quantity, statistic, scale },
    })),
    ...COLUMNS.flatMap((column) =>
      ROWS.filter(([row]) => SHOWN.includes(row)).map(([row, statistic]) =>
        columnFigure(column, row, statistic)
      )
    ),
  ];
}

function columnFigure(
  [name, unit, quantity, scale]: typeof COLUMNS[number],
  row: string,
  statistic: Statistic,
): DialectFigure {
  return {
    name: `${name} ${row}`,
    title: `${name} ${row}`,
    ...{ unit, quantity, statistic, scale },
    ...(quantity === "tpot" || quantity === "decode rate"
      ? { differs: { proof: "any time above 0" } }
      : {}),
  };
}

function summary(load: DialectLoad): Record<string, unknown> {
  const { plan } = load;
  const values = new DialectValues(load);
  const sent = sentRequests(load).length;
  const counted = countedRequests(load, DEFINITIONS).length;
  const [duration] = figures() as [DialectOwnFigure];
  return {
    [duration.name]: rounded(duration.of(load), 4),
    "Concurrency": plan.users ?? -1,
    "Request Rate (req/s)": plan.ratePerSec ?? -1,
    "Total Requests": sent,
    "Failed Requests": sent - counted,
    "Stream Requests": sent,
    "Non-Stream Requests": 0,
    ...Object.fromEntries(
      SUMMARY.map(([name, unit, quantity, statistic, scale, digits]) => [
        name,
        rounded(
          values.figure({ name, title: name, unit, quantity, statistic, scale }, DEFINITIONS),
          digits,
        ),
      ]),
    ),
  };
}

function percentiles(load: DialectLoad): readonly unknown[] {
  const values = new DialectValues(load);
  return ROWS.map(([row, statistic]) => ({
    Percentiles: row,
    ...Object.fromEntries(
      COLUMNS.map((column) => {
        const figure = columnFigure(column, row, statistic);
        return [
          column[0],
          rounded(values.figure(figure, { ...DEFINITIONS, ...figure.differs }), 4),
        ];
      }),
    ),
  }));
}

function rounded(value: number | undefined, digits: number): number | null {
  return value === undefined ? null : Number(value.toFixed(digits));
}
