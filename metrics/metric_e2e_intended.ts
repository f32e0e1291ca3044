/**
 * End-to-end latency as a client of the schedule sees it.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** Intended → last token (T19 in docs/python-scripts.md). */
export const e2eIntended: Metric = {
  name: "e2e_intended",
  title: "E2E from intended",
  unit: "ms",
  better: "lower",
  per: "request",
  openLoopOnly: true,
  formula: "lastTokenMs − intendedMs",
  values: ({ lastTokenMs, intendedMs }) =>
    lastTokenMs === undefined ? [] : [lastTokenMs - intendedMs],
};
