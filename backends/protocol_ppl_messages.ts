/**
 * Messages of the PPL LLM server (proto3, package `ppl.llm.proto`), in the version that its
 * current servers speak and in the first one. They are not compatible: fields 2, 3 and 4 of a
 * request changed their types.
 *
 * @module
 */
import { type Decoded, message } from "./protobuf.ts";

/** Values of a response's `status`. */
export const PPL_STATUS: {
  readonly processing: 0;
  readonly finished: 1;
  readonly failed: 2;
} = { processing: 0, finished: 1, failed: 2 };

/** Path of the one method, server-streaming. */
export const PPL_PATH = "/ppl.llm.proto.LLMService/Generation";

/** Token ids. */
const pplTokens = message({
  ids: [1, "uint32", "repeated"],
});
export type PplTokens = Decoded<typeof pplTokens>;

/** How a token is chosen. The server ignores `typical_p`, `seed` and `watermark`. */
export const pplChoosing = message({
  temperature: [1, "float"],
  top_k: [2, "uint32"],
  top_p: [3, "float"],
  typical_p: [4, "float"],
  do_sample: [5, "bool"],
  seed: [6, "uint64"],
  repetition_penalty: [7, "float"],
  presence_penalty: [8, "float"],
  frequency_penalty: [9, "float"],
  watermark: [10, "bool"],
});
export type PplChoosing = Decoded<typeof pplChoosing>;

/** When to stop. `stop_tokens` has no effect in known servers. */
export const pplStopping = message({
  max_new_tokens: [1, "uint32"],
  stop_tokens: [2, pplTokens],
  ignore_eos_token: [3, "bool"],
});
export type PplStopping = Decoded<typeof pplStopping>;

/** A request, version 2. A prompt that is not empty wins over `tokens`. */
export const pplRequest = message({
  id: [1, "uint64"],
  prompt: [2, "string"],
  tokens: [3, pplTokens],
  choosing_parameters: [4, pplChoosing],
  stopping_parameters: [5, pplStopping],
});
export type PplRequest = Decoded<typeof pplRequest>;

/** A request, version 1. */
export const pplRequestV1 = message({
  id: [1, "uint64"],
  temperature: [2, "float"],
  prompt: [3, "string"],
  tokens: [4, pplTokens],
  stopping_parameters: [5, pplStopping],
});
export type PplRequestV1 = Decoded<typeof pplRequestV1>;

/** A call, version 2; an empty list is never answered. */
export const pplBatch = message({
  req: [1, pplRequest, "repeated"],
});

/** A call, version 1. */
export const pplBatchV1 = message({
  req: [1, pplRequestV1, "repeated"],
});

/** More about one token. */
const pplDetail = message({
  logprobs: [1, "float"],
  is_special: [2, "bool"],
  /** 0 length, 1 end-of-sequence token, 2 stop sequence; means something with status FINISHED only. */
  finish_reason: [3, "enum"],
});

/** One generated token, or a failure. `detail` exists in version 2 only. */
const pplResponse = message({
  /** See {@linkcode PPL_STATUS}. */
  status: [1, "enum"],
  id: [2, "uint64"],
  generated: [3, "string"],
  tokens: [4, pplTokens],
  detail: [5, pplDetail],
});
export type PplResponse = Decoded<typeof pplResponse>;

/** One message of the stream; servers put one response into each. */
export const pplBatchedResponse = message({
  rsp: [1, pplResponse, "repeated"],
});
