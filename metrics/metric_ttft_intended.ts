/**
 * Time to first token as a client of the schedule sees it.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/**
 * Intended → first token. Being sent late counts as waiting, so that a stall cannot hide (T19 in
 * docs/python-scripts.md).
 */
export const ttftIntended: Metric = {
  name: "ttft_intended",
  title: "TTFT from intended",
  unit: "ms",
  better: "lower",
  per: "request",
  openLoopOnly: true,
  formula: "firstTokenMs − intendedMs",
  values: ({ firstTokenMs, intendedMs }) =>
    firstTokenMs === undefined ? [] : [firstTokenMs - intendedMs],
};
