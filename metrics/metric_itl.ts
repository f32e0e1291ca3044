/**
 * Inter-token latency: gaps between ticks as they were. A tick of several tokens is one gap,
 * neither divided nor padded with zeros (T8, T12), and the wait for the first token is not one
 * (T16). A tick without a new token does not end a gap. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

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
};
