/**
 * Triton Inference Server's generate extension over HTTP, in front of TensorRT-LLM and of vLLM.
 *
 * @module
 */
import { askJson } from "./json_ask.ts";
import { readErrorBody } from "./error_message.ts";
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "./json_event.ts";
import { mergeBody, postJson, requestHeaders, serverRoot } from "./json_request.ts";
import { textPrompt } from "./protocol_text_prompt.ts";
import { type TwinPaths, twinUrl } from "./protocol_two_paths.ts";
import type {
  Ask,
  EngineEvent,
  GenerationRequest,
  Protocol,
  Target,
  WireRequest,
} from "./protocol.ts";

const TRTLLM_MODEL = "ensemble";
const VLLM_MODEL = "vllm_model";

const VLLM_WANTED = {
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
  name: "triton-trtllm",
  title: "Triton generate_stream, TensorRT-LLM",
  description: "TensorRT-LLM behind Triton (default port 8000; --model is the Triton model, " +
    "default ensemble). It reports no token counts: give --tokenizer to have the text counted.",
  carrier: "http",
  path: `/v2/models/${TRTLLM_MODEL}/generate_stream`,
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "event",
  endMark: "eof",
  framing: (stream) => stream ? "sse" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
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
    const url = twinUrl(target, generatePaths(request.model || TRTLLM_MODEL), request.stream);
    return postJson(url, body, { target, request });
  },
  readEvent: eventReader(readTrtllm),
  quick: { wanted: { text_output: "value" }, read: readTrtllm },
  readError: readErrorBody,
  listModels: (target, ask) => listTritonModels(target, ask, TRTLLM_MODEL),
};

function readTrtllm(value: JsonObject): EngineEvent {
  return { text: text(value.text_output) };
}

/**
 * Triton's vLLM backend. Counts and finish reasons are asked for (Triton 24.12 and later give
 * them; earlier ones send text only). Sampling travels as JSON inside the JSON; `extraBody` may
 * hold `sampling_parameters` as an object, which is merged before it is packed.
 */
export const tritonVllm: Protocol = {
  name: "triton-vllm",
  title: "Triton generate_stream, vLLM backend",
  description: "vLLM behind Triton (default port 8000; --model is the Triton model, default " +
    "vllm_model). Token counts need Triton 24.12 or later.",
  carrier: "http",
  path: `/v2/models/${VLLM_MODEL}/generate_stream`,
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "ids",
  endMark: "eof",
  framing: (stream) => stream ? "sse" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const sampling = {
      max_tokens: request.outputTokens,
      ...(request.length === "forced" && { min_tokens: request.outputTokens, ignore_eos: true }),
      temperature,
      top_p: topP,
      top_k: topK,
      seed,
      stop,
    };
    const body = mergeBody({
      text_input: textPrompt(request, "triton-vllm"),
      stream: request.stream,
      // The backend puts the prompt in front of an answer that is not streamed unless told.
      exclude_input_in_output: true,
      return_finish_reason: true,
      return_num_input_tokens: true,
      return_num_output_tokens: true,
      sampling_parameters: sampling,
    }, request.extraBody);
    if (isObject(body.sampling_parameters)) {
      body.sampling_parameters = JSON.stringify(body.sampling_parameters);
    }
    const url = twinUrl(target, generatePaths(request.model || VLLM_MODEL), request.stream);
    return postJson(url, body, { target, request: { ...request, extraBody: {} } });
  },
  readEvent: eventReader(readVllm),
  quick: { wanted: VLLM_WANTED, read: readVllm },
  readError: readErrorBody,
  listModels: (target, ask) => listTritonModels(target, ask, VLLM_MODEL),
};

function readVllm(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.text_output) };
  const newTokens = count(value.num_output_tokens);
  if (newTokens !== undefined) {
    event.newTokens = newTokens;
    event.source = "ids";
  }
  const promptTokens = count(value.num_input_tokens);
  if (promptTokens !== undefined) event.usage = { promptTokens };
  // Python's str(None) comes with every event but the last.
  const reason = text(value.finish_reason);
  if (reason !== "" && reason !== "None") event.finishReason = reason;
  return event;
}

function generatePaths(model: string): TwinPaths {
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
  const names = (Array.isArray(answer) ? answer : [])
    .map((entry: unknown) => isObject(entry) ? text(entry.name) : "")
    .filter((name) => name !== "");
  if (names.length === 0) {
    throw new TypeError(
      `Cannot choose a model: ${url} lists none that is loaded; give --model NAME`,
    );
  }
  return names.includes(usual) ? [usual, ...names.filter((name) => name !== usual)] : names;
}
