/**
 * A load cut into cells of equal width over time: what was counted in each, and its values. Sampling
 * intervals and the search for a steady state look at these, however the values of the load are kept.
 *
 * Values of a request belong to the cell in which it was sent, gaps to the one of the tick that ends
 * them; both are of completed requests only.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Metric } from "./metric.ts";
import type { ValueSet } from "./stat_quantile.ts";

/** Most cells of a load; one that has lasted for a while has at least half as many. */
export const MOST_CELLS = 512;

/** What is counted by time. */
export type CellCounter =
  /** Requests, by when they were sent. */
  | "sent"
  /** By their end: completed, those of them that met all limits, failed. */
  | ("completed" | "good" | "failed")
  /** Output tokens by the tick they came with, prompt tokens by the first token. */
  | ("outputTokens" | "promptTokens")
  /**
   * Completed and good requests and prompt tokens as if each request had been done bit by bit from when
   * it was sent to its end: users who wait for each other make no waves.
   */
  | ("completedFlow" | "goodFlow" | "promptFlow")
  /** Requests without those that were cancelled as planned, and the good ones, by when they were due. */
  | ("offered" | "offeredGood");

/** All of them. */
export const CELL_COUNTERS: readonly CellCounter[] = [
  "sent",
  "completed",
  "good",
  "failed",
  "outputTokens",
  "promptTokens",
  "completedFlow",
  "goodFlow",
  "promptFlow",
  "offered",
  "offeredGood",
];

/** A load by time. */
export interface LoadCells {
  /** Width of every cell, in ms; the first begins with the load. */
  readonly widthMs: number;
  /** Cells up to the last thing counted. */
  readonly cells: number;
  /** Largest error of a percentile of {@linkcode MetricCells.values}, as a share of it; 0 = exact. */
  readonly relativeError: number;
  /** What was counted in each cell. */
  counts(counter: CellCounter): Float64Array;
  /** Values by cell; absent where they are not kept: see {@linkcode hasCells}. */
  metric(metric: Metric): MetricCells | undefined;
}

/** Values of one metric by cell. */
export interface MetricCells {
  /** Values in each cell. */
  readonly count: Float64Array;
  /** Their sum, in the metric's unit. */
  readonly sum: Float64Array;
  /** For each limit, how its cells lie around it. */
  around(limits: readonly number[]): readonly CellsAround[];
  /** The values of the cells from one number up to, and without, another. */
  values(fromCell: number, toCell: number): ValueSet;
}

/** Values of each cell around a limit. */
export interface CellsAround {
  /** So many are less. */
  readonly below: Float64Array;
  /** So many are as large; in histograms, those that cannot be told from it. */
  readonly equal: Float64Array;
}

/** Whether the values of a metric are kept by cell: those that can be better or worse, and not of ticks. */
export function hasCells({ better, per }: Pick<Metric, "better" | "per">): boolean {
  return better !== "neither" && per !== "tick";
}

/** The cells from one number up to, and without, another, as a load of their own. */
export function cellsBetween(cells: LoadCells, from: number, to: number): LoadCells {
  const between = (counts: Float64Array) => counts.subarray(from, to);
  return {
    ...{ widthMs: cells.widthMs, relativeError: cells.relativeError },
    cells: Math.max(0, Math.min(to, cells.cells) - from),
    counts: (counter) => between(cells.counts(counter)),
    metric(metric) {
      const own = cells.metric(metric);
      return own && {
        count: between(own.count),
        sum: between(own.sum),
        around: (limits) =>
          own.around(limits).map(({ below, equal }) => ({
            below: between(below),
            equal: between(equal),
          })),
        values: (fromCell, toCell) => own.values(from + fromCell, Math.min(to, from + toCell)),
      };
    },
  };
}

/**
 * Visits the values of a completed record with the time that each belongs to, in ms from the start of
 * the load; none where one of them is not finite.
 */
export function eachTimedValue(
  metric: Pick<Metric, "values" | "per">,
  record: RequestRecord,
  visit: (ms: number, value: number) => void,
): void {
  const values = metric.values(record);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  if (!Number.isFinite(sum)) return;
  const { sentMs, tickMs, tickTokens } = record;
  if (metric.per !== "gap") {
    if (sentMs === undefined || !Number.isFinite(sentMs)) return;
    for (let i = 0; i < values.length; i++) visit(sentMs, values[i]!);
    return;
  }
  // A tick without a new token ends no gap.
  let next = 0;
  for (let i = 1; i < tickMs.length && next < values.length; i++) {
    if (tickTokens[i] !== tickTokens[i - 1]) visit(tickMs[i]!, values[next++]!);
  }
}

/** Smallest part of a request that a flow counts. */
export const PART: number = 2 ** -20;

/**
 * Visits the cells that a request was being done in, with its part in each. Parts are whole multiples
 * of the same, and those of two cells that are joined add up to that of both.
 */
export function eachPart(
  { sentMs, endMs }: Pick<RequestRecord, "sentMs" | "endMs">,
  { widthMs, cells }: { readonly widthMs: number; readonly cells: number },
  visit: (cell: number, part: number) => void,
): void {
  if (sentMs === undefined || endMs === undefined || !Number.isFinite(sentMs + endMs)) return;
  const last = cells - 1;
  const cellOf = (ms: number) => Math.max(0, Math.min(last, Math.floor(ms / widthMs)));
  const done = (ms: number) => Math.round((ms - sentMs) / (endMs - sentMs) / PART) * PART;
  const to = cellOf(endMs);
  let before = 0;
  for (let cell = cellOf(sentMs); cell <= to; cell++) {
    const after = cell === to ? 1 : done((cell + 1) * widthMs);
    visit(cell, after - before);
    before = after;
  }
}
