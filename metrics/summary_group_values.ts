/**
 * Values of a group of requests: of those metrics that have one value a request.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import type { LoadPlan } from "./run.ts";
import { mergeAll, mergeEach } from "./state_read.ts";
import { createValueHistogram } from "./stat_value_histogram.ts";
import { createBinnedEnds } from "./summary_binned_ends.ts";
import { createRawValues } from "./summary_raw_values.ts";
import { createFiniteValues, type LoadValues, type ValuesEnds } from "./summary_values.ts";

/** Where the values of one group are kept. */
export interface GroupValues extends Pick<LoadValues, "add" | "valuesOf"> {
  /** As {@linkcode LoadValues.ends}. */
  ends(...witness: Parameters<LoadValues["ends"]>): Pick<ValuesEnds, "of"> | undefined;
  /** How those of another machine are added; absent where records are kept. */
  readonly parts?: Mergeable;
}

/**
 * Keeps a group: its records where all of a load are kept, else histograms alone, since the course over
 * time is that of the load.
 */
export function createGroupValues(
  metrics: readonly Metric[],
  plan: LoadPlan,
  values: "raw" | "histogram",
): GroupValues {
  return withoutMost(values === "raw" ? createRawValues(plan) : binnedGroup(metrics, plan));
}

function binnedGroup(metrics: readonly Metric[], plan: LoadPlan): GroupValues {
  const histograms = new Map(metrics.map((metric) => [metric, createValueHistogram()]));
  const finite = createFiniteValues();
  const ends = createBinnedEnds(metrics, plan);
  return {
    parts: mergeAll({ histograms: mergeEach([...histograms.values()]), finite, ends }),
    add(record: RequestRecord) {
      ends.add(record);
      if (record.outcome.kind !== "ok") return;
      for (const [metric, values] of histograms) {
        for (const value of finite.of(metric, record)) values.add(value);
      }
    },
    valuesOf: (metric) => histograms.get(metric)!,
    ends: (witness) => ends.result(witness),
  };
}

/**
 * Narrower ends that hold for most values of a load need not hold for most of a group: those outside
 * may all be in it.
 */
function withoutMost({ ends, ...rest }: GroupValues): GroupValues {
  return {
    ...rest,
    ends(witness) {
      const found = ends(witness);
      return found && {
        of(metric, count) {
          const sets = found.of(metric, count);
          return sets && { ...sets, most: [] };
        },
      };
    },
  };
}
