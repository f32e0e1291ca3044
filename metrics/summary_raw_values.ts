/**
 * A load with all records kept: exact, in memory that grows with them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { foldAll } from "./fold.ts";
import { inFlight, inFlightAt, meanInFlightOver } from "./summary_in_flight.ts";
import {
  CLIENT_DELAY,
  createFiniteValues,
  finiteEnds,
  type FiniteValues,
  type LoadValues,
  TIMELINE_ENTRIES,
  timelineEntry,
  type ValuesEnds,
} from "./summary_values.ts";
import type { Metric } from "./metric.ts";
import { ownBounds } from "./record_bounds.ts";
import { isWork } from "./record_streaming.ts";
import type { LoadPlan } from "./run.ts";
import type { Witness } from "./run_client.ts";
import { collectValues, exactValues, sortLists } from "./stat_quantile.ts";
import { rawCells } from "./summary_raw_cells.ts";
import { peaks } from "./summary_peaks.ts";
import { series } from "./summary_series.ts";
import { NEVER_LATE, paceFold } from "./summary_pace.ts";
import { windowThroughput, workBefore } from "./summary_throughput.ts";
import { workEnds } from "./summary_throughput_brackets.ts";
import { mostBounds, witnessBounds } from "./summary_witness_bounds.ts";

/** Keeps all records, which come in the order of their numbers. */
export function createRawValues(plan: LoadPlan): LoadValues {
  const records: RequestRecord[] = [];
  const completed: RequestRecord[] = [];
  // The same, and those whose users left as planned; most loads have none of these.
  let work = completed;
  const good: RequestRecord[] = [];
  let ticks = 0;
  const finite = createFiniteValues();
  const late = createFiniteValues();
  return {
    approximation: undefined,
    add(record, isGood) {
      records.push(record);
      if (record.outcome.kind === "ok") {
        completed.push(record);
        if (work !== completed) work.push(record);
        ticks += record.tickMs.length;
      } else if (isWork(record)) {
        if (work === completed) work = [...completed];
        work.push(record);
      }
      if (isGood) good.push(record);
    },
    valuesOf(metric) {
      const room = metric.per === "request" ? completed.length : ticks;
      return exactValues(sortLists(listsOf(completed, metric, finite), room));
    },
    ends: (witness) => endsOf({ plan, records, completed, work }, witness),
    notFinite: finite.notFinite,
    delays: () => exactValues(sortLists(listsOf(records, CLIENT_DELAY, late), records.length)),
    inside: (window) => window,
    throughput: (window) => windowThroughput(work, window),
    goodIn: (window) => windowThroughput(good, window)?.completed ?? 0,
    inFlight: (run, steady) => inFlight(records, run, steady),
    inFlightAt: () => inFlightAt(records),
    inFlightOver: (windows) => meanInFlightOver(records, windows),
    series: (durationMs) => series(records, durationMs, plan),
    peaks: (durationMs) => peaks(work, durationMs),
    cells(durationMs) {
      const goods = new Set(good);
      return rawCells({ records, isGood: (record) => goods.has(record), durationMs });
    },
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
  metric: Pick<Metric, "name" | "values">,
  finite: FiniteValues,
): Generator<readonly number[]> {
  for (const record of records) yield finite.of(metric, record);
}

function endsOf(
  { plan, records, completed, work }: {
    readonly plan: LoadPlan;
    readonly records: readonly RequestRecord[];
    readonly completed: readonly RequestRecord[];
    readonly work: readonly RequestRecord[];
  },
  witness: Witness | undefined,
): ValuesEnds | undefined {
  if (completed.length === 0) return undefined;
  const own = completed.every((record) => ownBounds(record) !== undefined);
  const boundsOf = own ? ownBounds : witness && witnessBounds(witness);
  if (boundsOf === undefined) return undefined;
  if (!own && completed.some((record) => boundsOf(record) === undefined)) return undefined;
  return {
    pace: foldAll(paceFold(plan, boundsOf), records)(NEVER_LATE),
    work: ({ fromMs, toMs }) => {
      const before = (ms: number, end: "low" | "high") =>
        workBefore(work, ms, end === "low" ? boundsOf : undefined);
      return workEnds({
        fromLow: before(fromMs, "low"),
        fromHigh: before(fromMs, "high"),
        toLow: before(toMs, "low"),
        toHigh: before(toMs, "high"),
      });
    },
    basis: own ? "stamps" : "witness",
    of({ ends, per }, count) {
      if (ends === undefined) return undefined;
      const [low, high, hidden] = [collectValues(count), collectValues(count), collectValues(0)];
      for (const record of completed) {
        const found = finiteEnds(ends, record, boundsOf);
        low.add(found.low);
        high.add(found.high);
        if (found.hidden !== undefined) hidden.add(found.hidden);
      }
      return {
        low: exactValues(low.sorted()),
        high: exactValues(high.sorted()),
        hidden: exactValues(hidden.sorted()),
        relativeError: 0,
        most: (own || witness === undefined ? [] : mostBounds(witness, per, boundsOf))
          .map((most) => {
            const [low, high] = [collectValues(count), collectValues(count)];
            for (const record of completed) {
              const found = finiteEnds(ends, record, most.boundsOf);
              low.add(found.low);
              high.add(found.high);
            }
            const { outside } = most;
            return { outside, low: exactValues(low.sorted()), high: exactValues(high.sorted()) };
          }),
      };
    },
  };
}
