/**
 * Reads of the body per token; well below 1, tokens arrived in groups (T8 in
 * docs/python-scripts.md).
 *
 * @module
 */
import type { Metric } from "./metric.ts";
import { sentTokens } from "./record_streaming.ts";

export const readsPerToken: Metric = {
  name: "reads_per_token",
  title: "Reads per token",
  unit: "1",
  better: "neither",
  per: "request",
  rank: "detail",
  formula: "reads ÷ (outputTokens − unseenTokens)",
  values: (record) => {
    const sent = sentTokens(record);
    return sent ? [record.reads / sent] : [];
  },
};
