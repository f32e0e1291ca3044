/**
 * Builds sides of a comparison from round numbers: loads whose mean TTFT is given.
 *
 * @module
 */
import type { CompareSide } from "../../metrics/compare_result.ts";
import type { Bracket } from "../../metrics/load_bracket.ts";
import type { Interval } from "../../metrics/load_interval.ts";
import type { LoadSummary } from "../../metrics/load_summary.ts";
import { turnLabel } from "../../metrics/load_repeats.ts";
import type { LoadPlan } from "../../metrics/run.ts";
import { summarize, type Summary } from "../../metrics/summary.ts";
import { createRecord } from "./create_record.ts";
import { createRun, type RunFields } from "./create_run.ts";

/** A load with a mean TTFT in ms, with what is known of it. */
export interface ComparedLoadFields {
  readonly ttftMs: number;
  readonly interval?: Interval;
  readonly bracket?: Bracket;
  readonly plan?: Partial<LoadPlan>;
  /** Overrides of the whole summary of the load. */
  readonly load?: Partial<LoadSummary>;
}

/** A run of such loads. */
export function createCompared(
  loads: readonly ComparedLoadFields[],
  fields: RunFields = {},
): Summary {
  const records = loads.map(({ ttftMs }, load) =>
    createRecord({ load, ticks: [[ttftMs, 1], [ttftMs + 10, 2], [ttftMs + 20, 3]] })
  );
  const plans = loads.map(({ plan = {} }): Partial<LoadPlan> => ({
    ...plan,
    label: turnLabel(plan.label ?? "1 user", plan),
  }));
  const summary = summarize(createRun(records, { ...fields, loads: plans }));
  return {
    ...summary,
    loads: summary.loads.map((load, i): LoadSummary => {
      const { interval, bracket, load: overrides } = loads[i]!;
      const metrics = load.metrics.map((metric) => {
        if (metric.name !== "ttft") return metric;
        const intervals = { mean: interval, median: undefined, percentiles: [] };
        const brackets = { mean: bracket, median: undefined, percentiles: [] };
        return { ...metric, intervals, brackets };
      });
      return { ...load, metrics, ...overrides };
    }),
  };
}

/** A side of several runs of one load each. */
export function createSide(name: string, ttftMs: readonly number[]): CompareSide {
  return {
    name,
    runs: ttftMs.map((one, i) =>
      createCompared([{ ttftMs: one }], {
        header: { startedAt: `2026-01-02T03:04:${String(i).padStart(2, "0")}.000Z` },
      })
    ),
  };
}

/** Both sides of one run that took turns in the order ABBA. */
export function createTurns(a: readonly number[], b: readonly number[]): readonly CompareSide[] {
  const loads = a.flatMap((ttftMs, i): readonly ComparedLoadFields[] => {
    const turn = [
      { ttftMs, plan: { repeat: i + 1, side: 0 } },
      { ttftMs: b[i]!, plan: { repeat: i + 1, side: 1 } },
    ];
    return i % 2 === 0 ? turn : turn.reverse();
  });
  const url = "http://127.0.0.1:8000";
  const run = createCompared(loads, {
    header: { sides: [{ name: "a", url }, { name: "b", url }] },
  });
  return [{ name: "a", runs: [run], side: 0 }, { name: "b", runs: [run], side: 1 }];
}
