/**
 * Delivered tokens, thinking included; never the requested length (T2 in docs/python-scripts.md).
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const outputTokens: Metric = {
  name: "output_tokens",
  title: "Output tokens",
  unit: "tokens",
  better: "neither",
  per: "request",
  rank: "detail",
  formula: "outputTokens.tokens",
  values: ({ outputTokens }) => outputTokens === undefined ? [] : [outputTokens.tokens],
};
