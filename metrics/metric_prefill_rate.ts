/**
 * Prefill rate of a request: prompt tokens ÷ TTFT. The time holds queue and network, too, and tokens
 * from the prefix cache are among the prompt's: it is a bound of the engine's own rate from below only
 * where nothing was cached.
 *
 * @module
 */
import type { Metric } from "./metric.ts";
import { ttft } from "./metric_ttft.ts";

export const prefillRate: Metric = {
  name: "prefill_rate",
  title: "Prefill rate",
  unit: "tokens/s",
  better: "higher",
  per: "request",
  rank: "detail",
  formula: "promptTokens × 1000 ÷ ttft",
  values: (record) => {
    const tokens = record.promptTokens?.tokens ?? 0;
    return tokens > 0
      ? ttft.values(record).filter((ms) => ms > 0).map((ms) => tokens * 1000 / ms)
      : [];
  },
};
