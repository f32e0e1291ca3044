/**
 * The steady state of a load that a test finds.
 *
 * First the stretch in which the requests in flight were reached: in a closed loop, from the first to the
 * last cell with at least 95 % of its users, until nothing was left to send; users who pause between
 * requests, sessions and open loops are looked at as a whole. It is cut into stretches of at least five
 * requests each on average. Behind the warm-up of output tokens per second and of mean TTFT, neither may have
 * a trend: see `stat_steady.ts`.
 *
 * @module
 */
import { formatCount, formatMs, formatShare, plural } from "./format.ts";
import { metricOf, type MetricSummary } from "./load_figures.ts";
import type { Throughput, Window } from "./load_series.ts";
import type { SteadySearch, SteadyState, SteadyTrend } from "./load_steady.ts";
import type { Metric } from "./metric.ts";
import { METRICS } from "./metrics.ts";
import type { LoadEnd, LoadPlan } from "./run.ts";
import { describe } from "./stat_quantile.ts";
import { type CourseFinding, findSteady } from "./stat_steady.ts";
import { cellsBetween, type LoadCells } from "./summary_cells.ts";
import { createSampling } from "./summary_sampling.ts";
import type { LoadValues } from "./summary_values.ts";

/** In flight is reached with this share of the users. */
const REACHED_SHARE = 0.95;

/** A batch of the rule that cuts the warm-up: MSER-5. */
const BATCH = 5;

/** Fewer batches cannot tell a warm-up from chance. */
const LEAST_BATCHES = 40;

/** More do not find it better. */
const MOST_BATCHES = 100;

/** A change of TTFT by less is none. */
const NEGLIGIBLE_TTFT_MS = 1;

/** Metrics that are told of the steady state. */
export const STEADY_METRICS: readonly string[] = ["ttft", "tpot", "itl", "e2e"];

/** What a steady state is looked for in. */
export interface SteadyOptions {
  /** The load as planned. */
  readonly plan: Pick<LoadPlan, "kind" | "users" | "thinkTime" | "replay">;
  /** The load as it ended. */
  readonly end: Pick<LoadEnd, "sendingEndMs" | "durationMs">;
  /** The load by time. */
  readonly cells: LoadCells;
  /** Rates and requests in flight. */
  readonly values: Pick<LoadValues, "inFlightOver" | "throughput" | "inFlight">;
  /** Latencies of the whole run. */
  readonly metrics: readonly MetricSummary[];
  /** From 0 to below 100, in the order in which reports list them. */
  readonly percentiles: readonly number[];
  /** How far a value of the cells may be off, as a share of it; 0 = exact. */
  readonly relativeError: number;
}

/** Cells from one number up to, and without, another. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** Finds the steady state of a load, or says why it has none. */
export function findSteadyState(options: SteadyOptions): SteadyState {
  const reached = reachedCells(options);
  if (typeof reached === "string") return none(reached);
  const batches = cutIntoBatches(options, reached);
  if (typeof batches === "string") return none(batches);
  const { cells: { widthMs } } = options;
  const { first, width, count } = batches;
  const finding = findSteady([
    { values: batches.throughput, negligible: 0 },
    { values: batches.ttft, negligible: NEGLIGIBLE_TTFT_MS },
  ]);
  const startMs = (batch: number) => (first + batch * width) * widthMs;
  const search: SteadySearch = {
    searched: { fromMs: startMs(0), toMs: startMs(count) },
    cellMs: width * widthMs,
    cells: count,
    throughput: trendOf(finding.courses[0]!, startMs),
    ttft: trendOf(finding.courses[1]!, startMs),
  };
  if (finding.from === undefined) return { ...none(trendText(search)), search };
  return {
    ...measured(options, { from: first + finding.from * width, to: first + count * width }),
    ...{ absent: undefined, search },
  };
}

/** Cells in which the requests in flight were reached, or why there are none. */
function reachedCells({ plan, end, cells, values }: SteadyOptions): Range | string {
  const { widthMs } = cells;
  const last = widthMs > 0
    ? Math.min(cells.cells, Math.floor(end.sendingEndMs / widthMs + 1e-9))
    : 0;
  if (last === 0) return "the load is too short";
  const { users } = plan;
  if (plan.kind === "open" || users === undefined || mayPause(plan)) return { from: 0, to: last };
  const busy = values.inFlightOver(
    Array.from({ length: last }, (_, cell) => ({
      fromMs: cell * widthMs,
      toMs: (cell + 1) * widthMs,
    })),
  );
  const isReached = (count: number) => count >= REACHED_SHARE * users;
  const from = busy.findIndex(isReached);
  if (from < 0) {
    const most = Math.max(...busy) / users;
    return `no more than ${formatShare(most)} of the ${
      plural(users, "user")
    } were in flight at a time, of which it takes ${formatShare(REACHED_SHARE)}`;
  }
  return { from, to: busy.findLastIndex(isReached) + 1 };
}

/** Users who wait between requests are not all in flight, and need not be. */
function mayPause({ thinkTime, replay }: SteadyOptions["plan"]): boolean {
  return thinkTime !== undefined || replay !== undefined;
}

/** Courses of what was reached, or why it is too short. */
function cutIntoBatches({ cells }: SteadyOptions, { from, to }: Range): {
  readonly first: number;
  readonly width: number;
  readonly count: number;
  readonly throughput: readonly number[];
  readonly ttft: readonly (number | undefined)[];
} | string {
  const ttft = cells.metric(metricNamed("ttft"));
  const sum = (of: Float64Array, from: number, to: number) => {
    let sum = 0;
    for (let i = from; i < Math.min(to, of.length); i++) sum += of[i]!;
    return sum;
  };
  const requests = ttft === undefined ? 0 : sum(ttft.count, from, to);
  if (ttft === undefined || sum(ttft.count, 0, cells.cells) === 0) return "no request has a TTFT";
  const most = Math.min(MOST_BATCHES, Math.floor(requests / BATCH));
  const width = Math.ceil((to - from) / Math.max(1, most));
  const count = Math.floor((to - from) / width);
  if (most < LEAST_BATCHES) {
    return `it takes ${formatCount(LEAST_BATCHES * BATCH)} requests to find one, and ${
      formatCount(requests)
    } with a TTFT were sent while the load was full`;
  }
  if (count < LEAST_BATCHES) {
    return `the load was full for ${formatMs((to - from) * cells.widthMs)} only`;
  }
  const first = to - count * width;
  const counted = ["outputTokens", "completed"] as const;
  const work = counted.map((counter) => cells.counts(counter))
    .find((counts) => sum(counts, from, to) > 0) ?? new Float64Array(cells.cells);
  const each = <T>(of: (from: number, to: number) => T) =>
    Array.from(
      { length: count },
      (_, batch) => of(first + batch * width, first + (batch + 1) * width),
    );
  return {
    ...{ first, width, count },
    throughput: each((from, to) => sum(work, from, to) * 1000 / (width * cells.widthMs)),
    ttft: each((from, to) => {
      const values = sum(ttft.count, from, to);
      return values === 0 ? undefined : sum(ttft.sum, from, to) / values;
    }),
  };
}

function metricNamed(name: string): Metric {
  return METRICS.find((metric) => metric.name === name)!;
}

function trendOf(
  { warmup, change, pValue, trend }: CourseFinding,
  startMs: (batch: number) => number,
): SteadyTrend {
  return { warmupEndMs: startMs(warmup ?? 0), change, pValue: pValue ?? 1, trend };
}

function measured(
  { cells, values, metrics, percentiles, relativeError }: SteadyOptions,
  { from, to }: Range,
): Omit<SteadyState, "absent" | "search"> {
  const window: Window = { fromMs: from * cells.widthMs, toMs: to * cells.widthMs };
  const throughput: Throughput | undefined = values.throughput(window);
  const inside: Window = { fromMs: 0, toMs: window.toMs - window.fromMs };
  const sampling = createSampling({
    ...{ cells: cellsBetween(cells, from, to), sending: inside, relativeError },
  });
  return {
    window,
    throughput: throughput &&
      { ...throughput, intervals: sampling.rates({ ...throughput, ...inside }) },
    inFlight: values.inFlight(window, window).steadyMean,
    metrics: STEADY_METRICS.flatMap((name) => {
      const metric = metricNamed(name);
      const whole = metricOf({ metrics }, name)?.distribution;
      const found = cells.metric(metric)?.values(from, to);
      if (whole === undefined || whole.count === 0 || found === undefined) return [];
      const distribution = describe(found, percentiles);
      return [{
        ...{ name, title: metric.title, unit: metric.unit, distribution },
        intervals: sampling.metric(metric, found, distribution),
        meanChange: changeOf(distribution.mean, whole.mean),
        medianChange: changeOf(distribution.median, whole.median),
      }];
    }),
  };
}

function changeOf(value: number | undefined, whole: number | undefined): number | undefined {
  return value === undefined || !whole ? undefined : value / whole - 1;
}

function none(absent: string): SteadyState {
  return {
    ...{ window: undefined, absent, search: undefined, throughput: undefined },
    ...{ inFlight: undefined, metrics: [] },
  };
}

function trendText({ throughput, ttft }: SteadySearch): string {
  const texts = ([["output tokens/s", throughput], ["TTFT", ttft]] as const)
    .filter(([, { trend }]) => trend)
    .map(([name, { change = 0 }]) =>
      `${name} ${change < 0 ? "falls" : "rises"} by ${formatShare(Math.abs(change))}`
    );
  return texts.length === 0 ? "too few stretches have a TTFT" : `${texts.join(" and ")} to the end`;
}
