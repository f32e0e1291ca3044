/**
 * Limits on the figures of a load: which there are, and whether a load keeps them. A limit on a figure
 * that was not measured is not kept.
 *
 * @module
 */
import { formatCount, formatPercentile, plural } from "./format.ts";
import {
  keepsLimit,
  type Limit,
  type Limited,
  type LimitStatistic,
  limitText,
  nameOf,
  parseLimits,
} from "./limit.ts";
import type { ShareWithin } from "./load_interval.ts";
import type { LimitResult } from "./load_limits.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Metric } from "./metric.ts";
import { METRICS } from "./metrics.ts";
import { describe, minimumSamples, type ValueSet } from "./stat_quantile.ts";

/** What is known of a load when its limits are judged. */
export type LimitedLoad = Pick<LoadSummary, "counts" | "throughput" | "slo" | "generated">;

/** A figure of which a load has one. */
interface LoadFigure extends Limited {
  /** In the unit asked for; absent = not measured. */
  readonly measure: (load: LimitedLoad, unit: Limited["unit"]) => number | undefined;
  /** Why it can be absent. */
  readonly absent: string;
}

const NOTHING = "no request completed";
const NO_WINDOW = "there is no steady window";
const NO_SLO = "no --slo says which requests are good";

function share(
  of: (counts: LoadSummary["counts"]) => number,
): Pick<LoadFigure, "measure" | "absent"> {
  return {
    measure({ counts }) {
      const meant = counts.offered - counts.cancelledAsPlanned;
      return meant === 0 ? undefined : of(counts) / meant;
    },
    absent: "no request was due",
  };
}

/** Tokens per second of a window, or its requests. */
function rate(
  window: keyof LoadSummary["throughput"],
  tokens: "outputTokensPerSec" | "totalTokensPerSec",
): Pick<LoadFigure, "measure" | "unit" | "otherUnit" | "many" | "bare" | "absent"> {
  return {
    ...{ unit: "tokens/s", otherUnit: "req/s", many: false, bare: ">=" },
    measure: ({ counts, throughput }, unit) =>
      // A server that completes nothing has no throughput of 0: it was not measured.
      counts.completed === 0 ? undefined : throughput[window]?.[unit === "req/s" ? "qps" : tokens],
    absent: window === "run" ? NOTHING : NO_WINDOW,
  };
}

const SHARE = { unit: "share", many: false } as const;
const REQUESTS = { unit: "req/s", many: false, bare: ">=" } as const;

const LOAD_FIGURES: readonly LoadFigure[] = [
  { name: "throughput", ...rate("run", "outputTokensPerSec") },
  { name: "steady_throughput", ...rate("steady", "outputTokensPerSec") },
  { name: "total_throughput", ...rate("run", "totalTokensPerSec") },
  {
    ...{ name: "goodput", ...REQUESTS, absent: NO_SLO },
    measure: ({ slo }) => slo?.goodput,
  },
  {
    ...{ name: "steady_goodput", ...REQUESTS, absent: `${NO_SLO}, or ${NO_WINDOW}` },
    measure: ({ slo }) => slo?.steadyGoodput,
  },
  {
    ...{ name: "attainment", ...SHARE, bare: ">=", absent: NO_SLO },
    measure: ({ slo }) => slo?.attainment,
  },
  { name: "success", ...SHARE, bare: ">=", ...share(({ completed }) => completed) },
  { name: "failures", ...SHARE, bare: "<=", ...share(({ failed, dropped }) => failed + dropped) },
  { name: "errors", ...SHARE, bare: "<=", ...share(({ failed }) => failed) },
  { name: "dropped", ...SHARE, bare: "<=", ...share(({ dropped }) => dropped) },
  { name: "cancelled", ...SHARE, bare: "<=", ...share(({ cancelled }) => cancelled) },
  { name: "empty_answers", ...SHARE, bare: "<=", ...share(({ empty }) => empty) },
];

/** A metric as the grammar of limits sees it. */
export function limitedMetric({ name, unit, better }: Metric): Limited {
  const bare = better === "neither" ? undefined : better === "lower" ? "<=" : ">=";
  return { name, unit, many: true, ...(bare === undefined ? {} : { bare }) };
}

/** Everything that can have a limit: the metrics, and the figures of a load. */
export const LIMITED: readonly Limited[] = [...METRICS.map(limitedMetric), ...LOAD_FIGURES];

/** Whether a limit needs `--slo`, without which its figure does not exist. */
export function needsSlo({ name }: Pick<Limit, "name">): boolean {
  return LOAD_FIGURES.some((figure) => figure.name === name && figure.absent.startsWith(NO_SLO));
}

/**
 * Reads the limits of `--require`, such as `ttft:p99<500,attainment>0.95,failures<1%`: on percentiles
 * of metrics (`p50` to below `p100`, `mean`, `median`, `min`, `max`; without one every value has to keep
 * the limit) and on figures of a load (`throughput`, `goodput`, `attainment`, `success`, `failures` and
 * others). Units are ms, s, %, tok/s and req/s.
 *
 * @throws {SyntaxError} when the text is no list of limits.
 * @throws {RangeError} when a name, a percentile, a unit or a number does not fit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseRequired } from "@tokometer/tokometer/metrics";
 *
 * const [first, second] = parseRequired("ttft:p99<0.5s,failures<1%");
 * assertEquals([first?.value, second?.value], [500, 0.01]);
 * ```
 */
export function parseRequired(text: string): readonly Limit[] {
  return parseLimits(text, { known: LIMITED, option: "--require" });
}

/**
 * Why too few answers show when their tokens came: those of which it is unknown might all miss a limit
 * on a percentile. Absent where enough do.
 */
function notStreamed(
  { formula }: Metric,
  statistic: LimitStatistic | undefined,
  { generated: { answers } }: LimitedLoad,
): string | undefined {
  if (!formula.includes("of streamed answers")) return undefined;
  const held = answers.once + answers.whole + answers.held;
  const all = answers.streamed + held;
  const mayBePercent = statistic === undefined || statistic === "max"
    ? 0
    : typeof statistic === "number"
    ? 100 - statistic
    : 50;
  if (100 * held <= mayBePercent * all) return undefined;
  return `${formatCount(held)} of ${plural(all, "answer")} did not come as a stream`;
}

/** Judges limits by what a load measured, in their order. */
export function judgeLimits(
  limits: readonly Limit[],
  { load, valuesOf, shareOf, required }: {
    readonly load: LimitedLoad;
    /** Absent for a metric that this kind of load has not. */
    readonly valuesOf: (metric: Metric) => ValueSet | undefined;
    /** Values within a limit on a percentile; absent where that is not known. */
    readonly shareOf?: (metric: Metric, limit: Limit) => ShareWithin | undefined;
    readonly required: boolean;
  },
): readonly LimitResult[] {
  return limits.map((limit): LimitResult => {
    const { value, reason } = measured(limit, load, valuesOf);
    return {
      name: nameOf(limit),
      operator: limit.operator,
      limit: limit.value,
      unit: limit.unit,
      text: limitText(limit),
      required,
      value,
      kept: value === undefined ? undefined : keepsLimit(value, limit),
      reason,
      share: percentileOf(limit) === undefined
        ? undefined
        : shareOf?.(METRICS.find((one) => one.name === limit.name)!, limit),
    };
  });
}

/** Number of the percentile that is limited; absent = it is no percentile. */
export function percentileOf({ statistic }: Pick<Limit, "statistic">): number | undefined {
  return statistic === "median" ? 50 : typeof statistic === "number" ? statistic : undefined;
}

interface Measured {
  readonly value: number | undefined;
  /** Why there is none. */
  readonly reason: string | undefined;
}

function measured(
  { name, statistic, operator, unit }: Limit,
  load: LimitedLoad,
  valuesOf: (metric: Metric) => ValueSet | undefined,
): Measured {
  const figure = LOAD_FIGURES.find((one) => one.name === name);
  if (figure !== undefined) {
    const value = figure.measure(load, unit);
    return { value, reason: value === undefined ? figure.absent : undefined };
  }
  const metric = METRICS.find((one) => one.name === name)!;
  const values = valuesOf(metric);
  const held = notStreamed(metric, statistic, load);
  if (values === undefined || values.count === 0 || held !== undefined) {
    const reason = load.counts.completed === 0
      ? NOTHING
      : values === undefined
      ? "a closed loop has no schedule"
      : held ?? `no answer has a ${name}`;
    return { value: undefined, reason };
  }
  const which = statistic ?? (operator.startsWith("<") ? "max" : "min");
  const percentiles = typeof which === "number" ? [which] : [];
  const distribution = describe(values, percentiles);
  if (typeof which !== "number") return { value: distribution[which], reason: undefined };
  const value = distribution.percentiles[0]!.value;
  if (value !== undefined) return { value, reason: undefined };
  const reason = `${formatPercentile(which)} needs ${formatCount(minimumSamples(which))} values, ` +
    `there are ${formatCount(values.count)}`;
  return { value, reason };
}
