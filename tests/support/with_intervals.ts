/**
 * A summary whose figures have sampling intervals of hand-made ends, or none.
 *
 * @module
 */
import type { Interval } from "../../metrics/load_interval.ts";
import type { Throughput } from "../../metrics/load_series.ts";
import type { LoadSummary } from "../../metrics/load_summary.ts";
import type { Summary } from "../../metrics/summary.ts";

/** The same summary; every latency, rate, goodput and attainment is open by this share of itself. */
export function withIntervals(summary: Summary, share: number = 0.1): Summary {
  return { ...summary, loads: summary.loads.map((load) => open(load, share)) };
}

/** The same summary, as of loads that were too short. */
export function withoutIntervals(summary: Summary): Summary {
  const loads = withoutAny(summary.loads).map((load) => ({
    ...load,
    sampling: {
      level: 0.95,
      ...{ blocks: undefined, blockMs: undefined, correlationMs: undefined },
      absent: "12 blocks, 20 are needed",
    },
  }));
  return { ...summary, loads };
}

/** Whatever has intervals has none. */
function withoutAny<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutAny) as T;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      name === "intervals" || name === "interval" ? undefined : withoutAny(one),
    ]),
  ) as T;
}

function open(load: LoadSummary, share: number): LoadSummary {
  const around = (value: number | undefined): Interval | undefined =>
    value === undefined ? undefined : { low: value * (1 - share), high: value * (1 + share) };
  const rates = (window: Throughput): Throughput => ({
    ...window,
    intervals: {
      qps: around(window.qps),
      outputTokensPerSec: around(window.outputTokensPerSec),
      totalTokensPerSec: around(window.totalTokensPerSec),
    },
  });
  const { throughput: { run, steady }, slo } = load;
  return {
    ...load,
    sampling: {
      ...{ level: 0.95, blocks: 42, blockMs: 280, correlationMs: 60 },
      absent: undefined,
    },
    throughput: { run: rates(run), steady: steady && rates(steady) },
    metrics: load.metrics.map((metric) => {
      const { mean, median, percentiles } = metric.distribution;
      if (metric.unit !== "ms") return metric;
      return {
        ...metric,
        intervals: {
          mean: around(mean),
          median: around(median),
          percentiles: percentiles.map(({ p, value }) => ({ p, interval: around(value) })),
        },
      };
    }),
    slo: slo && {
      ...slo,
      intervals: {
        goodput: around(slo.goodput),
        steadyGoodput: around(slo.steadyGoodput),
        attainment: { low: 0.5, high: 0.75 },
      },
    },
  };
}
