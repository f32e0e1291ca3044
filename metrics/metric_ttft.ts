/**
 * Time to first token: sent → first event with at least one token; role-only and empty events do
 * not count.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const ttft: Metric = {
  name: "ttft",
  title: "TTFT",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "key",
  formula: "firstTokenMs − sentMs",
  values: ({ firstTokenMs, sentMs }) =>
    firstTokenMs === undefined || sentMs === undefined ? [] : [firstTokenMs - sentMs],
};
