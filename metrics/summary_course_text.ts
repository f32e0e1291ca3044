/**
 * What was found of a load's course, in words: a steady state, stalls.
 *
 * @module
 */
import {
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import type { Stall, StallCauses, Stalls } from "./load_stalls.ts";
import type { SteadyMetric } from "./load_steady.ts";
import type { LoadSummary } from "./load_summary.ts";

/** The steady state that was found with its figures, or why there is none. */
export function steadyText(
  { steadyState }: Pick<LoadSummary, "steadyState">,
): string {
  const { window, absent, search, throughput, metrics } = steadyState;
  if (window === undefined) return `none: ${absent ?? "unknown why"}`;
  const searched = search === undefined || search.searched.fromMs === window.fromMs
    ? ""
    : ` (searched from ${formatMs(search.searched.fromMs)})`;
  const latencies = metrics.map(({ title, distribution }) => {
    const tail = distribution.percentiles.findLast(({ value }) => value !== undefined);
    const more = tail === undefined || tail.p === 50
      ? ""
      : `, ${formatPercentile(tail.p)} ${formatMs(tail.value)}`;
    return `${title} p50 ${formatMs(distribution.median)}${more}`;
  });
  return [
    `${formatMs(window.fromMs)} to ${formatMs(window.toMs)}${searched}: ${
      formatNumber(throughput?.qps)
    } req/s, ${formatNumber(throughput?.outputTokensPerSec)} output tokens/s`,
    ...latencies,
    steadyChangeText(steadyState.metrics),
  ].join("; ");
}

/** How the means differ from those of the whole run. */
export function steadyChangeText(metrics: readonly SteadyMetric[]): string {
  const changes = metrics.flatMap(({ title, meanChange }) =>
    meanChange === undefined ? [] : [`${title} ${signedShare(meanChange)}`]
  );
  return changes.length === 0
    ? "no latencies"
    : `means against the whole run: ${changes.join(", ")}`;
}

/** A change as people write it: `+3.1 %`. */
export function signedShare(change: number | undefined): string {
  if (change === undefined) return NOT_AVAILABLE;
  const text = `${Math.abs(100 * change).toFixed(1)} %`;
  return text === "0.0 %" ? "±0 %" : `${change < 0 ? "−" : "+"}${text}`;
}

/** Long gaps in one sentence; absent where the load has no gaps. */
export function stallsText(stalls: Stalls): string | undefined {
  const { thresholdMs, count, totalMs, share, worst, factor } = stalls;
  if (thresholdMs === undefined) return undefined;
  const limit = `${formatMs(thresholdMs)} (${formatCount(factor)} × the median ITL)`;
  if (count === 0) return `no gap of more than ${limit}`;
  const longest = worst[0];
  return [
    `${plural(count, "gap")} of more than ${limit}, ${formatMs(totalMs)} together, ${
      formatShare(share)
    } of the streaming time`,
    ...(longest === undefined ? [] : [`the longest ${stallText(longest)}`]),
    stallCausesText(stalls),
    ...(worst.every(({ clientLateMs }) => clientLateMs === undefined)
      ? ["whether the client was late is unknown"]
      : []),
  ].join("; ");
}

/** One stall: `512 ms at 12.3 s, request 17`. */
function stallText({ fromMs, toMs, index }: Stall): string {
  return `${formatMs(toMs - fromMs)} at ${formatMs(fromMs)}, request ${formatCount(index)}`;
}

/** What is said of each cause, for a list of them. */
const STALL_CAUSES: Readonly<Record<keyof StallCauses, string>> = {
  client: "the client itself was late",
  server: "most streams stopped",
  several: "several streams stopped",
  single: "one stream stopped alone",
};

/** How many stalls have which cause, the largest first. */
function stallCausesText({ causes, counted, count }: Stalls): string {
  const names = Object.keys(STALL_CAUSES) as (keyof StallCauses)[];
  const found = names.filter((name) => causes[name] > 0)
    .sort((a, b) => causes[b] - causes[a])
    .map((name) => `${formatCount(causes[name])} when ${STALL_CAUSES[name]}`);
  return `${counted < count ? `of the ${formatCount(counted)} longest ` : ""}${found.join(", ")}`;
}
