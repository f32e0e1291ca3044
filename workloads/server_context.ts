/**
 * How servers say that a prompt and its answer do not fit into the context of the model.
 *
 * @module
 */
import type { Outcome } from "../backends/record.ts";

/** Whose words, and what they hold. A new server's are a line here and one in the table of its test. */
export const CONTEXT_WORDS: readonly (readonly [engine: string, says: RegExp])[] = [
  ["vLLM", /maximum context length|max_model_len|is too large: \d+\. This model/],
  ["SGLang", /longer than the model's context length|token count exceeds/],
  ["TGI", /`inputs` (must have less than|tokens \+ `max_new_tokens` must be)|max_input_length/],
  ["TensorRT-LLM", /should not exceed (max_num_tokens|max_seq_len|max_input_len)|max_seq_len/],
  ["llama.cpp", /exceed_context_size_error|exceeds? the available context size/],
  ["LMDeploy", /no room in the session length/],
  ["LightLLM", /is too long >/],
  ["OpenAI", /context_length_exceeded|exceed the configured limit|exceeds the context window/],
  ["others", /context.?(length|size|window)|reduce the length|max_total_tokens|longer than the /],
  [
    "others",
    /too many (input )?tokens|(input|prompt|request)\b.{0,40}(too long|exceed)|prompt is too long/,
  ],
];

/** All of these words. */
export const SAYS_CONTEXT: RegExp = new RegExp(
  CONTEXT_WORDS.map(([, { source }]) => source).join("|"),
  "i",
);

/** Statuses with which requests are refused that are too long. */
const REFUSING: readonly number[] = [400, 413, 417, 422];

/** Whether the server refused a request since prompt and answer do not fit into its context. */
export function isContextTooLong(outcome: Outcome): boolean {
  if (outcome.kind === "engine_error") return SAYS_CONTEXT.test(outcome.message);
  return outcome.kind === "http_error" && REFUSING.includes(outcome.status) &&
    SAYS_CONTEXT.test(outcome.message);
}
