/**
 * Requested length against delivered length.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** Tokens asked for and not delivered; 0 = exactly as asked, below 0 = more than asked. */
export const lengthShortfall: Metric = {
  name: "length_shortfall",
  title: "Length shortfall",
  unit: "tokens",
  better: "neither",
  per: "request",
  rank: "detail",
  formula: "requestedTokens − outputTokens.tokens",
  values: ({ requestedTokens, outputTokens }) =>
    outputTokens === undefined ? [] : [requestedTokens - outputTokens.tokens],
};
