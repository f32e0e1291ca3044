/**
 * Messages of the PPL LLM server (proto3, package `ppl.llm.proto`), in the version that its
 * current servers speak and in the first one. They are not compatible: fields 2, 3 and 4 of a
 * request changed their types.
 *
 * @module
 */
import { message, type MessageType } from "./protobuf.ts";

/** Token ids. */
export interface PplTokens {
  readonly ids: readonly number[];
}

/** How a token is chosen. The server ignores `typical_p`, `seed` and `watermark`. */
export interface PplChoosing {
  readonly temperature: number;
  readonly top_k: number;
  readonly top_p: number;
  readonly typical_p: number;
  readonly do_sample: boolean;
  readonly seed: bigint;
  readonly repetition_penalty: number;
  readonly presence_penalty: number;
  readonly frequency_penalty: number;
  readonly watermark: boolean;
}

/** When to stop. `stop_tokens` has no effect in known servers. */
export interface PplStopping {
  readonly max_new_tokens: number;
  readonly stop_tokens?: PplTokens;
  readonly ignore_eos_token: boolean;
}

/** A request, version 2. A prompt that is not empty wins over `tokens`. */
export interface PplRequest {
  readonly id: bigint;
  readonly prompt: string;
  readonly tokens?: PplTokens;
  readonly choosing_parameters?: PplChoosing;
  readonly stopping_parameters?: PplStopping;
}

/** A request, version 1. */
export interface PplRequestV1 {
  readonly id: bigint;
  readonly temperature: number;
  readonly prompt: string;
  readonly tokens?: PplTokens;
  readonly stopping_parameters?: PplStopping;
}

/** What a call carries; an empty list is never answered. */
export interface PplBatch<Request> {
  readonly req: readonly Request[];
}

/** More about one token. `finish_reason` means something with status FINISHED only. */
export interface PplDetail {
  readonly logprobs: number;
  readonly is_special: boolean;
  /** 0 length, 1 end-of-sequence token, 2 stop sequence. */
  readonly finish_reason: number;
}

/** One generated token, or a failure. `detail` exists in version 2 only. */
export interface PplResponse {
  /** {@linkcode PPL_STATUS}. */
  readonly status: number;
  readonly id: bigint;
  readonly generated: string;
  readonly tokens?: PplTokens;
  readonly detail?: PplDetail;
}

/** One message of the stream; servers put one response into each. */
export interface PplBatchedResponse {
  readonly rsp: readonly PplResponse[];
}

/** Values of `PplResponse.status`. */
export const PPL_STATUS: {
  readonly processing: 0;
  readonly finished: 1;
  readonly failed: 2;
} = { processing: 0, finished: 1, failed: 2 };

/** Path of the one method, server-streaming. */
export const PPL_PATH = "/ppl.llm.proto.LLMService/Generation";

const pplTokens: MessageType<PplTokens> = message<PplTokens>({
  ids: [1, "uint32", "repeated"],
});

/** Codec of {@linkcode PplChoosing}. */
export const pplChoosing: MessageType<PplChoosing> = message<PplChoosing>({
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

/** Codec of {@linkcode PplStopping}. */
export const pplStopping: MessageType<PplStopping> = message<PplStopping>({
  max_new_tokens: [1, "uint32"],
  stop_tokens: [2, pplTokens],
  ignore_eos_token: [3, "bool"],
});

/** Codec of {@linkcode PplRequest}. */
export const pplRequest: MessageType<PplRequest> = message<PplRequest>({
  id: [1, "uint64"],
  prompt: [2, "string"],
  tokens: [3, pplTokens],
  choosing_parameters: [4, pplChoosing],
  stopping_parameters: [5, pplStopping],
});

/** Codec of {@linkcode PplRequestV1}. */
export const pplRequestV1: MessageType<PplRequestV1> = message<PplRequestV1>({
  id: [1, "uint64"],
  temperature: [2, "float"],
  prompt: [3, "string"],
  tokens: [4, pplTokens],
  stopping_parameters: [5, pplStopping],
});

/** Codec of a version 2 call. */
export const pplBatch: MessageType<PplBatch<PplRequest>> = message<PplBatch<PplRequest>>({
  req: [1, pplRequest, "repeated"],
});

/** Codec of a version 1 call. */
export const pplBatchV1: MessageType<PplBatch<PplRequestV1>> = message<PplBatch<PplRequestV1>>({
  req: [1, pplRequestV1, "repeated"],
});

const pplDetail: MessageType<PplDetail> = message<PplDetail>({
  logprobs: [1, "float"],
  is_special: [2, "bool"],
  finish_reason: [3, "enum"],
});

const pplResponse: MessageType<PplResponse> = message<PplResponse>({
  status: [1, "enum"],
  id: [2, "uint64"],
  generated: [3, "string"],
  tokens: [4, pplTokens],
  detail: [5, pplDetail],
});

/** Codec of a stream's messages; version 1 servers leave `detail` out. */
export const pplBatchedResponse: MessageType<PplBatchedResponse> = message<PplBatchedResponse>({
  rsp: [1, pplResponse, "repeated"],
});
