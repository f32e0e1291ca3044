/**
 * What of a load needs all values and all stamps, and so memory: kept as they were, or in histograms
 * and time bins.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Approximation, InFlight, Series, Throughput, Window } from "./load_series.ts";
import { createSuspects, type Suspects } from "./check_consistency.ts";
import type { TimelineEntry } from "./load_summary.ts";
import type { Metric } from "./metric.ts";
import type { ValueSet } from "./stat_quantile.ts";

/** A measured record, and what is already known about it. */
export interface JudgedRecord {
  /** The record. */
  readonly record: RequestRecord;
  /** Kept all limits. */
  readonly good: boolean;
}

/** Where the values of one load are kept. */
export interface LoadValues {
  /** Absent: all is exact. */
  readonly approximation: Approximation | undefined;
  /** Takes a measured record in. */
  add(judged: JudgedRecord): void;
  /** Values of the completed records. */
  valuesOf(metric: Metric): ValueSet;
  /** How late each record left, completed or not. */
  delays(): ValueSet;
  /** The part of a window that can be told; absent when it holds no time. */
  inside(window: Window): Window | undefined;
  /** Work of completed records in such a window; absent when none completed there. */
  throughput(window: Window): Throughput | undefined;
  /** Good records that completed in such a window. */
  goodIn(window: Window): number;
  /** Requests at the same time. */
  inFlight(run: Window, steady: Window | undefined): InFlight;
  /** The load over time. */
  series(durationMs: number): Series;
  /** A sample of the records by their numbers. */
  timeline(): readonly TimelineEntry[];
  /** Values that were left out because they are not finite, of the metrics asked for so far. */
  notFinite(): Suspects;
}

/** Lets finite values pass: a single other one would spoil all numbers of its metric. */
export interface FiniteValues {
  /** Finite values of a record; the others are counted. */
  of(metric: Metric, record: RequestRecord): readonly number[];
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
  };
}

/** Requests of a timeline that a page can still show. */
export const TIMELINE_ENTRIES = 400;

/** What a timeline shows of a record. */
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
