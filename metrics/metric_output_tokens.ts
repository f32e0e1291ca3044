/**
 * Length of the answers.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** Tokens delivered, thinking included; never the length that was asked for (T2). */
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
