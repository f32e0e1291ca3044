/**
 * Time spent connecting.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** TCP and TLS set-up of new connections, where the transport knows it; part of their TTFT. */
export const connectTime: Metric = {
  name: "connect_time",
  title: "Connect time",
  unit: "ms",
  better: "lower",
  per: "request",
  formula: "connectMs of requests on a new connection",
  values: ({ connectMs }) => connectMs === undefined ? [] : [connectMs],
};
