/**
 * A service level that a search holds loads against, and what of it can be searched by.
 *
 * @module
 */
import type { Count } from "./count.ts";
import { findFigure } from "./figure.ts";
import { formatShare } from "./format.ts";
import { type Limit, limitText, nameOf } from "./limit.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { SloLimit } from "./load_limits.ts";

/** A service level. */
export interface ServiceLevel {
  /** What a good request meets, all of them. */
  readonly limits: readonly SloLimit[];
  /** Limits on figures of the load; absent = none. */
  readonly ofLoad?: readonly Limit[];
  /** Share of good requests, 0 to 1; without limits on requests it says nothing. */
  readonly attainment: number;
  /** Share of requests that may fail, 0 to 1. */
  readonly maxFailures: number;
}

/** Counts as a share of their own; each is checked with its own interval. */
export const COUNTED: Readonly<Record<string, (counts: LoadSummary["counts"]) => Count>> = {
  failures: ({ failed, dropped }) => failed + dropped,
  errors: ({ failed }) => failed,
  dropped: ({ dropped }) => dropped,
  success: ({ completed }) => completed,
};

/** Why a limit cannot be searched by, a clause without a period; absent = it can. */
export function whyNotSearched(limit: Limit): string | undefined {
  const name = nameOf(limit);
  if (COUNTED[name] !== undefined || findFigure(figureName(limit)) !== undefined) return undefined;
  return `${name} has no interval that tells chance from change; a mean or a percentile has, ` +
    "as in ttft:p99<500";
}

/** Percentiles that the limits of a service level are about. */
export function searchedPercentiles(
  { ofLoad = [] }: Pick<ServiceLevel, "ofLoad">,
): readonly number[] {
  return [
    ...new Set(ofLoad.flatMap(({ statistic }) => typeof statistic === "number" ? statistic : [])),
  ];
}

/** The service level for people: `ttft:p99 < 500 ms, 99 % of requests with ttft < 500 ms`. */
export function serviceLevelText({ limits, ofLoad = [], attainment }: ServiceLevel): string {
  const ofRequests = limits.map(({ metric, limit, operator = "<=" }) =>
    limitText({ name: metric, operator, value: limit, unit: unitOf(metric) })
  );
  return [
    ...ofLoad.map(limitText),
    ...(ofRequests.length === 0
      ? []
      : [`${formatShare(attainment)} of requests with ${ofRequests.join(" and ")}`]),
  ].join(", ");
}

/** Name in the list of figures; a throughput in requests has one of its own. */
export function figureName(limit: Limit): string {
  const { name, unit } = limit;
  return name === "throughput" && unit === "req/s" ? "request_throughput" : nameOf(limit);
}

function unitOf(metric: string): Limit["unit"] {
  return findFigure(`${metric}:mean`)?.unit ?? "ms";
}
