/**
 * Tokens of each tick, the first included. Above 1, `itl` is the gap between groups of tokens, and
 * `tpot` the time per token (T8 in docs/python-scripts.md).
 *
 * @module
 */
import type { Metric } from "./metric.ts";

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
