/**
 * How many requests were with the server at the same time.
 *
 * @module
 */
import type { InFlight, Window } from "./load_series.ts";
import type { RequestRecord } from "../backends/record.ts";
import { countUpTo } from "./stat_quantile.ts";

/** Counts requests from sent to end, however they ended, as each one occupied the server. */
export function inFlight(
  records: readonly RequestRecord[],
  run: Window,
  steady: Window | undefined,
): InFlight {
  return {
    max: maxInFlight(records),
    mean: meanInFlight(records, run),
    steadyMean: steady && meanInFlight(records, steady),
  };
}

/** Time average of the requests in flight during a window; absent for an empty window. */
export function meanInFlight(
  records: readonly RequestRecord[],
  { fromMs, toMs }: Window,
): number | undefined {
  if (!(toMs > fromMs)) return undefined;
  let busyMs = 0;
  for (const { sentMs, endMs } of records) {
    if (sentMs === undefined) continue;
    busyMs += Math.max(0, Math.min(endMs ?? toMs, toMs) - Math.max(sentMs, fromMs));
  }
  return busyMs / (toMs - fromMs);
}

/** {@linkcode meanInFlight} in windows that follow each other; 0 for an empty one. */
export function meanInFlightOver(
  records: readonly RequestRecord[],
  windows: readonly Window[],
): number[] {
  const from = Float64Array.from(windows, ({ fromMs }) => fromMs);
  const to = Float64Array.from(windows, ({ toMs }) => toMs);
  const busyMs = new Float64Array(windows.length);
  const widthMs = windows.length === 0 ? 1 : Math.max(Number.MIN_VALUE, to[0]! - from[0]!);
  const last = windows.length - 1;
  for (const { sentMs, endMs = Infinity } of records) {
    if (sentMs === undefined) continue;
    // One more on either side: dividing rounds.
    const first = Math.max(0, Math.floor((sentMs - from[0]!) / widthMs) - 1);
    const end = Math.min(last, Math.floor((endMs - from[0]!) / widthMs) + 1);
    for (let i = first; i <= end; i++) {
      busyMs[i]! += Math.max(0, Math.min(endMs, to[i]!) - Math.max(sentMs, from[i]!));
    }
  }
  return windows.map(({ fromMs, toMs }, i) => toMs > fromMs ? busyMs[i]! / (toMs - fromMs) : 0);
}

/** Requests in flight at an instant: sent, and not ended. */
export function inFlightAt(records: readonly RequestRecord[]): (ms: number) => number {
  const sent = records.filter(({ sentMs }) => sentMs !== undefined);
  const starts = Float64Array.from(sent, ({ sentMs }) => sentMs!).sort();
  const ends = Float64Array.from(sent, ({ endMs }) => endMs ?? Infinity).sort();
  return (ms) => countUpTo(starts, ms) - countUpTo(ends, ms);
}

function maxInFlight(records: readonly RequestRecord[]): number | undefined {
  const sent = records.filter((record) => record.sentMs !== undefined);
  if (sent.length === 0) return undefined;
  const starts = Float64Array.from(sent, ({ sentMs }) => sentMs!).sort();
  const ends = Float64Array.from(sent, ({ endMs }) => endMs ?? Infinity).sort();
  let max = 0;
  let ended = 0;
  for (let started = 0; started < starts.length; started++) {
    while (ends[ended]! <= starts[started]!) ended++;
    max = Math.max(max, started + 1 - ended);
  }
  return max;
}
