/**
 * Triton Inference Server's generate extension over HTTP, in front of TensorRT-LLM and of vLLM.
 *
 * @module
 */
import { askJson } from "./json_ask.ts";
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "./json_event.ts";
import { mergeBody, postJson, requestHeaders, serverRoot } from "./json_request.ts";
import { errorWithout, takePromptTokens } from "./protocol_event.ts";
import { samplingFields, textPrompt } from "./protocol_fields.ts";
import { HTTP_DEFAULTS, type TwoPaths, twoPathsUrl } from "./protocol_http.ts";
import { namedModels } from "./protocol_models.ts";
import type { Ask, EngineEvent, Protocol, Target } from "./protocol.ts";

const TRTLLM_MODEL = "ensemble";
const VLLM_MODEL = "vllm_model";

const VLLM_FIELDS = {
  text_output: "value",
  num_output_tokens: "value",
  num_input_tokens: "value",
  finish_reason: "value",
} as const;

/**
 * TensorRT-LLM's ensemble. Events carry text and no count, so counts are of events. A forced
 * length sets `end_id` to −1, a token that never comes; `pad_id` must then be given too.
 */
export const tritonTrtllm: Protocol = {
  ...HTTP_DEFAULTS,
  name: "triton-trtllm",
  title: "Triton generate_stream, TensorRT-LLM",
  description: "TensorRT-LLM behind Triton (default port 8000; --model is the Triton model, " +
    "default ensemble). It reports no token counts: give --tokenizer to have the text counted.",
  path: `/v2/models/${TRTLLM_MODEL}/generate_stream`,
  tokenSource: "event",
  endMark: "eof",
  buildRequest(request, target) {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const body = {
      text_input: textPrompt(request, "triton-trtllm"),
      max_tokens: request.outputTokens,
      stream: request.stream,
      bad_words: "",
      stop_words: stop === undefined || stop.length === 0 ? "" : stop,
      ...(request.length === "forced" && { pad_id: 2, end_id: -1 }),
      temperature,
      top_p: topP,
      top_k: topK,
      random_seed: seed,
    };
    const url = twoPathsUrl(target, generatePaths(request.model || TRTLLM_MODEL), request.stream);
    return postJson(url, body, { target, request });
  },
  readEvent: eventReader(readTrtllm),
  quick: { fields: { text_output: "value" }, read: readTrtllm },
  listModels: (target, ask) => listTritonModels(target, ask, TRTLLM_MODEL),
};

function readTrtllm(value: JsonObject): EngineEvent {
  const error = errorWithout(value, "text_output");
  return error === undefined ? { text: text(value.text_output) } : { error };
}

/**
 * Triton's vLLM backend. Counts and finish reasons are requested (Triton 24.12 and later send
 * them; earlier ones send text only). Sampling travels as JSON inside the JSON; `extraBody` may
 * hold `sampling_parameters` as an object, which is merged before it is packed.
 */
export const tritonVllm: Protocol = {
  ...HTTP_DEFAULTS,
  name: "triton-vllm",
  title: "Triton generate_stream, vLLM backend",
  description: "vLLM behind Triton (default port 8000; --model is the Triton model, default " +
    "vllm_model). Token counts need Triton 24.12 or later.",
  path: `/v2/models/${VLLM_MODEL}/generate_stream`,
  tokenSource: "ids",
  endMark: "eof",
  buildRequest(request, target) {
    const sampling = {
      max_tokens: request.outputTokens,
      ...(request.length === "forced" && { min_tokens: request.outputTokens, ignore_eos: true }),
      ...samplingFields(request),
    };
    const body = mergeBody({
      text_input: textPrompt(request, "triton-vllm"),
      stream: request.stream,
      // Without it the backend puts the prompt in front of an answer that is not streamed.
      exclude_input_in_output: true,
      return_finish_reason: true,
      return_num_input_tokens: true,
      return_num_output_tokens: true,
      sampling_parameters: sampling,
    }, request.extraBody);
    if (isObject(body.sampling_parameters)) {
      body.sampling_parameters = JSON.stringify(body.sampling_parameters);
    }
    const url = twoPathsUrl(target, generatePaths(request.model || VLLM_MODEL), request.stream);
    return postJson(url, body, { target, request: { ...request, extraBody: {} } });
  },
  readEvent: eventReader(readVllm),
  quick: { fields: VLLM_FIELDS, read: readVllm },
  listModels: (target, ask) => listTritonModels(target, ask, VLLM_MODEL),
};

function readVllm(value: JsonObject): EngineEvent {
  const error = errorWithout(value, "text_output");
  if (error !== undefined) return { error };
  const event: EventDraft = { text: text(value.text_output) };
  const newTokens = count(value.num_output_tokens);
  if (newTokens !== undefined) {
    event.newTokens = newTokens;
    event.source = "ids";
  }
  takePromptTokens(event, value.num_input_tokens);
  // All events but the last carry Python's str(None).
  const reason = text(value.finish_reason);
  if (reason !== "" && reason !== "None") event.finishReason = reason;
  return event;
}

function generatePaths(model: string): TwoPaths {
  const base = `/v2/models/${encodeURIComponent(model)}`;
  return { stream: `${base}/generate_stream`, whole: `${base}/generate` };
}

/** Models that Triton has loaded, the usual one first. */
async function listTritonModels(
  target: Target,
  ask: Ask,
  usual: string,
): Promise<readonly string[]> {
  const root = serverRoot(target.baseUrl.replace(/\/v2\/models\/.*$/, ""), "/v2");
  const url = `${root}/v2/repository/index`;
  const headers = requestHeaders(target, { "content-type": "application/json" });
  const body = new TextEncoder().encode('{"ready":true}');
  const answer = await askJson({ method: "POST", url, headers, body }, ask);
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [];
  const names = namedModels(list.map((each) => isObject(each) ? text(each.name) : ""), url);
  return names.includes(usual) ? [usual, ...names.filter((name) => name !== usual)] : names;
}
