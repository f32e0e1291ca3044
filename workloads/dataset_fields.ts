/**
 * The names under which people's files keep prompts, answers, lengths and lists: all in one place.
 *
 * @module
 */

/**
 * Fields that hold a prompt, as text, as a list of messages, or as token ids. The first one that a
 * row has is taken; two of the `clear` ones in one row are a question to the user.
 */
export const PROMPT_FIELDS: readonly { readonly name: string; readonly clear: boolean }[] = [
  ...["messages", "conversations", "conversation", "prompt", "question", "instruction"]
    .map((name) => ({ name, clear: true })),
  ...["text_input", "query", "turns", "dialog", "dialogue", "items", "data"]
    .map((name) => ({ name, clear: false })),
  ...["inputs", "input", "user_input", "text", "content"].map((name) => ({ name, clear: false })),
];

/** Fields that belong behind a prompt where a row has them: Alpaca's `input`, Dolly's `context`. */
export const COMPANION_FIELDS: Readonly<Record<string, readonly string[]>> = {
  instruction: ["input", "context"],
  question: ["context"],
};

/** Lists of messages that end with an answer; rows that have one are conversations. */
export const CONVERSATION_FIELDS: readonly string[] = [
  "conversations",
  "conversation",
  "items",
  "data",
  "dialog",
  "dialogue",
];

/** Fields of an answer to compare with: its length is asked for. */
export const ANSWER_FIELDS: readonly string[] = [
  "completion",
  "output",
  "response",
  "answer",
  "reference",
  "target",
];

/** Fields with the length of the answer, in tokens. */
export const LENGTH_FIELDS: readonly string[] = [
  "output_tokens",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "max_new_tokens",
  "output_len",
  "output_length",
  "n_predict",
];

/** Fields that name a row. */
export const ID_FIELDS: readonly string[] = [
  "id",
  "custom_id",
  "conversation_id",
  "question_id",
  "prompt_id",
];

/** Fields of a message: who says it, and what. */
export const AUTHOR_FIELDS: readonly string[] = ["role", "from"];
/** Fields of what a message says. */
export const SAYING_FIELDS: readonly string[] = ["content", "value", "text"];

/** Whoever says it → the role that a server knows. */
export const ROLES: Readonly<Record<string, string>> = {
  ...{ system: "system", developer: "developer", user: "user", human: "user" },
  ...{ assistant: "assistant", gpt: "assistant", chatgpt: "assistant", model: "assistant" },
  ...{ bing: "assistant", bard: "assistant", bot: "assistant" },
  ...{ tool: "tool", function: "function" },
};

/** Fields under which a file that is one object keeps its rows. */
export const ROW_LIST_FIELDS: readonly string[] = [
  ...["data", "items", "conversations", "conversation", "prompts", "rows", "examples", "samples"],
  ...["requests", "train", "test", "instances", "entries", "questions"],
];

/** Fields of a request that a row with `prompt` or `messages` may have; they are sent as they are. */
export const REQUEST_FIELDS: ReadonlySet<string> = new Set([
  ...["model", "temperature", "top_p", "top_k", "min_p", "typical_p", "stop", "seed", "n"],
  ...["best_of", "suffix", "echo", "logprobs", "top_logprobs", "prompt_logprobs", "logit_bias"],
  ...["presence_penalty", "frequency_penalty", "repetition_penalty", "length_penalty"],
  ...["tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"],
  ...["response_format", "structured_outputs", "regex", "ebnf", "json_schema", "grammar"],
  ...["guided_json", "guided_regex", "guided_choice", "guided_grammar"],
  ...["guided_decoding_backend", "guided_whitespace_pattern"],
  ...["reasoning_effort", "reasoning", "thinking", "thinking_budget", "include_reasoning"],
  ...["enable_thinking", "separate_reasoning", "chat_template", "chat_template_kwargs"],
  ...["add_generation_prompt", "continue_final_message", "add_special_tokens", "documents"],
  ...["mm_processor_kwargs", "modalities", "audio", "prediction", "verbosity"],
  ...["service_tier", "web_search_options", "cache_prompt", "cache_salt", "priority"],
  ...["min_tokens", "ignore_eos", "stop_token_ids", "skip_special_tokens", "use_beam_search"],
  ...["include_stop_str_in_output", "spaces_between_special_tokens", "truncate_prompt_tokens"],
  ...["allowed_token_ids", "bad_words", "lora_path", "adapter_id", "extra_args", "vllm_xargs"],
  ...["return_token_ids", "return_tokens_as_token_ids", "request_id", "safety_settings"],
]);

/** Those of them that are notes of the file's author where they hold no object. */
export const OBJECT_FIELDS: ReadonlySet<string> = new Set([
  ...["reasoning", "thinking", "audio", "prediction"],
]);

/** Fields of a request that say how the answer travels: the options of the run decide that. */
export const STREAM_FIELDS: readonly string[] = ["stream", "stream_options"];
