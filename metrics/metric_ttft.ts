/**
 * Time to first token: sent → first event with at least one token; role-only and empty events do
 * not count. An answer that came at once has none: nothing shows when its first token was there.
 *
 * @module
 */
import { between, type Metric, ofStreams } from "./metric.ts";

export const ttft: Metric = {
  name: "ttft",
  title: "TTFT",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "key",
  ...ofStreams(between("sentMs", "firstTokenMs")),
};
