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
import { exactValues, sortLists, type ValueSet } from "./stat_quantile.ts";
import { spreadOf, sumOf } from "./script_latency_spread.ts";
import { ttft } from "./metric_ttft.ts";

/** Numbers of one load by the script's definitions. */
interface ClientsFacts {
  readonly completed: number;
  readonly recorded: number;
  readonly durationSec: number;
  readonly prompt: number;
  readonly output: number;
  readonly longestPrompt: number;
  readonly longestOutput: number;
  /** In ms. */
  readonly latencies: Readonly<Record<LatencyName, ValueSet>>;
}

/** How the script counts, where its own numbers are wanted. */
export interface ClientsCounting {
  /**
   * How the script took the answers of an engine; absent = our own definitions. `texts`: one token and
   * one gap per event with text, so that tokens without text are none, and events of one read are gaps
   * of zero (T7 to T9). `events`: the same for every event. `counter`: the engine's count, gaps per
   * event.
   */
  readonly count?: "texts" | "events" | "counter";
  /** An event that carries usage ends no gap (T10). */
  readonly usageHidesGaps?: boolean;
  /** Prompt tokens of a request by the script's own tokenizer; default: as recorded. */
  readonly promptTokens?: (record: RequestRecord) => number;
  /** With `count`: the wait for the first token is a gap like the others (T16), as in request-rate. */
  readonly firstGap?: boolean;
}

type LatencyName = "ttft" | "tpot" | "e2e" | "itl";

/** Decimals: 3 (`%.3f`) unless given. */
type Column = readonly [name: string, value: (facts: ClientsFacts) => number, digits?: number];

const STATISTICS: Readonly<Record<string, (values: ValueSet) => number | undefined>> = {
  min: ({ min }) => min,
  max: ({ max }) => max,
  mean: ({ mean }) => mean,
  median: (values) => values.quantile(50),
  std: ({ std }) => std,
  p90: (values) => values.quantile(90),
  p99: (values) => values.quantile(99),
};

/** Header and row come from one list; the script's own two lists had drifted apart (T35). */
const COLUMNS: readonly Column[] = [
  ["completed", ({ completed }) => completed, 0],
  ["success_rate", ({ completed, recorded }) => ratio(completed, recorded)],
  ["qps", ({ completed, durationSec }) => ratio(completed, durationSec)],
  ["total_inlen", ({ prompt }) => prompt, 0],
  ["total_outlen", ({ output }) => output, 0],
  ["avg_inlen", ({ prompt, completed }) => ratio(prompt, completed)],
  ["avg_outlen", ({ output, completed }) => ratio(output, completed)],
  ["max_inlen", ({ longestPrompt }) => longestPrompt, 0],
  ["max_outlen", ({ longestOutput }) => longestOutput, 0],
  ["o_tps", ({ output, durationSec }) => ratio(output, durationSec)],
  ["io_tps", ({ prompt, output, durationSec }) => ratio(prompt + output, durationSec)],
  ...(["ttft", "tpot", "e2e", "itl"] as const).flatMap((metric) =>
    Object.entries(STATISTICS).map(([name, of]): Column => [
      `${name}_${metric}`,
      ({ latencies }) => of(latencies[metric]) ?? 0,
    ])
  ),
];

/** Names of the 39 columns. */
export const CLIENTS_COLUMNS: readonly string[] = COLUMNS.map(([name]) => name);

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
const RATE: readonly Column[] = COLUMNS.filter(([name]) => !CLIENTS_ONLY.includes(name));

/** Names of the request-rate script's 36 columns. */
export const RATE_COLUMNS: readonly string[] = RATE.map(([name]) => name);

/** The 36 cells of the request-rate script, which are {@linkcode clientsRow}'s without totals. */
export function rateRow(
  records: readonly RequestRecord[],
  durationMs: number,
  counting: ClientsCounting = {},
): readonly string[] {
  return cells(RATE, clientsFacts(records, durationMs, counting));
}

function cells(columns: readonly Column[], facts: ClientsFacts): readonly string[] {
  return columns.map(([, value, digits = 3]) => formatFixed(value(facts), digits));
}

function clientsFacts(
  records: readonly RequestRecord[],
  durationMs: number,
  counting: ClientsCounting,
): ClientsFacts {
  const { count, promptTokens = ({ promptTokens }) => promptTokens?.tokens ?? 0 } = counting;
  const { outputLength, first, gaps } = count === undefined ? OURS : asTheScript(count, counting);
  const completed = records.filter(({ outcome }) =>
    outcome.kind === "ok" || count !== undefined && outcome.kind === "wrong_length"
  );
  const [prompts, outputs] = [completed.map(promptTokens), completed.map(outputLength)];
  const valuesOf = (of: (record: RequestRecord) => readonly number[]) =>
    exactValues(sortLists(completed.map(of)));
  return {
    completed: completed.length,
    recorded: records.filter((record) => record.outcome.kind === "ok" || isFailure(record)).length,
    durationSec: durationMs / 1000,
    prompt: sumOf(prompts),
    output: sumOf(outputs),
    longestPrompt: spreadOf(prompts)?.max ?? 0,
    longestOutput: spreadOf(outputs)?.max ?? 0,
    latencies: {
      ttft: valuesOf(first),
      tpot: valuesOf((record) => {
        const later = outputLength(record) - 1;
        return later > 0 ? [(latencyMs(record) - (first(record)[0] ?? 0)) / later] : [];
      }),
      e2e: valuesOf((record) => [latencyMs(record)]),
      itl: valuesOf(gaps),
    },
  };
}

/** What is taken from each answer. */
interface Taking {
  readonly outputLength: (record: RequestRecord) => number;
  /** Time to the first token, in ms; none where it was not seen. */
  readonly first: (record: RequestRecord) => readonly number[];
  readonly gaps: (record: RequestRecord) => readonly number[];
}

const OURS: Taking = {
  outputLength: ({ outputTokens }) => outputTokens?.tokens ?? 0,
  first: ttft.values,
  gaps: itl.values,
};

/** The script's way, which knows no answer that came at once, and a 0 for what it did not see. */
function asTheScript(
  count: NonNullable<ClientsCounting["count"]>,
  { firstGap, usageHidesGaps }: ClientsCounting,
): Taking {
  const first = ({ sentMs = 0, firstEventMs = 0, ...record }: RequestRecord) =>
    (count === "texts" ? textStamps(record)[0] ?? sentMs : firstEventMs) - sentMs;
  return {
    outputLength: ({ textEvents = 0, events, outputTokens }) =>
      count === "texts" ? textEvents : count === "events" ? events : outputTokens?.tokens ?? 0,
    first: (record) => [first(record)],
    gaps(record) {
      // An engine with a counter sends an event per token.
      const stamps = count === "counter"
        ? stampsOf(record.tickMs, record.tickTokens)
        : textStamps(record);
      const all = stamps.slice(1).map((ms, i) => ms - stamps[i]!);
      if (count === "events") {
        // Events without text, such as the last.
        while (all.length < record.events - 1) all.push(0);
      }
      const hidden = usageHidesGaps ? record.usageEvents ?? 0 : 0;
      const seen = all.slice(0, Math.max(0, all.length - hidden));
      return firstGap ? [first(record), ...seen] : seen;
    },
  };
}

/** When each event with text came, in ms: those of one read at once. */
function textStamps(
  { tickMs, tickEvents, tickTokens, textEvents = 0 }: Pick<
    RequestRecord,
    "tickMs" | "tickEvents" | "tickTokens" | "textEvents"
  >,
): readonly number[] {
  const stamps = stampsOf(tickMs, tickEvents ?? tickTokens).slice(0, textEvents);
  while (tickMs.length > 0 && stamps.length < textEvents) stamps.push(tickMs[tickMs.length - 1]!);
  return stamps;
}

/** The instant of each of what was counted so far at each tick. */
function stampsOf(tickMs: Float64Array, soFar: Uint32Array): number[] {
  const stamps: number[] = [];
  tickMs.forEach((ms, tick) => {
    while (stamps.length < soFar[tick]!) stamps.push(ms);
  });
  return stamps;
}

/** The script's latency, up to the end of the stream. */
function latencyMs({ sentMs = 0, endMs = 0 }: RequestRecord): number {
  return endMs - sentMs;
}

/** 0 where the script divides by zero, like its other empty values. */
function ratio(over: number, under: number): number {
  return under === 0 ? 0 : over / under;
}
