/**
 * Cells of a load whose records are not kept: they double in width when the load outlasts them, and
 * values are counted by the buckets of a histogram. The order of the records does not matter.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import { isWork } from "./record_streaming.ts";
import { packSparse, unpackSparse } from "./state_numbers.ts";
import { type Fields, readCount, readFields, reading, readList, readWidth } from "./state_read.ts";
import { type BucketCounting, histogramOfBuckets } from "./stat_value_histogram.ts";
import { type CellThere, packBuckets, unpackBuckets } from "./summary_bucket_cells.ts";
import {
  CELL_COUNTERS,
  type CellCounter,
  eachPart,
  eachTimedValue,
  hasCells,
  type LoadCells,
  type MetricCells,
  MOST_CELLS,
  PART,
} from "./summary_cells.ts";
import { tokensPerTickToken } from "./summary_throughput.ts";

/** Collects records. */
export interface BinnedCells extends Mergeable {
  /** Adds a measured record; `good`: it met all limits. */
  add(record: RequestRecord, good: boolean): void;
  /** The cells so far. */
  result(): LoadCells;
}

/** Width of the first cells; a load of a quarter of a second fills them. */
const FIRST_US = 1000;

/** Sums are in whole millionths, so that they do not depend on the order. */
const UNITS = 1e6;

type Counts = Map<number, number>;

interface Kept {
  readonly count: Float64Array;
  readonly sum: Float64Array;
  /** Counts of each cell; several until they are merged. */
  readonly cells: Counts[][];
}

/** Cells of these metrics, as far as they have any. */
export function createBinnedCells(
  metrics: readonly Metric[],
  counting: BucketCounting,
): BinnedCells {
  const { bucketOf, step } = counting;
  const counts = Object.fromEntries(
    CELL_COUNTERS.map((counter) => [counter, new Float64Array(MOST_CELLS)]),
  ) as Record<CellCounter, Float64Array>;
  const wanted = metrics.filter(hasCells);
  // Most metrics of most loads have no values, and take no memory.
  const kept = new Map<Metric, Kept>();
  let widthUs = FIRST_US;
  let used = 0;
  // Merging all at once would keep a measuring thread for milliseconds.
  const unmerged: Counts[][] = [];

  const double = () => {
    const sums = [
      ...Object.values(counts),
      ...[...kept.values()].flatMap(({ count, sum }) => [count, sum]),
    ];
    for (const values of sums) {
      for (let i = 0; i < MOST_CELLS / 2; i++) values[i] = values[2 * i]! + values[2 * i + 1]!;
      values.fill(0, MOST_CELLS / 2);
    }
    // The new cells hold what was still apart in the old ones: merged twice, it would count twice.
    unmerged.length = 0;
    for (const { cells } of kept.values()) {
      for (let i = 0; i < MOST_CELLS / 2; i++) {
        cells[i] = [...cells[2 * i]!, ...cells[2 * i + 1]!];
        if (cells[i]!.length > 1) unmerged.push(cells[i]!);
      }
      for (let i = MOST_CELLS / 2; i < MOST_CELLS; i++) cells[i] = [];
    }
    widthUs *= 2;
    used = Math.ceil(used / 2);
    last.toMs = 0;
  };
  // Ticks follow each other: most are in the cell of the one before, well inside of these.
  const last = { cell: 0, fromMs: 0, toMs: 0 };
  const cellOf = (ms: number): number => {
    if (ms >= last.fromMs && ms < last.toMs) return last.cell;
    const us = Math.max(0, Math.round(ms * 1000));
    while (us >= MOST_CELLS * widthUs) double();
    const cell = Math.floor(us / widthUs);
    if (cell >= used) used = cell + 1;
    last.cell = cell;
    last.fromMs = cell * widthUs / 1000;
    last.toMs = ((cell + 1) * widthUs - 1) / 1000;
    return cell;
  };
  const count = (counter: CellCounter, ms: number | undefined, amount = 1) => {
    if (ms !== undefined && Number.isFinite(ms)) counts[counter][cellOf(ms)]! += amount;
  };

  return {
    state: () => ({
      ...{ widthUs, used },
      counts: CELL_COUNTERS.map((counter) => packSparse(counts[counter], unitOf(counter))),
      metrics: packAll(kept, step),
    }),
    merger(state) {
      const more = readFields(state);
      const otherUs = readWidth(more.widthUs, FIRST_US);
      const usedThere = readCount(more.used);
      if (!(usedThere <= MOST_CELLS)) throw new TypeError("it has too many cells");
      const packed = readList(more.counts, CELL_COUNTERS.length);
      const found = CELL_COUNTERS.map((counter, i) => ({
        counter,
        pairs: reading(counter, () => unpackSparse(packed[i], MOST_CELLS)),
      }));
      const others = readFields(more.metrics);
      const values = unpackAll(wanted, { others, step });
      return () => {
        while (widthUs < otherUs) double();
        const ratio = widthUs / otherUs;
        const cellOf = (cell: number) => Math.floor(cell / ratio);
        for (const { counter, pairs } of found) {
          const unit = unitOf(counter);
          for (let i = 0; i < pairs.length; i += 2) {
            counts[counter][cellOf(pairs[i]!)]! += pairs[i + 1]! / unit;
          }
        }
        for (const { metric, kept: { sum, cells } } of values) {
          let own = kept.get(metric);
          if (own === undefined) kept.set(metric, own = createKept());
          for (let i = 0; i < sum.length; i += 2) own.sum[cellOf(sum[i]!)]! += sum[i + 1]!;
          for (const { cell, pairs } of cells) {
            const into = own.cells[cellOf(cell)]![0] ??= new Map();
            for (let i = 0; i < pairs.length; i += 2) {
              own.count[cellOf(cell)]! += pairs[i + 1]!;
              into.set(pairs[i]!, (into.get(pairs[i]!) ?? 0) + pairs[i + 1]!);
            }
          }
        }
        used = Math.max(used, Math.ceil(usedThere / ratio));
      };
    },
    add(record, good) {
      const { intendedMs, sentMs, endMs, firstTokenMs, tickMs, tickTokens } = record;
      const { kind } = record.outcome;
      mergeOne(unmerged);
      count("sent", sentMs);
      if (kind !== "cancelled_as_planned") count("offered", intendedMs);
      if (good) count("offeredGood", intendedMs);
      if (!isWork(record)) {
        if (kind !== "cancelled") count("failed", endMs);
        return;
      }
      if (good) count("good", endMs);
      const prompt = record.promptTokens?.tokens ?? 0;
      count("promptTokens", firstTokenMs, prompt);
      if (endMs !== undefined && Number.isFinite(endMs)) cellOf(endMs);
      eachPart(record, { widthMs: widthUs / 1000, cells: MOST_CELLS }, (cell, part) => {
        if (kind === "ok") counts.completedFlow[cell]! += part;
        if (good) counts.goodFlow[cell]! += part;
        counts.promptFlow[cell]! += part * prompt;
      });
      const weight = tokensPerTickToken(record);
      let before = 0;
      for (let i = 0; i < tickMs.length; i++) {
        const tokens = Math.round(tickTokens[i]! * weight);
        count("outputTokens", tickMs[i]!, tokens - before);
        before = tokens;
      }
      if (kind !== "ok") return;
      count("completed", endMs);
      for (const metric of wanted) {
        let own = kept.get(metric);
        eachTimedValue(metric, record, (ms, value) => {
          if (own === undefined) kept.set(metric, own = createKept());
          const cell = cellOf(ms);
          own.count[cell]!++;
          own.sum[cell]! += Math.round(value * UNITS);
          const buckets = own.cells[cell]![0] ??= new Map();
          const bucket = bucketOf(value);
          buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
        });
      }
    },
    result: () => ({
      widthMs: widthUs / 1000,
      cells: used,
      relativeError: counting.relativeError,
      counts: (counter) => counts[counter].subarray(0, used),
      metric: (metric) =>
        wanted.includes(metric)
          ? metricCells(kept.get(metric) ?? createKept(), used, bucketOf)
          : undefined,
    }),
  };
}

function createKept(): Kept {
  return {
    count: new Float64Array(MOST_CELLS),
    sum: new Float64Array(MOST_CELLS),
    cells: Array.from({ length: MOST_CELLS }, () => []),
  };
}

/** Flows are multiples of the smallest part. */
function unitOf(counter: CellCounter): number {
  return counter.endsWith("Flow") ? 1 / PART : 1;
}

/** Sums by cell, and the buckets of each. */
function packKept({ sum, cells }: Kept, step: number): readonly [sum: string, buckets: string] {
  for (const cell of cells) for (const apart of cell.splice(1)) mergeInto(cell[0]!, apart);
  return [packSparse(sum), packBuckets(cells.map(([counts]) => counts), step)];
}

/** All metrics; the name of an earlier one stands for the same values, as of gaps where a tick has one token. */
function packAll(kept: ReadonlyMap<Metric, Kept>, step: number): Readonly<Record<string, unknown>> {
  const told = new Map<string, string>();
  return Object.fromEntries(
    [...kept].map(([{ name }, own]) => {
      const packed = packKept(own, step);
      const text = packed.join(" ");
      const before = told.get(text);
      if (before === undefined) told.set(text, name);
      return [name, before ?? packed];
    }),
  );
}

/** What {@linkcode packAll} gave. @throws {TypeError} for anything else. */
function unpackAll(
  wanted: readonly Metric[],
  { others, step }: { readonly others: Fields; readonly step: number },
): readonly { readonly metric: Metric; readonly kept: KeptThere }[] {
  const found = new Map<string, KeptThere>();
  const of = (name: string): KeptThere => {
    const packed = others[name];
    const known = found.get(name) ?? (typeof packed === "string" ? found.get(packed) : undefined) ??
      unpackKept(packed, step);
    found.set(name, known);
    return known;
  };
  const names = Object.keys(others).filter((name) => wanted.some((metric) => metric.name === name));
  for (const name of names) reading(name, () => of(name));
  return wanted.flatMap((metric) => {
    const kept = found.get(metric.name);
    return kept === undefined ? [] : [{ metric, kept }];
  });
}

/** Values of one metric from a state. */
interface KeptThere {
  /** Cell and sum in turn. */
  readonly sum: Float64Array;
  readonly cells: readonly CellThere[];
}

function unpackKept(state: unknown, step: number): KeptThere {
  const [sum, buckets] = readList(state, 2);
  return {
    sum: unpackSparse(sum, MOST_CELLS),
    cells: unpackBuckets(buckets, { most: MOST_CELLS, step }),
  };
}

/** Merges the counts of a cell that are still apart. */
function mergeOne(unmerged: Counts[][]): void {
  const cell = unmerged.pop();
  if (cell === undefined) return;
  while (cell.length > 1) {
    mergeInto(cell[0]!, cell.pop()!);
  }
}

function mergeInto(own: Counts, more: Counts): void {
  for (const [bucket, count] of more) own.set(bucket, (own.get(bucket) ?? 0) + count);
}

function metricCells(
  { count, sum, cells }: Kept,
  used: number,
  bucketOf: BucketCounting["bucketOf"],
): MetricCells {
  return {
    count: count.subarray(0, used),
    sum: sum.subarray(0, used).map((units) => units / UNITS),
    around(limits) {
      const at = limits.map(bucketOf);
      const found = limits.map(() => ({
        below: new Float64Array(used),
        equal: new Float64Array(used),
      }));
      for (let cell = 0; cell < used; cell++) {
        for (const counts of cells[cell]!) {
          counts.forEach((n, bucket) => {
            for (let i = 0; i < at.length; i++) {
              if (bucket < at[i]!) found[i]!.below[cell]! += n;
              else if (bucket === at[i]) found[i]!.equal[cell]! += n;
            }
          });
        }
      }
      return found;
    },
    values(fromCell, toCell) {
      const all: Counts = new Map();
      let units = 0;
      for (let cell = fromCell; cell < Math.min(toCell, used); cell++) {
        units += sum[cell]!;
        for (const counts of cells[cell]!) {
          for (const [bucket, n] of counts) all.set(bucket, (all.get(bucket) ?? 0) + n);
        }
      }
      return histogramOfBuckets(all, units);
    },
  };
}
