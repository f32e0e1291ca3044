/**
 * Parts of a load's results in words, the same in the terminal and on the page.
 *
 * @module
 */
import { formatCount, formatMs, formatNumber, plural } from "./format.ts";
import type { ClientErrorEstimate } from "./load_client.ts";
import { type LoadSummary, metricOf } from "./load_summary.ts";

/** How near the numbers are; absent when everything is exact. */
export function approximationText(
  { approximation, metrics }: Pick<LoadSummary, "approximation" | "metrics">,
): string | undefined {
  if (approximation === undefined) return undefined;
  const { relativeError, binMs } = approximation;
  const gaps = metricOf({ metrics }, "itl")?.distribution.count;
  return `percentiles within ±${relativeError * 100} % (histograms, ${
    formatCount(gaps)
  } gaps); steady window, in flight and course over time in steps of ${
    formatMs(binMs)
  }; the rest is exact`;
}

/** How far the client's error is known, and the options of `calibrate` that would measure it. */
export function clientErrorText(
  { basis, cell, savedAt, like, kernelStamped }: ClientErrorEstimate,
): { readonly text: string; readonly like: string | undefined } {
  const day = savedAt?.slice(0, 10);
  if (cell === undefined) {
    const why = day === undefined ? "not calibrated" : `calibrated ${day} with lighter loads only`;
    const tokens = kernelStamped
      ? "tokens are more exact, as the kernel stamped them"
      : "tokens of many streams that arrive together are read later";
    return { text: `${why}: a rough estimate from the lateness of timers; ${tokens}`, like };
  }
  const found = `calibrated ${day} with ${plural(cell.streams, "stream")}, ${
    formatNumber(cell.tokensPerSec)
  } tokens/s`;
  return basis === "calibration"
    ? { text: found, like: undefined }
    : { text: `an upper bound: ${found}, a heavier load`, like };
}

/** Rates and requests in flight: name, value of the whole run, value of the steady window. */
export function throughputRows(
  { throughput: { run, steady }, inFlight, arrivals, slo }: LoadSummary,
): readonly (readonly [name: string, run: string, steady: string])[] {
  const both = (name: string, all: number | undefined, part: number | undefined) =>
    [name, formatNumber(all), formatNumber(part)] as const;
  const whole = (name: string, all: number | undefined) => [name, formatNumber(all), ""] as const;
  return [
    ...(arrivals === undefined ? [] : [
      whole("Planned arrivals, req/s", arrivals.plannedPerSec),
      whole("Scheduled arrivals, req/s", arrivals.scheduledPerSec),
      whole("Sent, req/s", arrivals.sentPerSec),
    ]),
    both("Requests/s", run.qps, steady?.qps),
    both("Requests/min", run.rpm, steady?.rpm),
    both("Output tokens/s", run.outputTokensPerSec, steady?.outputTokensPerSec),
    both("Prompt + output tokens/s", run.totalTokensPerSec, steady?.totalTokensPerSec),
    ...(slo === undefined ? [] : [both("Goodput, req/s", slo.goodput, slo.steadyGoodput)]),
    both("In flight, mean", inFlight.mean, inFlight.steadyMean),
    whole("In flight, max", inFlight.max),
  ];
}
