/**
 * Inter-token latency: gaps between ticks as they were. A tick of several tokens is one gap,
 * neither divided nor padded with zeros (T8, T12), and the wait for the first token is not one
 * (T16). A tick without a new token does not end a gap. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Metric } from "./metric.ts";
import { hiddenAtMost, joinedEvents, type RecordBounds } from "./record_bounds.ts";

export const itl: Metric = {
  name: "itl",
  title: "ITL",
  unit: "ms",
  better: "lower",
  per: "gap",
  rank: "key",
  formula: "tickMs[i] − tickMs[i − 1] for i ≥ 1, pooled over requests",
  values: ({ tickMs, tickTokens }) => {
    const gaps: number[] = [];
    let last = 0;
    for (let i = 1; i < tickMs.length; i++) {
      if (tickTokens[i] === tickTokens[last]) continue;
      gaps.push(tickMs[i]! - tickMs[last]!);
      last = i;
    }
    return gaps;
  },
  ends: (record, bounds) => {
    const { tickMs, tickTokens } = record;
    const low: number[] = [];
    const high: number[] = [];
    let last = 0;
    let lastLowMs = tickMs.length === 0 ? 0 : bounds.tickLowMs(0);
    for (let i = 1; i < tickMs.length; i++) {
      if (tickTokens[i] === tickTokens[last]) continue;
      const lowMs = bounds.tickLowMs(i);
      low.push(Math.max(0, lowMs - tickMs[last]!));
      high.push(tickMs[i]! - lastLowMs);
      last = i;
      lastLowMs = lowMs;
    }
    const joined = joinedEvents(record);
    return joined === 0 ? { low, high } : { low, high, hidden: hiddenGaps(record, bounds, joined) };
  },
};

/** A record of a file may claim any number; a stream of so many joined events has no gaps to show. */
const MOST_HIDDEN = 10_000;

/**
 * Gaps between tokens that came apart and were read together. Only where a read may have waited long
 * enough for it: an engine that sends four tokens at once hides none.
 */
function hiddenGaps(record: RequestRecord, bounds: RecordBounds, joined: number): number[] {
  const { tickMs } = record;
  const hidden: number[] = [];
  for (let i = 0; i < tickMs.length; i++) {
    const left = Math.min(joined, MOST_HIDDEN) - hidden.length;
    const most = Math.min(hiddenAtMost(record, bounds, i), left);
    for (let n = 0; n < most; n++) hidden.push(tickMs[i]! - bounds.tickLowMs(i));
  }
  return hidden;
}
