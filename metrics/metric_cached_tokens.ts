/**
 * Prompt tokens served from the prefix cache, where the engine reports them.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const cachedTokens: Metric = {
  name: "cached_tokens",
  title: "Cached prompt tokens",
  unit: "tokens",
  better: "neither",
  per: "request",
  rank: "detail",
  formula: "cachedTokens",
  values: ({ cachedTokens }) => cachedTokens === undefined ? [] : [cachedTokens],
};
