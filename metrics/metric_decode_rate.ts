/**
 * Decode rate of a request: 1 ÷ its TPOT. As everywhere, a high percentile is a large value, here of a
 * fast request. The speed that slow users get is user tokens/s.
 *
 * @module
 */
import type { Metric } from "./metric.ts";
import { tpot } from "./metric_tpot.ts";

export const decodeRate: Metric = {
  name: "decode_rate",
  title: "Decode rate",
  unit: "tokens/s",
  better: "higher",
  per: "request",
  rank: "detail",
  formula: "1000 ÷ tpot",
  values: (record) => tpot.values(record).filter((ms) => ms > 0).map((ms) => 1000 / ms),
};
