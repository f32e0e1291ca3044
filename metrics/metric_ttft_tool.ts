/**
 * Time to the first token of a tool call; no value where the answer calls none.
 *
 * @module
 */
import { between, type Metric, ofStreams } from "./metric.ts";

export const ttftTool: Metric = {
  name: "ttft_tool",
  title: "TTFT of the tool call",
  unit: "ms",
  better: "lower",
  per: "request",
  ...ofStreams(between("sentMs", "firstToolMs")),
};
