/**
 * How many tokens arrive at once.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/**
 * Tokens of each tick, the first included. Above 1 the gaps of `itl` are gaps between groups of
 * tokens, and `tpot` is the time of one (T8).
 */
export const tokensPerTick: Metric = {
  name: "tokens_per_tick",
  title: "Tokens per tick",
  unit: "1",
  better: "neither",
  per: "tick",
  rank: "detail",
  formula: "tickTokens[i] − tickTokens[i − 1], tickTokens[−1] = 0",
  values: ({ tickTokens }) => {
    const steps: number[] = [];
    let before = 0;
    for (const tokens of tickTokens) {
      if (tokens > before) steps.push(tokens - before);
      before = tokens;
    }
    return steps;
  },
};
