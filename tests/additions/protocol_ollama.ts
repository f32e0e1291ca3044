/**
 * Ollama's own call, `/api/chat`: one JSON object per line.
 *
 * @module
 */
import { defined } from "../../backends/defined.ts";
import { readErrorBody } from "../../backends/error_message.ts";
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "../../backends/json_event.ts";
import { callUrl, postJson } from "../../backends/json_request.ts";
import { listOpenaiModels } from "../../backends/protocol_models.ts";
import type {
  EngineEvent,
  GenerationRequest,
  Protocol,
  Target,
  WireRequest,
} from "../../backends/protocol.ts";

const PATH = "/api/chat";

/** Ollama native. The last line has the counts; the length can be capped and not forced. */
export const ollama: Protocol = {
  name: "ollama",
  title: "Ollama /api/chat",
  description: "Ollama's own server (default port 11434).",
  carrier: "http",
  path: PATH,
  forcesLength: false,
  lengthTolerance: 0,
  tokenSource: "usage",
  endMark: "flag",
  framing: (stream) => stream ? "ndjson" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    if (request.promptTokenIds !== undefined) {
      throw new TypeError('Cannot send token ids with "ollama": it takes messages only');
    }
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const body = {
      model: request.model,
      messages: request.messages,
      stream: request.stream,
      options: defined({
        num_predict: request.outputTokens,
        temperature,
        top_p: topP,
        top_k: topK,
        seed,
        stop,
      }),
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent: eventReader(readLine),
  readError: readErrorBody,
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

function readLine(value: JsonObject): EngineEvent {
  const { message, done } = value;
  const event: EventDraft = { text: isObject(message) ? text(message.content) : "" };
  if (done === true) {
    event.end = true;
    if (typeof value.done_reason === "string") event.finishReason = value.done_reason;
    event.usage = defined({
      promptTokens: count(value.prompt_eval_count),
      outputTokens: count(value.eval_count),
    });
  }
  return event;
}
