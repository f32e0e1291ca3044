/**
 * A load over time, for charts.
 *
 * @module
 */
import type { Series } from "./load_series.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadPlan } from "./run.ts";
import { roundStep } from "./stat_histogram.ts";
import { meanInFlightOver } from "./summary_in_flight.ts";
import { isWork } from "./record_streaming.ts";
import { tokensPerTickToken } from "./summary_throughput.ts";

/** Most stretches: a chart of this many points still shows every one. */
export const MAX_BUCKETS = 120;

/** Whether the rate of a load is to change: then it is shown how it did. */
export function hasArrivals({ replay, stages }: Pick<LoadPlan, "replay" | "stages">): boolean {
  return replay === "schedule" || stages !== undefined;
}

/** Cuts `durationMs` into at most 120 stretches of a round length. */
export function series(
  records: readonly RequestRecord[],
  durationMs: number,
  plan: Pick<LoadPlan, "replay" | "stages"> = {},
): Series {
  const bucketMs = durationMs > 0 ? roundStep(durationMs / MAX_BUCKETS) : 1;
  const buckets = durationMs > 0 ? Math.ceil(durationMs / bucketMs - 1e-9) : 0;
  const completed = new Array<number>(buckets).fill(0);
  const tokens = new Array<number>(buckets).fill(0);
  const failed = new Array<number>(buckets).fill(0);
  // The very end belongs to the last stretch.
  const bucketOf = (ms: number) => Math.min(Math.floor(ms / bucketMs), buckets - 1);
  for (const record of buckets === 0 ? [] : records) {
    const { outcome: { kind }, endMs, tickMs, tickTokens } = record;
    if (endMs === undefined || endMs > durationMs || kind === "cancelled") continue;
    if (!isWork(record)) {
      failed[bucketOf(endMs)]!++;
      continue;
    }
    if (kind === "ok") completed[bucketOf(endMs)]!++;
    const weight = tokensPerTickToken(record);
    let before = 0;
    for (let i = 0; i < tickMs.length; i++) {
      tokens[bucketOf(tickMs[i]!)]! += (tickTokens[i]! - before) * weight;
      before = tickTokens[i]!;
    }
  }
  const due = new Array<number>(buckets).fill(0);
  const sent = new Array<number>(buckets).fill(0);
  const arrivals = hasArrivals(plan);
  for (const { intendedMs, sentMs = -1 } of arrivals && buckets > 0 ? records : []) {
    if (intendedMs >= 0 && intendedMs <= durationMs) due[bucketOf(intendedMs)]!++;
    if (sentMs >= 0 && sentMs <= durationMs) sent[bucketOf(sentMs)]!++;
  }
  const startMs = Array.from({ length: buckets }, (_, i) => i * bucketMs);
  const perSec = (amount: number, i: number) =>
    amount * 1000 / (Math.min(startMs[i]! + bucketMs, durationMs) - startMs[i]!);
  return {
    bucketMs,
    startMs,
    completedPerSec: completed.map(perSec),
    outputTokensPerSec: tokens.map(perSec),
    inFlight: meanInFlightOver(
      records,
      startMs.map((fromMs) => ({ fromMs, toMs: Math.min(fromMs + bucketMs, durationMs) })),
    ),
    failed,
    arrivals: arrivals ? { duePerSec: due.map(perSec), sentPerSec: sent.map(perSec) } : undefined,
  };
}
