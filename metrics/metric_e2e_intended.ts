/**
 * End-to-end latency from the intended time (T19 in docs/python-scripts.md).
 *
 * @module
 */
import { between, type Metric } from "./metric.ts";

export const e2eIntended: Metric = {
  name: "e2e_intended",
  title: "E2E from intended",
  unit: "ms",
  better: "lower",
  per: "request",
  openLoopOnly: true,
  ...between("intendedMs", "lastTokenMs"),
};
