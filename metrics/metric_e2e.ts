/**
 * End-to-end latency, sent → last token; what a stream sends after it (usage, end mark) is
 * excluded.
 *
 * @module
 */
import { between, type Metric } from "./metric.ts";

export const e2e: Metric = {
  name: "e2e",
  title: "E2E",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "key",
  ...between("sentMs", "lastTokenMs"),
};
