/**
 * Inter-token latency as other tools give it where a tick has several tokens: its gap, divided by them
 * and repeated for each. It stands beside `itl`, never in its place: nobody waited so short a time. A
 * record whose ticks have an unknown number of tokens has none.
 *
 * @module
 */
import type { Metric } from "./metric.ts";
import { knownTicks } from "./record_ticks.ts";

/** A record of a file may claim any number of tokens; so many in a tick are no stream. */
const MOST_AT_ONCE = 10_000;

export const itlPerToken: Metric = {
  name: "itl_per_token",
  title: "ITL per token",
  unit: "ms",
  better: "lower",
  per: "gap",
  rank: "detail",
  formula: "(tickMs[i] − tickMs[i − 1]) ÷ tokens of tick i, once for each of them, for i ≥ 1, " +
    "of answers whose ticks count tokens",
  values: (record) => {
    if (!knownTicks(record)) return [];
    const { tickMs, tickTokens } = record;
    const gaps: number[] = [];
    let last = 0;
    for (let i = 1; i < tickMs.length; i++) {
      const tokens = tickTokens[i]! - tickTokens[last]!;
      if (tokens <= 0) continue;
      const gap = (tickMs[i]! - tickMs[last]!) / tokens;
      for (let n = Math.min(tokens, MOST_AT_ONCE); n > 0; n--) gaps.push(gap);
      last = i;
    }
    return gaps;
  },
};
