/**
 * llama.cpp's own server, `/completion`.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import {
  count,
  type EventDraft,
  eventReader,
  type JsonObject,
  numbers,
  text,
} from "./json_event.ts";
import { callUrl, postJson } from "./json_request.ts";
import { plainPrompt } from "./protocol_openai_completions.ts";
import { listOpenaiModels } from "./protocol_openai_stream.ts";
import type { EngineEvent, GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

const PATH = "/completion";

/** What the reader of an event looks at. */
const WANTED = {
  content: "value",
  tokens_predicted: "value",
  tokens: "value",
  stop: "value",
  stop_type: "value",
  timings: "value",
  tokens_evaluated: "value",
} as const;

/**
 * llama.cpp native. The prompt cache is switched off: with it a repeated prompt is not computed
 * again, and its TTFT says nothing. Events of current servers carry the count so far; older
 * ones the ids of the event, which can be fewer than the tokens while a character is incomplete,
 * so the last event's total is taken too.
 */
export const llamacpp: Protocol = {
  name: "llamacpp",
  title: "llama.cpp /completion",
  description: "llama.cpp's own server (default port 8080), with its prompt cache off so that " +
    "repeated prompts cost what new ones do. It drops the connection after every stream.",
  carrier: "http",
  path: PATH,
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "counter",
  takesTokenIds: true,
  endMark: "flag",
  framing: (stream) => stream ? "sse" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const body = {
      prompt: request.promptTokenIds ?? plainPrompt(request),
      n_predict: request.outputTokens,
      ignore_eos: request.length === "forced",
      stream: request.stream,
      cache_prompt: false,
      return_tokens: true,
      temperature,
      top_p: topP,
      top_k: topK,
      seed,
      stop,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent: eventReader(readCompletion),
  quick: { wanted: WANTED, read: readCompletion },
  readError: readErrorBody,
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

function readCompletion(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.content) };
  const total = count(value.tokens_predicted);
  if (total !== undefined) {
    event.totalTokens = total;
    event.source = "counter";
  } else if (Array.isArray(value.tokens)) {
    event.newTokens = value.tokens.length;
    event.source = "ids";
  }
  if (value.stop === true) {
    event.end = true;
    if (typeof value.stop_type === "string") event.finishReason = value.stop_type;
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
