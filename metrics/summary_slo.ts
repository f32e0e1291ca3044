/**
 * Service-level objectives: limits that a request must meet to count as good, and limits on the figures
 * of a load.
 *
 * @module
 */
import { LIMITED, limitedMetric } from "./check_limit.ts";
import { keepsLimit, type Limit, type Limited, parseLimits } from "./limit.ts";
import type { SloLimit } from "./load_limits.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Metric } from "./metric.ts";
import { METRICS } from "./metrics.ts";
import { tpot } from "./metric_tpot.ts";
import { isStreamed } from "./record_streaming.ts";

/** Limits of `--slo`. */
export interface Slo {
  /** What a good request meets, all of them, in the order given. */
  readonly limits: readonly SloLimit[];
  /** Limits on percentiles and other figures of the load, which are reported; absent = none. */
  readonly ofLoad?: readonly Limit[];
}

/** Metrics that can have a limit: one value per request, and a direction that is better. */
export const SLO_METRICS: readonly Metric[] = METRICS.filter(({ per, better }) =>
  per === "request" && better !== "neither"
);

/** Whether a limit is one on each request, which makes it good, and not one on the load. */
function isOfRequest({ name, statistic }: Limit): boolean {
  return statistic === undefined && METRICS.some((metric) => metric.name === name);
}

/**
 * Reads limits such as `ttft:500,tpot:50` (milliseconds), `ttft<0.5s` or `ttft:p99<500`.
 *
 * A metric without a percentile has a limit on each request: a good one meets all of these. With a
 * percentile, and for figures of a load (`failures<1%`), the load as a whole keeps the limit or not;
 * {@linkcode parseRequired} has the grammar. `itl` has one value per gap and is refused without a
 * percentile: its mean over a request is `tpot`.
 *
 * @throws {SyntaxError} when the text is not a list of limits.
 * @throws {RangeError} when a metric is unknown, has no single value, or its limit does not fit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSlo } from "@tokometer/tokometer";
 *
 * const { limits } = parseSlo("ttft:500,tpot:50");
 * assertEquals(limits[1], { metric: "tpot", limit: 50 });
 * ```
 */
export function parseSlo(text: string): Slo {
  const all = parseLimits(text, { known: LIMITED, option: "SLO" });
  for (const limit of all.filter(isOfRequest)) checkHasOneValue(limit, text);
  const limits = all.filter(isOfRequest).map(({ name, value, operator, bare }): SloLimit => ({
    metric: name,
    limit: value,
    ...(bare ? {} : { operator }),
  }));
  const ofLoad = all.filter((limit) => !isOfRequest(limit));
  return { limits, ...(ofLoad.length === 0 ? {} : { ofLoad }) };
}

/**
 * Whether a completed request meets every limit; failures never do. A missing value does not meet its
 * limit, with one exception: a streamed answer of a single token has no TPOT to exceed.
 */
export function meetsSlo(record: RequestRecord, slo: Slo): boolean {
  return record.outcome.kind === "ok" &&
    slo.limits.every((limit) => meetsLimit(record, limit) === true);
}

/**
 * Whether a completed request meets one limit; `undefined` where it has no such value, which does not
 * meet the limit. See {@linkcode meetsSlo}.
 */
export function meetsLimit(record: RequestRecord, limit: SloLimit): boolean | undefined {
  const metric = METRICS.find(({ name }) => name === limit.metric);
  if (metric === undefined) {
    throw new RangeError(`Cannot use a limit of "${limit.metric}": there is no such metric`);
  }
  const value = metric.values(record)[0];
  if (value === undefined) return metric === tpot && isStreamed(record) ? true : undefined;
  const { bare = "<=" }: Limited = limitedMetric(metric);
  return keepsLimit(value, { operator: limit.operator ?? bare, value: limit.limit });
}

function checkHasOneValue({ name, value }: Limit, text: string): void {
  const { per } = METRICS.find((metric) => metric.name === name)!;
  if (per === "request") return;
  const mean = name === "itl" ? ` limit its mean over a request with "tpot", or` : "";
  throw new RangeError(
    `Cannot use SLO "${text}": "${name}" has one value per ${per}, not one per request;${mean} ` +
      `give a percentile, as in ${name}:p99<${value}`,
  );
}
