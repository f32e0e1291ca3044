/**
 * Time to first token: sent → first event with at least one token; role-only and empty events do
 * not count.
 *
 * @module
 */
import { between, type Metric } from "./metric.ts";

export const ttft: Metric = {
  name: "ttft",
  title: "TTFT",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "key",
  ...between("sentMs", "firstTokenMs"),
};
