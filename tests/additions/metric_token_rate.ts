/**
 * How fast one answer is written.
 *
 * @module
 */
import type { Metric } from "../../metrics/metric.ts";

/** Tokens of a request per second of its time, the wait for the first one included. */
export const tokenRate: Metric = {
  name: "token_rate",
  title: "Token rate",
  unit: "tokens/s",
  better: "higher",
  per: "request",
  formula: "1000 × outputTokens.tokens ÷ (lastTokenMs − sentMs)",
  values: ({ outputTokens, lastTokenMs, sentMs }) =>
    outputTokens === undefined || lastTokenMs === undefined || sentMs === undefined ||
      lastTokenMs <= sentMs
      ? []
      : [1000 * outputTokens.tokens / (lastTokenMs - sentMs)],
};
