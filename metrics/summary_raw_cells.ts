/**
 * Cells of a load whose records are kept: exact, made when they are asked for.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Metric } from "./metric.ts";
import { isWork } from "./record_streaming.ts";
import { collectValues, exactValues } from "./stat_quantile.ts";
import {
  CELL_COUNTERS,
  type CellCounter,
  eachPart,
  eachTimedValue,
  hasCells,
  type LoadCells,
  type MetricCells,
  MOST_CELLS,
} from "./summary_cells.ts";
import { tokensPerTickToken } from "./summary_throughput.ts";

/** What cells are made from. */
export interface RawCellsOptions {
  /** All measured records. */
  readonly records: readonly RequestRecord[];
  /** Whether a record met all limits. */
  readonly isGood: (record: RequestRecord) => boolean;
  /** Length of the load, in ms. */
  readonly durationMs: number;
}

/** Cuts a load into {@linkcode MOST_CELLS} cells; what came after its end belongs to the last one. */
export function rawCells({ records, isGood, durationMs }: RawCellsOptions): LoadCells {
  const cells = durationMs > 0 ? MOST_CELLS : 0;
  const widthMs = durationMs / MOST_CELLS;
  const cellOf = (ms: number) =>
    Math.max(0, Math.min(cells - 1, Math.floor(ms / durationMs * cells)));
  // Records are walked once for each metric, whoever asks.
  const known = new Map<Metric, MetricCells>();
  let counted: Readonly<Record<CellCounter, Float64Array>> | undefined;
  return {
    widthMs,
    cells,
    relativeError: 0,
    counts: (counter) =>
      (counted ??= countCells({ records, isGood, cells, cellOf, widthMs }))[counter],
    metric(metric) {
      if (!hasCells(metric)) return undefined;
      const found = known.get(metric) ?? metricCells(metric, { records, cells, cellOf });
      known.set(metric, found);
      return found;
    },
  };
}

/** Values that are collected together: one by one takes longer. */
const AT_ONCE = 4096;

interface Cut {
  readonly records: readonly RequestRecord[];
  readonly cells: number;
  readonly cellOf: (ms: number) => number;
}

function countCells(
  { records, isGood, cells, cellOf, widthMs }:
    & Cut
    & Pick<RawCellsOptions, "isGood">
    & Pick<LoadCells, "widthMs">,
): Readonly<Record<CellCounter, Float64Array>> {
  const counts = Object.fromEntries(
    CELL_COUNTERS.map((counter) => [counter, new Float64Array(cells)]),
  ) as Record<CellCounter, Float64Array>;
  if (cells === 0) return counts;
  const count = (counter: CellCounter, ms: number | undefined, amount = 1) => {
    if (ms !== undefined && Number.isFinite(ms)) counts[counter][cellOf(ms)]! += amount;
  };
  for (const record of records) {
    const { intendedMs, sentMs, endMs, firstTokenMs, tickMs, tickTokens, outcome: { kind } } =
      record;
    count("sent", sentMs);
    const good = isGood(record);
    if (kind !== "cancelled_as_planned") count("offered", intendedMs);
    if (good) count("offeredGood", intendedMs);
    if (!isWork(record)) {
      if (kind !== "cancelled") count("failed", endMs);
      continue;
    }
    if (kind === "ok") count("completed", endMs);
    if (good) count("good", endMs);
    const prompt = record.promptTokens?.tokens ?? 0;
    count("promptTokens", firstTokenMs, prompt);
    eachPart(record, { widthMs, cells }, (cell, part) => {
      if (kind === "ok") counts.completedFlow[cell]! += part;
      if (good) counts.goodFlow[cell]! += part;
      counts.promptFlow[cell]! += part * prompt;
    });
    const weight = tokensPerTickToken(record);
    let before = 0;
    for (let i = 0; i < tickMs.length; i++) {
      count("outputTokens", tickMs[i]!, (tickTokens[i]! - before) * weight);
      before = tickTokens[i]!;
    }
  }
  return counts;
}

function metricCells(metric: Metric, { records, cells, cellOf }: Cut): MetricCells {
  const count = new Float64Array(cells);
  const sum = new Float64Array(cells);
  const each = (visit: (cell: number, value: number) => void) => {
    const timed = (ms: number, value: number) => visit(cellOf(ms), value);
    for (const record of cells === 0 ? [] : records) {
      if (record.outcome.kind === "ok") eachTimedValue(metric, record, timed);
    }
  };
  each((cell, value) => {
    count[cell]!++;
    sum[cell]! += value;
  });
  return {
    count,
    sum,
    around(limits) {
      const found = limits.map(() => ({
        below: new Float64Array(cells),
        equal: new Float64Array(cells),
      }));
      each((cell, value) => {
        for (let i = 0; i < limits.length; i++) {
          if (value < limits[i]!) found[i]!.below[cell]!++;
          else if (value === limits[i]!) found[i]!.equal[cell]!++;
        }
      });
      return found;
    },
    values(fromCell, toCell) {
      const all = collectValues();
      let some: number[] = [];
      each((cell, value) => {
        if (cell < fromCell || cell >= toCell) return;
        if (some.push(value) < AT_ONCE) return;
        all.add(some);
        some = [];
      });
      all.add(some);
      return exactValues(all.sorted());
    },
  };
}
