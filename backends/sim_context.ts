/**
 * What each engine says to a request that is longer than its context. Clients tell this end from other
 * refusals by the words alone, so these are theirs.
 *
 * @module
 */
import type { JsonObject } from "./json_event.ts";

/** A request that may be too long, in tokens. */
export interface ContextSize {
  readonly promptTokens: number;
  /** Tokens that the answer may have. */
  readonly maxTokens: number;
  /** Prompt and answer together at most. */
  readonly limit: number;
}

/** How an engine refuses what is too long. */
export interface ContextWords {
  /** As on the command line. */
  readonly name: string;
  readonly status: number;
  readonly message: (size: ContextSize) => string;
  /** The whole body in OpenAI's calls; absent = as that server writes other errors. */
  readonly body?: (message: string, size: ContextSize) => JsonObject;
  /**
   * The prompt alone has to fit, and an answer without room ends early; absent = prompt and answer have to
   * fit.
   */
  readonly promptOnly?: true;
  /** A stream gets no words: an `empty` answer under 200, or a connection that is `cut` behind the head. */
  readonly stream?: "empty" | "cut";
}

/** SGLang, TensorRT-LLM and older vLLM write errors without an envelope. */
const flat = (message: string): JsonObject => ({
  object: "error",
  message,
  type: "BadRequestError",
  param: null,
  code: 400,
});

const openai = (message: string): JsonObject => ({
  error: {
    message,
    type: "invalid_request_error",
    param: "messages",
    code: "context_length_exceeded",
  },
});

/** Every way to say it; a new one is an entry here. */
export const CONTEXT_WORDS: readonly ContextWords[] = [
  {
    name: "vllm",
    status: 400,
    message: ({ promptTokens, maxTokens, limit }) =>
      `This model's maximum context length is ${limit} tokens. However, you requested ${maxTokens} ` +
      `output tokens and your prompt contains ${promptTokens} input tokens, for a total of ` +
      `${
        promptTokens + maxTokens
      } tokens. Please reduce the length of the input prompt or the number ` +
      "of requested output tokens.",
  },
  {
    name: "vllm-0.10",
    status: 400,
    message: ({ promptTokens, maxTokens, limit }) =>
      promptTokens < limit
        ? `'max_tokens' or 'max_completion_tokens' is too large: ${maxTokens}. This model's maximum ` +
          `context length is ${limit} tokens and your request has ${promptTokens} input tokens ` +
          `(${maxTokens} > ${limit} - ${promptTokens}).`
        : `This model's maximum context length is ${limit} tokens. However, your request has ` +
          `${promptTokens} input tokens. Please reduce the length of the input messages.`,
    body: flat,
  },
  {
    name: "sglang",
    status: 400,
    message: ({ promptTokens, maxTokens, limit }) =>
      promptTokens >= limit
        ? `The input (${promptTokens} tokens) is longer than the model's context length ` +
          `(${limit} tokens).`
        : `Requested token count exceeds the model's maximum context length of ${limit} tokens. You ` +
          `requested a total of ${
            promptTokens + maxTokens
          } tokens: ${promptTokens} tokens from the ` +
          `input messages and ${maxTokens} tokens for the completion. Please reduce the number of ` +
          "tokens in the input messages or the completion to fit within the limit.",
    body: flat,
  },
  {
    name: "tgi",
    status: 422,
    message: ({ promptTokens, maxTokens, limit }) =>
      promptTokens >= limit
        ? `Input validation error: \`inputs\` must have less than ${limit} tokens. Given: ` +
          `${promptTokens}`
        : `Input validation error: \`inputs\` tokens + \`max_new_tokens\` must be <= ${limit}. Given: ` +
          `${promptTokens} \`inputs\` tokens and ${maxTokens} \`max_new_tokens\``,
    body: (message) => ({ error: message, error_type: "validation" }),
  },
  {
    name: "trtllm",
    status: 400,
    message: ({ promptTokens, limit }) =>
      `The sum of prompt length (${promptTokens.toFixed(1)}), query length (0) should not exceed ` +
      `max_num_tokens (${limit})`,
    body: flat,
    promptOnly: true,
  },
  {
    name: "llama.cpp",
    status: 400,
    message: ({ promptTokens, limit }) =>
      `request (${promptTokens} tokens) exceeds the available context size (${limit} tokens), try ` +
      "increasing it",
    body: (message, { promptTokens, limit }) => ({
      error: {
        code: 400,
        message,
        type: "exceed_context_size_error",
        n_prompt_tokens: promptTokens,
        n_ctx: limit,
      },
    }),
    promptOnly: true,
  },
  {
    name: "lmdeploy",
    status: 400,
    message: ({ limit }) => `The request has no room in the session length of ${limit} tokens`,
    stream: "empty",
  },
  {
    name: "lightllm",
    status: 417,
    message: ({ promptTokens, maxTokens, limit }) =>
      promptTokens >= limit
        ? `the input prompt token len ${promptTokens} is too long > ${limit}`
        : "the req token total len (input len + output len) is too long > max_req_total_len:" +
          `${limit}, it has ${promptTokens + maxTokens}`,
    body: (message) => ({ message }),
    stream: "cut",
  },
  {
    name: "openai",
    status: 400,
    message: ({ promptTokens, maxTokens, limit }) =>
      promptTokens > limit
        ? `This model's maximum context length is ${limit} tokens. However, your messages resulted in ` +
          `${promptTokens} tokens. Please reduce the length of the messages.`
        : `This model's maximum context length is ${limit} tokens. However, you requested ` +
          `${
            promptTokens + maxTokens
          } tokens (${promptTokens} in the messages, ${maxTokens} in the ` +
          "completion). Please reduce the length of the messages or completion.",
    body: openai,
  },
  {
    name: "openai-input",
    status: 400,
    message: ({ promptTokens, limit }) =>
      `Input tokens exceed the configured limit of ${limit} tokens. Your messages resulted in ` +
      `${promptTokens} tokens. Please reduce the length of the messages.`,
    body: openai,
    promptOnly: true,
  },
];

/**
 * Looks up whose words are used.
 *
 * @throws {RangeError} when nobody has this name.
 */
export function contextWordsOf(name: string): ContextWords {
  const words = CONTEXT_WORDS.find((each) => each.name === name);
  if (words !== undefined) return words;
  const known = CONTEXT_WORDS.map((each) => each.name).join(", ");
  throw new RangeError(`Cannot use the words of ${JSON.stringify(name)}: known are ${known}`);
}

/** Tokens that the answer may have within the context; `undefined` = the request is refused. */
export function roomFor(
  { promptTokens, maxTokens, limit }: ContextSize,
  { promptOnly }: Pick<ContextWords, "promptOnly">,
): number | undefined {
  if (limit === 0 || promptTokens + maxTokens <= limit) return maxTokens;
  return promptOnly === true && promptTokens < limit ? limit - promptTokens : undefined;
}

/** The body of such a refusal in a JSON call; without one of its own `otherwise` makes it. */
export function contextBody(
  words: ContextWords,
  size: ContextSize,
  otherwise: (message: string) => JsonObject = (error) => ({ error }),
): JsonObject {
  const message = words.message(size);
  return words.body?.(message, size) ?? otherwise(message);
}
