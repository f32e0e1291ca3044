/**
 * The figures of a run twice: from the server's log and as the report printed them.
 *
 * @module
 */
import { LOG_WIDTH } from "./client.ts";

/** One request as the server saw it, in ms of one clock. */
export interface ServerRow {
  readonly arrivalMs: number;
  /** What the network took to open its connection, where it is the first one on it and that is known. */
  readonly connectMs?: number;
  /** Each write that carried tokens. */
  readonly writeMs: readonly number[];
  /** When each write had returned: the client's kernel had it in between. Absent = at once. */
  readonly writtenMs?: readonly number[];
  /** Tokens so far at each write. */
  readonly writeTokens: readonly number[];
}

/** Latencies that are compared, by the names of the report's metrics. */
export const LATENCIES = ["ttft", "tpot", "itl", "e2e"] as const;
/** Percentiles of them. */
export const PERCENTILES = [50, 90, 99] as const;
/** Name of the one rate. */
export const RATE = "output tokens/s";

/** A figure's name: `TTFT p50`, `output tokens/s`. */
export type FigureName = string;

/** One number of a report beside the truth, in ms or per second. */
export interface Figure {
  readonly name: FigureName;
  readonly truth: number;
  /** What the server's own stamps leave open about it. */
  readonly truthLow: number;
  readonly truthHigh: number;
  readonly printed: number;
  /** Ends of what was printed around it; `null` = nothing was. */
  readonly low: number | null;
  readonly high: number | null;
}

/** What the report said of one number. */
export interface Printed {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Percentile by linear interpolation (type 7); `undefined` with fewer than 100 ÷ (100 − p) values. */
export function percentile(values: readonly number[], p: number): number | undefined {
  if (values.length * (100 - p) < 100) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * p / 100;
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + ((sorted[below + 1] ?? low) - low) * (at - below);
}

/** Name of a latency's percentile. */
export function latencyName(metric: string, p: number): FigureName {
  return `${metric.toUpperCase()} p${p}`;
}

/** A figure by the server's log: its stamp before each write, and what that leaves open. */
export interface Truth {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Records keep whole microseconds: a difference of two may be off by one. */
const RESOLUTION_MS = 0.001;

type Latencies = Record<(typeof LATENCIES)[number], number[]>;

/** Every value of each latency, from the times when `ends` and `begins` of writes happened. */
function latenciesOf(
  rows: readonly ServerRow[],
  ends: (row: ServerRow) => readonly number[],
  begins: (row: ServerRow) => readonly number[],
): Latencies {
  const all: Latencies = { ttft: [], tpot: [], itl: [], e2e: [] };
  for (const row of rows) {
    const { arrivalMs, writeTokens } = row;
    const [end, begin] = [ends(row), begins(row)];
    const last = writeTokens.length - 1;
    if (last < 0) continue;
    const later = writeTokens[last]! - writeTokens[0]!;
    all.ttft.push(end[0]! - arrivalMs);
    all.e2e.push(end[last]! - arrivalMs);
    if (later > 0) all.tpot.push((end[last]! - begin[0]!) / later);
    for (let i = 1; i <= last; i++) all.itl.push(end[i]! - begin[i - 1]!);
  }
  return all;
}

/**
 * The true figures of the rows.
 *
 * @param startMs From the start of the load until its first request was sent: the report's rate
 * counts from there, the server cannot see it.
 */
export function truthOf(
  rows: readonly ServerRow[],
  startMs: number,
): Map<FigureName, Truth> {
  const truth = new Map<FigureName, Truth>();
  const before = ({ writeMs }: ServerRow) => writeMs;
  const after = ({ writeMs, writtenMs }: ServerRow) => writtenMs ?? writeMs;
  const values = latenciesOf(rows, before, before);
  const lows = latenciesOf(rows, before, after);
  const highs = latenciesOf(rows, after, before);
  for (const metric of LATENCIES) {
    for (const p of PERCENTILES) {
      const [value, low, high] = [values, lows, highs].map((all) => percentile(all[metric], p));
      if (value === undefined) continue;
      truth.set(latencyName(metric, p), {
        value,
        low: low! - RESOLUTION_MS,
        high: high! + RESOLUTION_MS,
      });
    }
  }
  let first = Infinity, last = -Infinity, tokens = 0;
  for (const { arrivalMs, writeMs, writeTokens } of rows) {
    first = Math.min(first, arrivalMs);
    last = Math.max(last, writeMs.at(-1) ?? -Infinity);
    tokens += writeTokens.at(-1) ?? 0;
  }
  if (last > first) {
    const value = tokens / (last - first + startMs) * 1e3;
    truth.set(RATE, { value, low: value, high: value });
  }
  return truth;
}

// What others wrote: report.json of this version or an older one.
// deno-lint-ignore no-explicit-any
type Json = any;

/**
 * What a load of `report.json` says of the figures. Versions without brackets print one ± for a row
 * of the table, the 99th percentile of their error: their bracket is the number ± that.
 */
export function printedOf(load: Json): Map<FigureName, Printed> {
  const printed = new Map<FigureName, Printed>();
  for (const metric of LATENCIES) {
    const found = load.metrics.find(({ name }: Json) => name === metric);
    const error = load.client?.error?.[metric]?.p99Ms ?? null;
    for (const p of PERCENTILES) {
      const value = found?.distribution.percentiles.find((one: Json) => one.p === p)?.value ?? null;
      if (value === null) continue;
      const bracket = found.brackets?.percentiles.find((one: Json) => one.p === p)?.bracket ?? null;
      const ends = bracket !== null
        ? { low: bracket.low, high: bracket.high }
        : error !== null
        ? { low: value - error, high: value + error }
        : { low: null, high: null };
      printed.set(latencyName(metric, p), { value, ...ends });
    }
  }
  const run = load.throughput.run;
  const bracket = run.brackets?.outputTokensPerSec ?? null;
  if (typeof run.outputTokensPerSec === "number") {
    printed.set(RATE, {
      value: run.outputTokensPerSec,
      low: bracket?.low ?? null,
      high: bracket?.high ?? null,
    });
  }
  return printed;
}

/** Every figure that both know. */
export function joinFigures(
  truth: ReadonlyMap<FigureName, Truth>,
  printed: ReadonlyMap<FigureName, Printed>,
): Figure[] {
  return [...truth].flatMap(([name, { value, low, high }]) => {
    const said = printed.get(name);
    if (said === undefined) return [];
    return [{
      ...{ name, truth: value, truthLow: low, truthHigh: high },
      ...{ printed: said.value, low: said.low, high: said.high },
    }];
  });
}

/**
 * Rows of the C server's log: `[arrival, send time of each token …]` in ns, 0 where none.
 *
 * @param done The same, but when each send had returned.
 */
export function rowsOfLog(log: BigUint64Array, done?: BigUint64Array): ServerRow[] {
  const rows: ServerRow[] = [];
  const base = log[0] ?? 0n;
  for (let at = 0; at + LOG_WIDTH <= log.length; at += LOG_WIDTH) {
    if (log[at] === 0n) continue;
    const ms = (i: number) => Number(log[at + i]! - base) / 1e6;
    const writeMs: number[] = [];
    const writeTokens: number[] = [];
    const writtenMs: number[] = [];
    for (let token = 1; token < LOG_WIDTH && log[at + token] !== 0n; token++) {
      // Tokens of one write have one stamp.
      if (token === 1 || log[at + token] !== log[at + token - 1]) {
        writeMs.push(ms(token));
        if (done !== undefined) writtenMs.push(Number(done[at + token]! - base) / 1e6);
      }
      writeTokens[writeMs.length - 1] = token;
    }
    rows.push({
      ...{ arrivalMs: ms(0), writeMs, writeTokens },
      ...(done === undefined ? {} : { writtenMs }),
    });
  }
  return rows;
}

/**
 * The last `count` rows by arrival: what came before them checked the server or warmed up.
 *
 * @param connected The report counts the opening of connections: latencies begin that much earlier.
 */
export function measuredRows(
  rows: readonly ServerRow[],
  count: number,
  connected = false,
): ServerRow[] {
  if (rows.length < count) {
    throw new Error(`The log has ${rows.length} requests, the report ${count}`);
  }
  return rows.toSorted((a, b) => a.arrivalMs - b.arrivalMs).slice(rows.length - count)
    .map((row) => connected ? { ...row, arrivalMs: row.arrivalMs - (row.connectMs ?? 0) } : row);
}

/** How late the server itself was, in ms: a log is true whatever it says, a plan is not. */
export function serverLateness(
  rows: readonly ServerRow[],
  { ttftMs, itlMs }: { readonly ttftMs: number | undefined; readonly itlMs: number },
): { readonly ttftP99Ms: number | null; readonly itlP99Ms: number | null } {
  const late = rows.flatMap(({ writeMs }) =>
    writeMs.slice(1).map((ms, i) => Math.abs(ms - writeMs[0]! - (i + 1) * itlMs))
  );
  const first = ttftMs === undefined
    ? []
    : rows.flatMap(({ arrivalMs, writeMs }) =>
      writeMs.slice(0, 1).map((ms) => ms - arrivalMs - ttftMs)
    );
  return { ttftP99Ms: percentile(first, 99) ?? null, itlP99Ms: percentile(late, 99) ?? null };
}
