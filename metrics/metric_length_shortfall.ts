/**
 * Requested tokens that were not delivered; 0 = exact, below 0 = more than requested.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

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
