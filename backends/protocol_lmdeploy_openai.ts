/**
 * LMDeploy's dialect of the OpenAI calls: a prompt without a chat template, sessions, and a length
 * that some versions exceed by one.
 *
 * @module
 */
import { callUrl, postJson } from "./json_request.ts";
import { samplingFields, textPrompt } from "./protocol_fields.ts";
import { HTTP_DEFAULTS } from "./protocol_http.ts";
import { ENDED_WITH_ERROR, lmdeploySessionId } from "./protocol_lmdeploy_interactive.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import { openaiQuick, readOpenaiEvent } from "./protocol_openai_stream.ts";
import type {
  EngineEvent,
  GenerationRequest,
  Protocol,
  QuickEvents,
  Target,
  WireRequest,
} from "./protocol.ts";

const CHAT_PATH = "/v1/chat/completions";
const COMPLETIONS_PATH = "/v1/completions";

const quick: QuickEvents = {
  wanted: openaiQuick.wanted,
  read: (value, request) => withEnding(openaiQuick.read(value, request)),
};

/**
 * Chat with `messages` as one plain string, which makes LMDeploy skip the chat template: the
 * prompt has exactly the tokens of the dataset, as in LMDeploy's own benchmark script. Versions up
 * to 0.4 send a role chunk before anything is generated; it carries no token (T4). Versions before
 * 0.6 report no usage in a stream, so counts are of events unless the text is counted.
 */
export const lmdeployChat: Protocol = {
  ...HTTP_DEFAULTS,
  name: "lmdeploy-chat",
  title: "LMDeploy chat, plain prompt",
  description:
    "LMDeploy's /v1/chat/completions (default port 23333) with the prompt as one string, " +
    "which skips the chat template, as LMDeploy's own script does. For templated chat: openai-chat.",
  path: CHAT_PATH,
  lengthTolerance: 1,
  tokenSource: "usage",
  usesRequestId: true,
  endMark: "done",
  buildRequest: (request, target) =>
    build(CHAT_PATH, { messages: textPrompt(request, "lmdeploy-chat") }, { request, target }),
  readEvent,
  quick,
  listModels: (target, ask) => listOpenaiModels(CHAT_PATH, target, ask),
};

/** Completions with LMDeploy's session ids; its versions report usage as its chat does. */
export const lmdeployCompletions: Protocol = {
  ...HTTP_DEFAULTS,
  name: "lmdeploy-completions",
  title: "LMDeploy completions",
  description:
    "LMDeploy's /v1/completions (default port 23333) with a session id per request and " +
    "one token of tolerance, which some versions need.",
  path: COMPLETIONS_PATH,
  lengthTolerance: 1,
  tokenSource: "usage",
  usesRequestId: true,
  endMark: "done",
  buildRequest: (request, target) =>
    build(COMPLETIONS_PATH, { prompt: textPrompt(request, "lmdeploy-completions") }, {
      request,
      target,
    }),
  readEvent,
  quick,
  listModels: (target, ask) => listOpenaiModels(COMPLETIONS_PATH, target, ask),
};

function build(
  path: string,
  prompt: { readonly messages: string } | { readonly prompt: string },
  { request, target }: { readonly request: GenerationRequest; readonly target: Target },
): WireRequest {
  const body = {
    model: request.model || undefined,
    ...prompt,
    max_tokens: request.outputTokens,
    ignore_eos: request.length === "forced",
    session_id: lmdeploySessionId(request.requestId),
    stream: request.stream,
    stream_options: request.stream ? { include_usage: true } : undefined,
    ...samplingFields(request),
  };
  return postJson(callUrl(target, path), body, { target, request });
}

function readEvent(data: string | Uint8Array): EngineEvent {
  return withEnding(readOpenaiEvent(data));
}

function withEnding(event: EngineEvent): EngineEvent {
  return event.finishReason === "error" && event.error === undefined
    ? { ...event, error: ENDED_WITH_ERROR }
    : event;
}
