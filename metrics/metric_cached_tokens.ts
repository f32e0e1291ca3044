/**
 * Prompt tokens that cost the engine nothing.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** Prompt tokens served from the prefix cache, where the engine reports them. */
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
