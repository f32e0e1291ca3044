/**
 * Single figures of a load by their names, with both uncertainties: what runs are compared by, what
 * repeats are told by, and what a search looks at.
 *
 * @module
 */
import type { Count } from "./count.ts";
import { formatPercentile } from "./format.ts";
import { metricOf } from "./load_figures.ts";
import type { Bracket } from "./load_bracket.ts";
import type { Interval } from "./load_interval.ts";
import { perSecond, rateEnds, type Speed, SPEEDS } from "./load_speed.ts";
import type { Throughput } from "./load_series.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Metric, Unit } from "./metric.ts";
import { METRICS } from "./metrics.ts";

/** What a figure is read from. */
export type FiguredLoad = Pick<LoadSummary, "counts" | "throughput" | "slo" | "metrics">;

/** A figure as a load showed it. */
export interface FigureValue {
  /** In the figure's unit. */
  readonly value: number;
  /** What the client's stamps leave open; absent = unknown. */
  readonly bracket: Bracket | undefined;
  /** What chance leaves open; absent = the load was too short to tell. */
  readonly interval: Interval | undefined;
  /** Values that it was made from: requests or gaps. */
  readonly samples: Count;
}

/** One number of a load. */
export interface Figure {
  /** As limits are written: `throughput`, `ttft:p99`, `itl:mean`. */
  readonly name: string;
  /** For headings: `Output tokens/s`, `TTFT p99`. */
  readonly title: string;
  /** Unit of the value. */
  readonly unit: Unit | "share";
  /** Which direction is good. */
  readonly better: Metric["better"];
  /** Its value; absent where the load has none. */
  readonly of: (load: FiguredLoad) => FigureValue | undefined;
}

const METRICS_IN_FRONT: readonly string[] = ["ttft", "tpot", "itl", "e2e"];
const STATISTICS_IN_FRONT: readonly string[] = ["mean", "p50", "p90", "p99"];

/** The headline figures: rates, then mean and percentiles of the latencies. */
export const HEADLINE_FIGURES: readonly Figure[] = [
  rate("request_throughput", "Requests/s", "qps", "req/s"),
  rate("throughput", "Output tokens/s", "outputTokensPerSec", "tokens/s"),
  goodput("goodput", "Goodput", "req/s"),
  goodput("attainment", "Attainment", "share"),
  ...METRICS_IN_FRONT.flatMap((name) =>
    STATISTICS_IN_FRONT.map((statistic) =>
      ofMetric(METRICS.find((m) => m.name === name)!, statistic)
    )
  ),
];

/**
 * The figure of a name such as `throughput`, `ttft:p99`, `itl:mean`, `e2e:p99.9` or `interactivity:p90`;
 * `median` means `p50`.
 * Absent where there is none. A load has a percentile only where its summary was asked for it.
 */
export function findFigure(name: string): Figure | undefined {
  const known = HEADLINE_FIGURES.find((figure) => figure.name === name);
  if (known !== undefined) return known;
  const [metricName, statistic = "mean"] = name.split(":");
  const speed = SPEEDS.find((one) => one.name === metricName);
  const metric = METRICS.find((one) => one.name === (speed?.metric ?? metricName));
  if (metric === undefined || !/^(mean|median|p\d+(\.\d+)?)$/.test(statistic)) return undefined;
  const figure = ofMetric(metric, statistic === "median" ? "p50" : statistic);
  return speed === undefined ? figure : inverse(speed, figure);
}

/** Tokens per second at a time per token: p90 is the speed of the slow tail. */
function inverse({ name, title }: Speed, time: Figure): Figure {
  return {
    name: time.name.replace(/^[^:]*/, name),
    title: `${title} ${time.title.split(" ").at(-1)}`,
    unit: "tokens/s",
    better: "higher",
    of: (load) => {
      const found = time.of(load);
      const value = perSecond(found?.value);
      if (found === undefined || value === undefined) return undefined;
      const { bracket, interval, samples } = found;
      return { value, bracket: rateEnds(bracket), interval: rateEnds(interval), samples };
    },
  };
}

function rate(
  name: string,
  title: string,
  field: keyof NonNullable<Throughput["brackets"]>,
  unit: Unit,
): Figure {
  return {
    ...{ name, title, unit, better: "higher" },
    of: ({ counts, throughput: { run } }) => {
      const value = run[field];
      if (value === undefined || counts.completed === 0) return undefined;
      return {
        value,
        bracket: run.brackets?.[field],
        interval: run.intervals?.[field],
        samples: run.completed,
      };
    },
  };
}

function goodput(name: "goodput" | "attainment", title: string, unit: Figure["unit"]): Figure {
  return {
    ...{ name, title, unit, better: "higher" },
    of: ({ counts, slo }) => {
      const value = slo?.[name];
      if (value === undefined) return undefined;
      const interval = slo?.intervals?.[name];
      return { value, bracket: undefined, interval, samples: counts.offered };
    },
  };
}

function ofMetric({ name, title, unit, better }: Metric, statistic: string): Figure {
  const p = statistic === "mean" ? undefined : Number(statistic.slice(1));
  return {
    name: `${name}:${statistic}`,
    title: `${title} ${p === undefined ? "mean" : formatPercentile(p)}`,
    ...{ unit, better },
    of: (load) => {
      const metric = metricOf(load, name);
      if (metric === undefined) return undefined;
      const { distribution, brackets, intervals } = metric;
      const at = distribution.percentiles.findIndex((one) => one.p === p);
      const value = p === undefined
        ? distribution.mean
        : at < 0
        ? p === 50 ? distribution.median : undefined
        : distribution.percentiles[at]!.value;
      if (value === undefined) return undefined;
      const median = p === 50 && at < 0;
      return {
        value,
        bracket: p === undefined
          ? brackets?.mean
          : median
          ? brackets?.median
          : brackets?.percentiles[at]?.bracket,
        interval: p === undefined
          ? intervals?.mean
          : median
          ? intervals?.median
          : intervals?.percentiles[at]?.interval,
        samples: distribution.count,
      };
    },
  };
}
