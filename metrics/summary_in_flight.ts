/**
 * How many requests were with the server at the same time.
 *
 * @module
 */
import type { InFlight, Window } from "./load_series.ts";
import type { RequestRecord } from "../backends/record.ts";

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
