/**
 * The newest LMDeploy servers' `/generate`: token ids and a counter in every event, and prompts
 * may be token ids.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "./json_event.ts";
import { callUrl, postJson } from "./json_request.ts";
import { plainPrompt } from "./protocol_openai_completions.ts";
import { listOpenaiModels } from "./protocol_openai_stream.ts";
import { lmdeploySessionId } from "./protocol_lmdeploy_interactive.ts";
import type { EngineEvent, GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

const PATH = "/generate";

/** What the reader of an event looks at. */
const WANTED = {
  text: "value",
  output_ids: "value",
  meta_info: { completion_tokens: "value", prompt_tokens: "value", finish_reason: "value" },
} as const;

/** LMDeploy of 2025 and later. `text` and `output_ids` are what the event adds. */
export const lmdeployGenerate: Protocol = {
  name: "lmdeploy-generate",
  title: "LMDeploy /generate",
  description: "LMDeploy's token-accurate generation call (default port 23333), also with token " +
    "ids as the prompt. For servers of 2025 and later; older ones have lmdeploy-interactive.",
  carrier: "http",
  path: PATH,
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "counter",
  takesTokenIds: true,
  usesRequestId: true,
  endMark: "done",
  framing: (stream) => stream ? "sse" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    if (seed !== undefined) {
      throw new TypeError(
        'Cannot send a seed with "lmdeploy-generate": the call has none; leave it out, or use lmdeploy-chat',
      );
    }
    const body = {
      ...(request.promptTokenIds !== undefined
        ? { input_ids: request.promptTokenIds }
        : { prompt: plainPrompt(request) }),
      session_id: lmdeploySessionId(request.requestId),
      max_tokens: request.outputTokens,
      ignore_eos: request.length === "forced",
      stream: request.stream,
      temperature,
      top_p: topP,
      top_k: topK,
      stop,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent(data: string | Uint8Array, request: GenerationRequest): EngineEvent {
    return data === "[DONE]" ? { end: true } : readJson(data, request);
  },
  quick: { wanted: WANTED, read: readAnswer },
  readError: readErrorBody,
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

function readAnswer(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.text) };
  const meta = isObject(value.meta_info) ? value.meta_info : {};
  const total = count(meta.completion_tokens);
  if (total !== undefined) {
    event.totalTokens = total;
    event.source = "counter";
  } else if (Array.isArray(value.output_ids)) {
    event.newTokens = value.output_ids.length;
    event.source = "ids";
  }
  const promptTokens = count(meta.prompt_tokens);
  if (promptTokens !== undefined) event.usage = { promptTokens };
  if (isObject(meta.finish_reason)) {
    const { type, message } = meta.finish_reason;
    event.finishReason = text(type);
    if (type === "error" || type === "abort") {
      event.error = text(message) || `the engine ended with finish reason ${type}`;
    }
  }
  return event;
}

const readJson = eventReader(readAnswer);
