/**
 * Results of a load that need all values and stamps, and so memory: either all are kept, or histograms
 * and time bins of them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { BracketBasis } from "./load_bracket.ts";
import type { Approximation, InFlight, Series, Throughput, Window } from "./load_series.ts";
import { createSuspects, type Suspects } from "./check_consistency.ts";
import type { Peaks } from "./load_speed.ts";
import type { TimelineEntry } from "./load_summary.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import type { BoundsOf, ValueEnds } from "./record_bounds.ts";
import type { Witness } from "./run_client.ts";
import type { ValueSet } from "./stat_quantile.ts";
import type { EndSets } from "./summary_brackets.ts";
import type { LoadCells } from "./summary_cells.ts";
import type { Pace } from "./summary_pace.ts";
import type { WorkEnds } from "./summary_throughput_brackets.ts";

/** Where the values of one load are kept. */
export interface LoadValues {
  /** How near the results are; absent = exact. */
  readonly approximation: Approximation | undefined;
  /** Adds a measured record; `good`: it met all limits. */
  add(record: RequestRecord, good: boolean): void;
  /** Values of the completed records. */
  valuesOf(metric: Metric): ValueSet;
  /**
   * What the stamps of the completed records leave open, with the help of a witness where they do not
   * say it themselves; absent where neither does.
   */
  ends(witness: Witness | undefined): ValuesEnds | undefined;
  /** How late each request was sent because of the client, completed or not. */
  delays(): ValueSet;
  /** The part of a window with known results; absent when it holds no time. */
  inside(window: Window): Window | undefined;
  /** Rates of completed records in such a window; absent when none completed there. */
  throughput(window: Window): Throughput | undefined;
  /** Good records that completed in such a window. */
  goodIn(window: Window): number;
  /** Concurrent requests. */
  inFlight(run: Window, steady: Window | undefined): InFlight;
  /** How many are in flight at a time. */
  inFlightAt(): (ms: number) => number;
  /** Time averages of them in stretches of equal length that follow each other and hold whole time bins. */
  inFlightOver(windows: readonly Window[]): readonly number[];
  /** The load over time. */
  series(durationMs: number): Series;
  /** Most work in one second, or in whole bins near it; absent where the load is shorter. */
  peaks(durationMs: number): Peaks | undefined;
  /** The same in cells, for statistics. */
  cells(durationMs: number): LoadCells;
  /** A sample of the records, by their numbers. */
  timeline(): readonly TimelineEntry[];
  /** Values that were left out because they are not finite, of the metrics summarized so far. */
  notFinite(): Suspects;
}

/** Ends of the values of a load. */
export interface ValuesEnds {
  /** Who knows. */
  readonly basis: BracketBasis;
  /** Ends of a metric's `count` values; absent where it has none. */
  of(metric: Metric, count: number): EndSets | undefined;
  /** How much faster the load might have gone. */
  readonly pace: Pace;
  /** What was done in a window that {@linkcode LoadValues.inside} gave. */
  work(window: Window): WorkEnds;
}

const NO_ENDS: ValueEnds = { low: [], high: [] };

/** Finite ends of the values of a record; none where one of them is not. */
export function finiteEnds(
  ends: NonNullable<Metric["ends"]>,
  record: RequestRecord,
  boundsOf: BoundsOf,
): ValueEnds {
  const bounds = boundsOf(record);
  if (bounds === undefined) return NO_ENDS;
  const found = ends(record, bounds);
  const { low, high } = found;
  let sum = 0;
  for (let i = 0; i < low.length; i++) sum += low[i]! + high[i]!;
  return Number.isFinite(sum) ? found : NO_ENDS;
}

/** Lets finite values pass: a single other one would spoil all numbers of its metric. */
export interface FiniteValues extends Mergeable {
  /** Finite values of a record; the others are counted. */
  of(metric: Pick<Metric, "name" | "values">, record: RequestRecord): readonly number[];
  /** The others. */
  notFinite(): Suspects;
}

/** Has left out nothing yet. */
export function createFiniteValues(): FiniteValues {
  const others = createSuspects();
  return {
    of(metric, record) {
      const values = metric.values(record);
      let sum = 0;
      for (let i = 0; i < values.length; i++) sum += values[i]!;
      if (Number.isFinite(sum)) return values;
      return values.filter((value) => {
        const finite = Number.isFinite(value);
        if (!finite) others.add(record.index, `${metric.name} is ${value}`);
        return finite;
      });
    },
    notFinite: others.result,
    state: others.state,
    merger: others.merger,
  };
}

/** How late a request left because of the client: what the plan held back was not late. */
export const CLIENT_DELAY: Pick<Metric, "name" | "values"> = {
  name: "schedule_delay",
  values: ({ intendedMs, sentMs, heldMs = 0 }) =>
    sentMs === undefined ? [] : [sentMs - intendedMs - heldMs],
};

/** Most requests of a timeline. */
export const TIMELINE_ENTRIES = 400;

/** A record as an entry of the timeline. */
export function timelineEntry(record: RequestRecord): TimelineEntry {
  return {
    index: record.index,
    user: record.user,
    intendedMs: record.intendedMs,
    sentMs: record.sentMs,
    firstTokenMs: record.firstTokenMs,
    lastTokenMs: record.lastTokenMs,
    endMs: record.endMs,
    outcome: record.outcome.kind,
  };
}
