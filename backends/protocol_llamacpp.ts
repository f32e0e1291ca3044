/**
 * llama.cpp's own server, `/completion`.
 *
 * @module
 */
import {
  count,
  type EventDraft,
  eventReader,
  type JsonObject,
  numbers,
  text,
} from "./json_event.ts";
import { callUrl, postJson } from "./json_request.ts";
import { takeCounter, takeFinishReason, takeIds } from "./protocol_event.ts";
import { plainPrompt, samplingFields } from "./protocol_fields.ts";
import { HTTP_DEFAULTS } from "./protocol_http.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import type { EngineEvent, Protocol } from "./protocol.ts";

const PATH = "/completion";

const FIELDS = {
  content: "value",
  tokens_predicted: "value",
  tokens: "value",
  stop: "value",
  stop_type: "value",
  timings: "value",
  tokens_evaluated: "value",
} as const;

/**
 * llama.cpp native. The prompt cache is switched off: with it, a repeated prompt is not computed
 * again, and its TTFT is meaningless. Events of current servers carry the count so far. Those of
 * older ones carry ids, which can be fewer than the tokens while a character is incomplete, so the
 * last event's total is used too.
 */
export const llamacpp: Protocol = {
  ...HTTP_DEFAULTS,
  name: "llamacpp",
  title: "llama.cpp /completion",
  description: "llama.cpp's own server (default port 8080), with its prompt cache off so that " +
    "repeated prompts cost as much as new ones. It drops the connection after every stream.",
  path: PATH,
  tokenSource: "counter",
  takesTokenIds: true,
  endMark: "flag",
  buildRequest(request, target) {
    const body = {
      prompt: request.promptTokenIds ?? plainPrompt(request),
      n_predict: request.outputTokens,
      ignore_eos: request.length === "forced",
      stream: request.stream,
      cache_prompt: false,
      return_tokens: true,
      ...samplingFields(request),
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent: eventReader(readCompletion),
  quick: { fields: FIELDS, read: readCompletion },
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

function readCompletion(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.content) };
  if (!takeCounter(event, value.tokens_predicted)) takeIds(event, value.tokens);
  if (value.stop === true) {
    event.end = true;
    takeFinishReason(event, value.stop_type);
    const timings = numbers(value.timings);
    const promptTokens = count(value.tokens_evaluated);
    const cachedTokens = count(timings.cache_n);
    event.usage = {
      ...(promptTokens !== undefined && { promptTokens }),
      ...(cachedTokens !== undefined && { cachedTokens }),
    };
    event.timings = timings;
  }
  return event;
}
