/**
 * Time to first token from the intended time. Being sent late counts as waiting, so that a stall
 * cannot hide (T19 in docs/python-scripts.md).
 *
 * @module
 */
import { between, type Metric, ofStreams } from "./metric.ts";

export const ttftIntended: Metric = {
  name: "ttft_intended",
  title: "TTFT from intended",
  unit: "ms",
  better: "lower",
  per: "request",
  openLoopOnly: true,
  ...ofStreams(between("intendedMs", "firstTokenMs")),
};
