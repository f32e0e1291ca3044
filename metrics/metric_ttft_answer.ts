/**
 * Time to the first token of the answer, after thinking and tool calls; no value where the stream
 * has neither.
 *
 * @module
 */
import { between, type Metric, ofStreams } from "./metric.ts";

export const ttftAnswer: Metric = {
  name: "ttft_answer",
  title: "TTFT of the answer",
  unit: "ms",
  better: "lower",
  per: "request",
  ...ofStreams(between("sentMs", "firstAnswerMs")),
};
