/**
 * The newest LMDeploy servers' `/generate`: token ids and a counter in every event, and prompts
 * may be token ids.
 *
 * @module
 */
import { type EventDraft, eventReader, isObject, type JsonObject, text } from "./json_event.ts";
import { callUrl, postJson } from "./json_request.ts";
import { takeCounter, takeIds, takePromptTokens } from "./protocol_event.ts";
import { plainPrompt, samplingFields } from "./protocol_fields.ts";
import { HTTP_DEFAULTS } from "./protocol_http.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import { lmdeploySessionId } from "./protocol_lmdeploy_interactive.ts";
import type { EngineEvent, Protocol } from "./protocol.ts";

const PATH = "/generate";

const FIELDS = {
  text: "value",
  output_ids: "value",
  meta_info: { completion_tokens: "value", prompt_tokens: "value", finish_reason: "value" },
} as const;

/** LMDeploy of 2025 and later. `text` and `output_ids` are what the event adds. */
export const lmdeployGenerate: Protocol = {
  ...HTTP_DEFAULTS,
  name: "lmdeploy-generate",
  title: "LMDeploy /generate",
  description: "LMDeploy's token-accurate generation call (default port 23333), also with token " +
    "ids as the prompt. For servers of 2025 and later; older ones have lmdeploy-interactive.",
  path: PATH,
  tokenSource: "counter",
  takesTokenIds: true,
  usesRequestId: true,
  endMark: "done",
  buildRequest(request, target) {
    if (request.sampling.seed !== undefined) {
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
      ...samplingFields(request),
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent(data, request) {
    return data === "[DONE]" ? { end: true } : readJson(data, request);
  },
  quick: { fields: FIELDS, read: readAnswer },
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

function readAnswer(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.text) };
  const meta = isObject(value.meta_info) ? value.meta_info : {};
  if (!takeCounter(event, meta.completion_tokens)) takeIds(event, value.output_ids);
  takePromptTokens(event, meta.prompt_tokens);
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
