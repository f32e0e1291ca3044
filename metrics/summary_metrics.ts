/**
 * Distributions of metrics with what the client leaves open about them.
 *
 * @module
 */
import { HEADLINE_FLOOR_MS, HEADLINE_PERCENTILES, type HeadlineFigure } from "./check_figures.ts";
import type { MetricSummary } from "./load_figures.ts";
import type { MetricHistogram } from "./load_summary.ts";
import type { Quantiles } from "./load_quantiles.ts";
import type { Metric } from "./metric.ts";
import { histogram } from "./stat_histogram.ts";
import { describe, type ValueSet } from "./stat_quantile.ts";
import { bracketsOf, type EndSets } from "./summary_brackets.ts";
import { quantilesOf } from "./summary_quantiles.ts";
import type { Sampling } from "./summary_sampling.ts";
import type { ValuesEnds } from "./summary_values.ts";

/** What to describe, and with what. */
export interface DescribeOptions {
  /** From 0 to below 100, in the order in which reports list them. */
  readonly percentiles: readonly number[];
  /** What the stamps leave open; absent = unknown. */
  readonly ends: Pick<ValuesEnds, "of"> | undefined;
  /** What chance leaves open; absent = not asked for. */
  readonly sampling?: Pick<Sampling, "metric">;
}

/** A metric and its distribution, with brackets where they are known. */
export function describeMetric(
  metric: Metric,
  values: ValueSet,
  { percentiles, ends, sampling }: DescribeOptions,
): { readonly summary: MetricSummary; readonly sets: EndSets | undefined } {
  const { name, title, unit, better, per, formula } = metric;
  const distribution = describe(values, percentiles);
  const found = ends?.of(metric, distribution.count);
  const sets = found === undefined || found.low.count === 0 ? undefined : found;
  const brackets = sets && bracketsOf(distribution, sets);
  const summary = {
    ...{ name, title, unit, better, per, formula, distribution, brackets },
    intervals: sampling?.metric(metric, values, distribution),
  };
  return { summary, sets };
}

/** All metrics of a load, histograms and curves of the key ones, and the figures that the verdict looks at. */
export function describeMetrics(
  values: ReadonlyMap<Metric, ValueSet>,
  options: DescribeOptions,
): {
  readonly metrics: readonly MetricSummary[];
  readonly histograms: readonly MetricHistogram[];
  readonly quantiles: readonly Quantiles[];
  readonly figures: readonly HeadlineFigure[];
} {
  const histograms: MetricHistogram[] = [];
  const quantiles: Quantiles[] = [];
  const figures: HeadlineFigure[] = [];
  const metrics = [...values].map(([metric, own]) => {
    const { name, title, unit } = metric;
    if (metric.rank === "key") {
      histograms.push({ name, title, unit, ...histogram(own) });
      const curve = quantilesOf(metric, own);
      if (curve !== undefined) quantiles.push(curve);
    }
    const { summary, sets } = describeMetric(metric, own, options);
    if (sets !== undefined) figures.push(...headlineFigures(metric, own, sets));
    return summary;
  });
  return { metrics, histograms, quantiles, figures };
}

/** The figures of a metric that the verdict looks at, whichever ones the report shows. */
function headlineFigures(
  { name, title }: Metric,
  values: ValueSet,
  ends: EndSets,
): readonly HeadlineFigure[] {
  if (HEADLINE_FLOOR_MS[name] === undefined) return [];
  const distribution = describe(values, HEADLINE_PERCENTILES);
  const { median, percentiles } = bracketsOf(distribution, ends);
  return percentiles.flatMap(({ p, bracket }, i): readonly HeadlineFigure[] => {
    // The median needs no minimum of samples.
    const value = p === 50 ? distribution.median : distribution.percentiles[i]!.value;
    const ends = p === 50 ? median : bracket;
    return value === undefined || ends === undefined
      ? []
      : [{ metric: name, title, p, value, bracket: ends }];
  });
}
