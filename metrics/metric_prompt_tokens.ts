/**
 * Prompt tokens: the engine's count where it reports one, else ours.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const promptTokens: Metric = {
  name: "prompt_tokens",
  title: "Prompt tokens",
  unit: "tokens",
  better: "neither",
  per: "request",
  rank: "detail",
  formula: "promptTokens.tokens",
  values: ({ promptTokens }) => promptTokens === undefined ? [] : [promptTokens.tokens],
};
