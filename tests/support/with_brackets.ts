/**
 * A summary whose figures have brackets of hand-made ends, as if its stamps had left that much open.
 *
 * @module
 */
import type { Bracket } from "../../metrics/load_bracket.ts";
import type { Throughput } from "../../metrics/load_series.ts";
import type { LoadSummary } from "../../metrics/load_summary.ts";
import type { Witness } from "../../metrics/run_client.ts";
import type { Summary } from "../../metrics/summary.ts";

/** How far the ends are from the value; they are never below 0. */
export interface BracketWidth {
  readonly below: number;
  readonly above: number;
}

/** What a witness of two streams could have shown. */
export const WITNESS: Witness = {
  streams: 2,
  requests: 40,
  ticks: 1204,
  ticksInside: 1203,
  departuresInside: 40,
  readLate: { p50Ms: 0.05, p99Ms: 0.9, maxMs: 1.2 },
  departLate: { p50Ms: 0.02, p99Ms: 0.4, maxMs: 0.4 },
  windowMs: 100,
  readLateMaxMs: [0.4, null, 1.2],
  departLateMaxMs: [0.1, null, 0.4],
};

/** The same summary; every latency and every rate has a bracket, and a witness saw each load. */
export function withBrackets(
  summary: Summary,
  width: BracketWidth = { below: 0.2, above: 0.1 },
  fields: Partial<LoadSummary> = {},
): Summary {
  return { ...summary, loads: summary.loads.map((load) => bracketed(load, width, fields)) };
}

function bracketed(
  load: LoadSummary,
  { below, above }: BracketWidth,
  fields: Partial<LoadSummary>,
): LoadSummary {
  const around = (value: number | undefined): Bracket | undefined =>
    value === undefined ? undefined : { low: Math.max(0, value - below), high: value + above };
  const rates = (window: Throughput): Throughput => ({
    ...window,
    brackets: {
      qps: around(window.qps),
      outputTokensPerSec: around(window.outputTokensPerSec),
      totalTokensPerSec: around(window.totalTokensPerSec),
    },
  });
  const { run, steady } = load.throughput;
  return {
    ...load,
    bracketBasis: "stamps",
    witness: WITNESS,
    throughput: { run: rates(run), steady: steady && rates(steady) },
    metrics: load.metrics.map((metric) => {
      const { mean, median, percentiles } = metric.distribution;
      if (metric.unit !== "ms") return metric;
      return {
        ...metric,
        brackets: {
          mean: around(mean),
          median: around(median),
          percentiles: percentiles.map(({ p, value }) => ({ p, bracket: around(value) })),
        },
      };
    }),
    ...fields,
  };
}
