/**
 * Time to the second token: first tick → next one with a new token, the first gap of ITL. A scheduler
 * that lets new requests in before it goes on with others shows here and in no median of gaps.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { type Metric, ofStreams } from "./metric.ts";
import { hiddenAtMost, joinedEvents } from "./record_bounds.ts";

type Timed = Pick<Metric, "formula" | "values" | "ends">;

export const ttst: Metric = {
  name: "ttst",
  title: "Second token",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "detail",
  ...ofStreams<Timed>({
    formula: "tickMs[i] − tickMs[0], i the first tick with a further token",
    values: (record) => {
      const tick = secondTick(record);
      return tick < 0 ? [] : [record.tickMs[tick]! - record.tickMs[0]!];
    },
    ends: (record, bounds) => {
      const tick = secondTick(record);
      if (tick < 0) return { low: [], high: [] };
      const { tickMs } = record;
      // The client may have joined the first two tokens into one tick.
      const joined = joinedEvents(record) > 0 && hiddenAtMost(record, bounds, 0) > 0;
      return {
        low: [joined ? 0 : Math.max(0, bounds.tickLowMs(tick) - tickMs[0]!)],
        high: [tickMs[tick]! - bounds.tickLowMs(0)],
      };
    },
  }),
};

/** Number of the first tick with more tokens than the first one; −1 = there is none. */
function secondTick({ tickTokens }: RequestRecord): number {
  return tickTokens.findIndex((tokens) => tokens > tickTokens[0]!);
}
