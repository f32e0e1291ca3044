/**
 * Counts a latency in cells of time and size, in memory that does not grow: columns double in length
 * when the load is longer, rows are a quarter of an octave.
 *
 * @module
 */
import type { HeatMap } from "./load_heat.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import { packSparse, unpackSparse } from "./state_numbers.ts";
import { readFields, readWidth } from "./state_read.ts";

/** Columns that are kept; the map has at least half as many, unless the load is very short. */
const COLUMNS = 80;

/** Length of a column at the start, in ms. */
const FIRST_MS = 50;

/** Rows between a value and its double. */
const PER_OCTAVE = 4;

/** From a thousandth of a millisecond; what is smaller is in the lowest row. */
const LOWEST = 0.001;

/** Enough for hours. */
const ROWS = 32 * PER_OCTAVE;

/** More rows would be too low to tell apart; then two or more are joined. */
const MOST_ROWS = 28;

/** Counts the values of one metric. */
export interface HeatFold extends Mergeable {
  /** Adds a value that came at a time from the start of the load, both in ms. */
  add(ms: number, value: number): void;
  /** The map of a load of this length; absent without values. */
  result(durationMs: number): HeatMap | undefined;
}

/** Has no value yet. */
export function createHeat(metric: Pick<Metric, "name" | "title" | "unit" | "per">): HeatFold {
  const { name, title, unit, per } = metric;
  const cells = new Float64Array(COLUMNS * ROWS);
  let columnMs = FIRST_MS;
  let values = 0;
  const double = () => {
    for (let column = 0; column < COLUMNS; column++) {
      const from = 2 * column;
      for (let row = 0; row < ROWS; row++) {
        cells[column * ROWS + row] = from < COLUMNS
          ? cells[from * ROWS + row]! + cells[(from + 1) * ROWS + row]!
          : 0;
      }
    }
    columnMs *= 2;
  };
  return {
    state: () => ({ columnMs, cells: packSparse(cells) }),
    merger(state) {
      const more = readFields(state);
      const otherMs = readWidth(more.columnMs, FIRST_MS);
      const pairs = unpackSparse(more.cells, COLUMNS * ROWS);
      return () => {
        while (columnMs < otherMs) double();
        const ratio = columnMs / otherMs;
        for (let i = 0; i < pairs.length; i += 2) {
          const [cell, count] = [pairs[i]!, pairs[i + 1]!];
          cells[Math.floor(Math.floor(cell / ROWS) / ratio) * ROWS + cell % ROWS]! += count;
          values += count;
        }
      };
    },
    add(ms, value) {
      if (!Number.isFinite(ms)) return;
      while (ms >= COLUMNS * columnMs) double();
      const column = Math.max(0, Math.floor(ms / columnMs));
      cells[column * ROWS + rowOf(value)]!++;
      values++;
    },
    result(durationMs) {
      if (values === 0) return undefined;
      const rows: boolean[] = Array.from({ length: ROWS }, (_, row) => {
        for (let column = 0; column < COLUMNS; column++) {
          if (cells[column * ROWS + row]! > 0) return true;
        }
        return false;
      });
      const [first, last] = [rows.indexOf(true), rows.lastIndexOf(true)];
      const joined = joinedRows(last - first + 1);
      const height = Math.ceil((last - first + 1) / joined);
      const used = columnsUsed(cells);
      const columns = Math.max(used, Math.min(COLUMNS, Math.ceil(durationMs / columnMs - 1e-9)));
      const counts = Array.from(
        { length: columns },
        (_, column) =>
          Array.from({ length: height }, (_, i) => {
            let sum = 0;
            for (let row = first + i * joined; row < first + (i + 1) * joined; row++) {
              sum += row < ROWS ? cells[column * ROWS + row]! : 0;
            }
            return sum;
          }),
      );
      const edges = Array.from({ length: height + 1 }, (_, i) => edgeOf(first + i * joined));
      return { name, title, unit, per, columnMs, edges, counts };
    },
  };
}

function rowOf(value: number): number {
  if (!(value > LOWEST)) return 0;
  return Math.min(ROWS - 1, Math.floor(PER_OCTAVE * Math.log2(value / LOWEST)));
}

/** Lower edge of a row. */
function edgeOf(row: number): number {
  return Number((LOWEST * 2 ** (row / PER_OCTAVE)).toPrecision(6));
}

/** How many rows become one: whole octaves at most. */
function joinedRows(rows: number): number {
  let joined = 1;
  while (rows / joined > MOST_ROWS) joined *= 2;
  return joined;
}

function columnsUsed(cells: Float64Array): number {
  for (let i = cells.length - 1; i >= 0; i--) if (cells[i]! > 0) return Math.floor(i / ROWS) + 1;
  return 0;
}
