/**
 * Time to the first token of the answer, after the thinking; no value where the engine does not
 * mark thinking.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

export const ttftAnswer: Metric = {
  name: "ttft_answer",
  title: "TTFT of the answer",
  unit: "ms",
  better: "lower",
  per: "request",
  formula: "firstAnswerMs − sentMs",
  values: ({ firstAnswerMs, sentMs }) =>
    firstAnswerMs === undefined || sentMs === undefined ? [] : [firstAnswerMs - sentMs],
};
