/**
 * Time per output token.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/**
 * Mean time a token after those of the first event. The tokens of the first event are already
 * there when the time begins, so they are taken off the count: with one token an event this is the
 * field's (latency − TTFT) ÷ (tokens − 1), a time and not a rate (T1).
 *
 * The total is the best count known (`outputTokens`); where the stream counts only events, the
 * first event counts as one token. An answer that came in one tick has no value: without a second
 * instant there is no duration to divide.
 */
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
