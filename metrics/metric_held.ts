/**
 * How long a limit of the plan kept a request from leaving.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** Time for which too many requests were before their first token (`--max-prefill`). */
export const held: Metric = {
  name: "held",
  title: "Held by max prefill",
  unit: "ms",
  better: "lower",
  formula: "heldMs, of requests that were held",
  per: "request",
  values: ({ heldMs }) => heldMs === undefined ? [] : [heldMs],
};
