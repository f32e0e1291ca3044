/**
 * Time per output token: mean time per token after the first event, whose tokens are already there
 * when the time begins and so do not count. With one token per event this is the usual (latency −
 * TTFT) ÷ (tokens − 1), a time and not a rate (T1 in docs/python-scripts.md).
 *
 * The total is the best count known (`outputTokens`); where the stream counts only events, the
 * first event is one token. An answer in one tick has no value: there is no duration to divide.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const tpot: Metric = {
  name: "tpot",
  title: "TPOT",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "key",
  formula: "(lastTokenMs − firstTokenMs) ÷ (outputTokens − tickTokens[0]), 2 ticks or more",
  values: ({ firstTokenMs, lastTokenMs, tickTokens, outputTokens }) => {
    if (firstTokenMs === undefined || lastTokenMs === undefined || tickTokens.length < 2) return [];
    const total = outputTokens?.tokens ?? tickTokens[tickTokens.length - 1]!;
    const later = total - tickTokens[0]!;
    return later > 0 ? [(lastTokenMs - firstTokenMs) / later] : [];
  },
};
