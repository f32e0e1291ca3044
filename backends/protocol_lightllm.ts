/**
 * LightLLM's own `/generate_stream`.
 *
 * @module
 */
import { type EventDraft, eventReader, isObject, type JsonObject, text } from "./json_event.ts";
import { postJson } from "./json_request.ts";
import { errorWithout, takeCounter, takeFinishReason, takePromptTokens } from "./protocol_event.ts";
import { plainPrompt } from "./protocol_fields.ts";
import { HTTP_DEFAULTS, type TwoPaths, twoPathsUrl } from "./protocol_http.ts";
import type { EngineEvent, GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

const PATHS: TwoPaths = { stream: "/generate_stream", whole: "/generate" };

const FIELDS = {
  token: { text: "value", count_output_tokens: "value", prompt_tokens: "value" },
  finish_reason: "value",
  finished: "value",
  generated_text: "value",
  count_output_tokens: "value",
  prompt_tokens: "value",
} as const;

/**
 * LightLLM native: exactly one event per token, each with the count so far, `finished` on the last.
 * A text may be empty while a character is incomplete. When a prompt is too long, the server closes
 * the connection after status 200, which is reported as `truncated`.
 */
export const lightllm: Protocol = {
  ...HTTP_DEFAULTS,
  name: "lightllm",
  title: "LightLLM /generate_stream",
  description:
    "LightLLM's native call (default port 8000): one event per token with a counter in " +
    "each. A server started with --use_tgi_api answers in another shape: use lightllm-tgi there.",
  path: PATHS.stream,
  tokenSource: "counter",
  takesTokenIds: true,
  endMark: "flag",
  buildRequest: (request, target) => buildLightllmRequest(request, target, {}),
  readEvent: eventReader(readLightllm),
  quick: { fields: FIELDS, read: readLightllm },
};

function readLightllm(value: JsonObject, request: GenerationRequest): EngineEvent {
  // Its errors are `{"message"}` alone; one that comes under status 200 is not an empty answer.
  const error = errorWithout(value, request.stream ? "token" : "generated_text");
  if (error !== undefined) return { error };
  return request.stream ? readToken(value) : readWhole(value);
}

/**
 * The request for both shapes. Without `do_sample` LightLLM ignores temperature, top-p and top-k, so
 * it is set whenever one of them asks for sampling; temperature 0 means greedy, its default.
 * `parameters` are added.
 *
 * @throws {TypeError} for a seed, which the engine does not take.
 */
export function buildLightllmRequest(
  request: GenerationRequest,
  target: Target,
  parameters: JsonObject,
): WireRequest {
  const { temperature, topP, topK, seed, stop } = request.sampling;
  if (seed !== undefined) {
    throw new TypeError(
      "Cannot send a seed to LightLLM: it takes none; leave it out, or give --extra-body if your build does",
    );
  }
  const samples = temperature === undefined
    ? topP !== undefined || topK !== undefined
    : temperature > 0;
  const body = {
    inputs: request.promptTokenIds ?? plainPrompt(request),
    parameters: {
      max_new_tokens: request.outputTokens,
      ...(request.length === "forced" && {
        min_new_tokens: request.outputTokens,
        ignore_eos: true,
      }),
      do_sample: samples,
      ...(temperature !== undefined && temperature > 0 && { temperature }),
      top_p: topP,
      top_k: topK,
      stop_sequences: stop,
      ...parameters,
    },
  };
  return postJson(twoPathsUrl(target, PATHS, request.stream), body, { target, request });
}

function readToken(value: JsonObject): EngineEvent {
  const token = isObject(value.token) ? value.token : {};
  const event: EventDraft = { text: text(token.text) };
  takeCounter(event, token.count_output_tokens);
  takePromptTokens(event, token.prompt_tokens);
  takeFinishReason(event, value.finish_reason);
  if (value.finished === true) event.end = true;
  return event;
}

/** `{"generated_text": ["…"], "count_output_tokens": n, "finish_reason": "…", "prompt_tokens": m}` */
function readWhole(value: JsonObject): EngineEvent {
  const texts = value.generated_text;
  const event: EventDraft = { text: text(Array.isArray(texts) ? texts[0] : texts), end: true };
  takeCounter(event, value.count_output_tokens);
  takePromptTokens(event, value.prompt_tokens);
  takeFinishReason(event, value.finish_reason);
  return event;
}
