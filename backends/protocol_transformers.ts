/**
 * A model that runs in this program instead of a server: the request that the transport `inprocess`
 * passes to its engine, and the events that it returns. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { oneLine, readErrorBody } from "./error_message.ts";
import { count, type EventDraft, isObject, parseObject, text } from "./json_event.ts";
import { mergeBody } from "./json_request.ts";
import { takeFinishReason } from "./protocol_event.ts";
import { samplingFields, textMessages } from "./protocol_fields.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

/** URL scheme of in-process models, followed by a folder or a name on the hub. */
export const INPROCESS_SCHEME = "inprocess:";

/** Path of the call that generates. */
const GENERATE_PATH = "/generate";
/** Path of the call that turns a prompt into token ids, before any timer starts (T17). */
export const TOKENIZE_PATH = "/tokenize";

/**
 * Protocol `transformers`. The base URL is the model's folder (or its name on the hub). Prompts are
 * sent as token ids: `prepare` asks the model's own tokenizer first, so that no latency includes
 * tokenizing (T17). Messages go through the chat template where the model has one.
 *
 * `extraBody.engine` holds settings of the engine, taken from the first request: `dtype`
 * (`fp32`, `fp16`, `q8`, `q4`, …), `device` (`cpu`), `threads`, `max_batch` (requests generated at
 * once; the others wait), `log_severity` (0 verbose … 4 fatal).
 */
export const transformers: Protocol = {
  name: "transformers",
  title: "Transformers.js, in process",
  description: "A local folder with an ONNX model, run in a worker of this program by " +
    "@huggingface/transformers (downloaded at the first use, 495 MB). The URL is the folder, or a " +
    "model's name on the hub.",
  carrier: "inprocess",
  path: GENERATE_PATH,
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "ids",
  takesTokenIds: true,
  endMark: "flag",
  framing: (stream) => stream ? "ndjson" : "json",
  buildRequest(request, target) {
    return callOf(target, GENERATE_PATH, {
      ...promptOf(request),
      max_new_tokens: request.outputTokens,
      min_new_tokens: request.length === "forced" ? request.outputTokens : undefined,
      stream: request.stream,
      ...samplingFields(request),
    }, request);
  },
  readEvent(data) {
    const value = parseObject(data);
    if (typeof value.error === "string") return { error: oneLine(value.error) };
    if (count(value.token) !== undefined) return { newTokens: 1, source: "ids" };
    if (!isObject(value.usage)) {
      throw new SyntaxError("Cannot read the event: neither a token nor the end of the answer");
    }
    const event: EventDraft = { text: text(value.text), end: true };
    const promptTokens = count(value.usage.prompt_tokens);
    const outputTokens = count(value.usage.completion_tokens);
    event.usage = {
      ...(promptTokens !== undefined && { promptTokens }),
      ...(outputTokens !== undefined && { outputTokens }),
    };
    takeFinishReason(event, value.finish_reason);
    return event;
  },
  readError: readErrorBody,
  async prepare(request, target, ask) {
    if (request.promptTokenIds !== undefined) return request;
    const { body } = await ask(callOf(target, TOKENIZE_PATH, promptOf(request), request));
    const answer = parseObject(body);
    if (!Array.isArray(answer.ids)) {
      throw new TypeError(`Cannot tokenize the prompt: ${text(answer.error) || "no answer"}`);
    }
    return { ...request, promptTokenIds: answer.ids as number[] };
  },
};

function promptOf(request: GenerationRequest): Record<string, unknown> {
  return request.promptTokenIds !== undefined
    ? { prompt_ids: request.promptTokenIds }
    : { messages: textMessages(request) };
}

function callOf(
  target: Target,
  path: string,
  body: Readonly<Record<string, unknown>>,
  request: GenerationRequest,
): WireRequest {
  const merged = mergeBody(body, request.extraBody);
  const model = target.baseUrl.startsWith(INPROCESS_SCHEME)
    ? target.baseUrl
    : INPROCESS_SCHEME + target.baseUrl;
  return {
    method: "POST",
    url: `${model}#${path}`,
    headers: {},
    body: new TextEncoder().encode(JSON.stringify(merged)),
  };
}
