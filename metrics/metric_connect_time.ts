/**
 * Time to connect (TCP, TLS) where the transport knows it; part of the TTFT of that request.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const connectTime: Metric = {
  name: "connect_time",
  title: "Connect time",
  unit: "ms",
  better: "lower",
  per: "request",
  formula: "connectMs of requests on a new connection",
  values: ({ connectMs }) => connectMs === undefined ? [] : [connectMs],
};
