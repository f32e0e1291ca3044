/**
 * Time to the first token of the answer, after the thinking; no value where the engine does not
 * mark thinking.
 *
 * @module
 */
import { between, type Metric } from "./metric.ts";

export const ttftAnswer: Metric = {
  name: "ttft_answer",
  title: "TTFT of the answer",
  unit: "ms",
  better: "lower",
  per: "request",
  ...between("sentMs", "firstAnswerMs"),
};
