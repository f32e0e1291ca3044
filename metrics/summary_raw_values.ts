/**
 * A load with all records kept: exact, in memory that grows with them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { inFlight } from "./summary_in_flight.ts";
import {
  createFiniteValues,
  type FiniteValues,
  type LoadValues,
  TIMELINE_ENTRIES,
  timelineEntry,
} from "./summary_values.ts";
import type { Metric } from "./metric.ts";
import { exactValues, sortLists } from "./stat_quantile.ts";
import { scheduleDelay } from "./metric_schedule_delay.ts";
import { series } from "./summary_series.ts";
import { windowThroughput } from "./summary_throughput.ts";

/** Keeps all records, which come in the order of their numbers. */
export function createRawValues(): LoadValues {
  const records: RequestRecord[] = [];
  const completed: RequestRecord[] = [];
  const good: RequestRecord[] = [];
  const finite = createFiniteValues();
  const late = createFiniteValues();
  return {
    approximation: undefined,
    add(record, isGood) {
      records.push(record);
      if (record.outcome.kind === "ok") completed.push(record);
      if (isGood) good.push(record);
    },
    valuesOf: (metric) => exactValues(sortLists(listsOf(completed, metric, finite))),
    notFinite: finite.notFinite,
    delays: () => exactValues(sortLists(listsOf(records, scheduleDelay, late))),
    inside: (window) => window,
    throughput: (window) => windowThroughput(completed, window),
    goodIn: (window) => windowThroughput(good, window)?.completed ?? 0,
    inFlight: (run, steady) => inFlight(records, run, steady),
    series: (durationMs) => series(records, durationMs),
    timeline() {
      const entries = Math.min(records.length, TIMELINE_ENTRIES);
      return Array.from(
        { length: entries },
        (_, i) => timelineEntry(records[Math.floor(i * records.length / entries)]!),
      );
    },
  };
}

function* listsOf(
  records: readonly RequestRecord[],
  metric: Metric,
  finite: FiniteValues,
): Generator<readonly number[]> {
  for (const record of records) yield finite.of(metric, record);
}
