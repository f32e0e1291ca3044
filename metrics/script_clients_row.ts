/**
 * The result row of `api_bench_tools`' num-clients script, so that new and old results fit into one
 * sheet. Its definitions differ from ours: latency runs to the end mark, an empty list gives 0,
 * percentiles need no minimum of samples. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { itl } from "./metric_itl.ts";
import { isFailure } from "./summary_outcomes.ts";
import { formatFixed } from "./script_python_format.ts";
import { describe, quantile, type SortedValues, sortLists } from "./stat_quantile.ts";
import { sumOf } from "./script_latency_spread.ts";
import { ttft } from "./metric_ttft.ts";

/** Numbers of one load by the script's definitions. */
interface ClientsFacts {
  readonly completed: number;
  readonly recorded: number;
  readonly durationSec: number;
  readonly promptTokens: readonly number[];
  readonly outputTokens: readonly number[];
  /** In ms. */
  readonly latencies: Readonly<Record<LatencyName, SortedValues>>;
}

/** How the script counts, where its own numbers are wanted. */
export interface ClientsCounting {
  /**
   * `tokens` (default): what the engine generated. `events`: one token and one gap per event with
   * text, as the script counts for most engines, so that events of one read are gaps of zero (T7, T8).
   */
  readonly count?: "tokens" | "events";
  /** Prompt tokens of a request by the script's own tokenizer; default: as recorded. */
  readonly promptTokens?: (record: RequestRecord) => number;
  /** The wait for the first token is a gap like the others (T16), as in the request-rate script. */
  readonly firstGap?: boolean;
}

type LatencyName = "ttft" | "tpot" | "e2e" | "itl";

interface Column {
  readonly name: string;
  /** Printed as an integer; all others as `%.3f`. */
  readonly integer?: boolean;
  readonly value: (facts: ClientsFacts) => number;
}

/** Header and row come from one list; the script's own two lists had drifted apart (T35). */
const COLUMNS: readonly Column[] = [
  { name: "completed", integer: true, value: ({ completed }) => completed },
  { name: "success_rate", value: ({ completed, recorded }) => ratio(completed, recorded) },
  { name: "qps", value: ({ completed, durationSec }) => ratio(completed, durationSec) },
  { name: "total_inlen", integer: true, value: ({ promptTokens }) => sumOf(promptTokens) },
  { name: "total_outlen", integer: true, value: ({ outputTokens }) => sumOf(outputTokens) },
  {
    name: "avg_inlen",
    value: ({ promptTokens, completed }) => ratio(sumOf(promptTokens), completed),
  },
  {
    name: "avg_outlen",
    value: ({ outputTokens, completed }) => ratio(sumOf(outputTokens), completed),
  },
  { name: "max_inlen", integer: true, value: ({ promptTokens }) => largest(promptTokens) },
  { name: "max_outlen", integer: true, value: ({ outputTokens }) => largest(outputTokens) },
  {
    name: "o_tps",
    value: ({ outputTokens, durationSec }) => ratio(sumOf(outputTokens), durationSec),
  },
  {
    name: "io_tps",
    value: ({ promptTokens, outputTokens, durationSec }) =>
      ratio(sumOf(promptTokens) + sumOf(outputTokens), durationSec),
  },
  ...(["ttft", "tpot", "e2e", "itl"] as const).flatMap(latencyColumns),
];

/** Names of the 39 columns. */
export const CLIENTS_COLUMNS: readonly string[] = COLUMNS.map(({ name }) => name);

/**
 * The 39 cells of one load, formatted as the script prints them. The script has no cancelled or
 * dropped requests, so they are left out.
 *
 * @param records measured requests of one load
 * @param counting for the script's own numbers
 */
export function clientsRow(
  records: readonly RequestRecord[],
  durationMs: number,
  counting: ClientsCounting = {},
): readonly string[] {
  return cells(COLUMNS, clientsFacts(records, durationMs, counting));
}

/** Columns that the request-rate script leaves out of its row. */
const CLIENTS_ONLY: readonly string[] = ["completed", "total_inlen", "total_outlen"];
const RATE: readonly Column[] = COLUMNS.filter(({ name }) => !CLIENTS_ONLY.includes(name));

/** Names of the request-rate script's 36 columns. */
export const RATE_COLUMNS: readonly string[] = RATE.map(({ name }) => name);

/** The 36 cells of the request-rate script, which are {@linkcode clientsRow}'s without totals. */
export function rateRow(
  records: readonly RequestRecord[],
  durationMs: number,
  counting: ClientsCounting = {},
): readonly string[] {
  return cells(RATE, clientsFacts(records, durationMs, counting));
}

function cells(columns: readonly Column[], facts: ClientsFacts): readonly string[] {
  return columns.map(({ integer, value }) => formatFixed(value(facts), integer ? 0 : 3));
}

function clientsFacts(
  records: readonly RequestRecord[],
  durationMs: number,
  counting: ClientsCounting,
): ClientsFacts {
  const { count, firstGap, promptTokens = ({ promptTokens }) => promptTokens?.tokens ?? 0 } =
    counting;
  const byEvents = count === "events";
  const outputLength = byEvents
    ? ({ textEvents = 0 }: RequestRecord) => textEvents
    : ({ outputTokens }: RequestRecord) => outputTokens?.tokens ?? 0;
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const gaps = (record: RequestRecord): readonly number[] => {
    const seen = itl.values(record);
    const merged = byEvents ? outputLength(record) - 1 - seen.length : 0;
    return [
      ...(firstGap ? ttft.values(record) : []),
      ...seen,
      ...new Array<number>(Math.max(0, merged)).fill(0),
    ];
  };
  return {
    completed: completed.length,
    recorded: completed.length + records.filter(isFailure).length,
    durationSec: durationMs / 1000,
    promptTokens: completed.map(promptTokens),
    outputTokens: completed.map(outputLength),
    latencies: {
      ttft: sortLists(completed.map(ttft.values)),
      tpot: sortLists(completed.map((record) => {
        const length = outputLength(record);
        return length > 1
          ? [(latencyMs(record) - (ttft.values(record)[0] ?? 0)) / (length - 1)]
          : [];
      })),
      e2e: sortLists([completed.map(latencyMs)]),
      itl: sortLists(completed.map(gaps)),
    },
  };
}

function latencyColumns(metric: LatencyName): readonly Column[] {
  const column = (name: string, of: (values: SortedValues) => number | undefined): Column => ({
    name: `${name}_${metric}`,
    value: ({ latencies }) => of(latencies[metric]) ?? 0,
  });
  return [
    column("min", (values) => describe(values, []).min),
    column("max", (values) => describe(values, []).max),
    column("mean", (values) => describe(values, []).mean),
    column("median", (values) => describe(values, []).median),
    column("std", (values) => describe(values, []).std),
    column("p90", (values) => quantile(values, 90)),
    column("p99", (values) => quantile(values, 99)),
  ];
}

/** The script's latency, up to the end of the stream. */
function latencyMs({ sentMs = 0, endMs = 0 }: RequestRecord): number {
  return endMs - sentMs;
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** 0 where the script divides by zero, like its other empty values. */
function ratio(over: number, under: number): number {
  return under === 0 ? 0 : over / under;
}
