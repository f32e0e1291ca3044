/**
 * End-to-end latency per output token: what one user waits for each token when the wait for the first
 * is spread over all of them, which others call normalized latency or TPOT with the first token in it.
 * Thinking counts, also where the engine counted it and did not send it, since its time is in the
 * latency. Its inverse is the interactivity.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { e2e } from "./metric_e2e.ts";
import type { Metric } from "./metric.ts";

export const e2ePerToken: Metric = {
  name: "e2e_per_token",
  title: "E2E per token",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "detail",
  formula: `(${e2e.formula}) ÷ outputTokens, 1 token or more`,
  values: (record) => perToken(e2e.values(record), record),
  ends: (record, bounds) => {
    const { low, high } = e2e.ends!(record, bounds);
    return { low: perToken(low, record), high: perToken(high, record) };
  },
};

function perToken(times: readonly number[], { outputTokens }: RequestRecord): readonly number[] {
  const tokens = outputTokens?.tokens ?? 0;
  return tokens > 0 ? times.map((ms) => ms / tokens) : [];
}
