/**
 * LMDeploy's dialect of the OpenAI calls: a prompt without a chat template, sessions, and a length
 * that some versions exceed by one. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { callUrl, postJson } from "./json_request.ts";
import { samplingFields, textPrompt } from "./protocol_fields.ts";
import { ENDED_WITH_ERROR, lmdeploySessionId } from "./protocol_lmdeploy_interactive.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import { OPENAI_DEFAULTS, openaiQuick, readOpenaiEvent } from "./protocol_openai_stream.ts";
import type { EngineEvent, Protocol } from "./protocol.ts";

/**
 * Chat with `messages` as one plain string, which makes LMDeploy skip the chat template: the
 * prompt has exactly the tokens of the dataset, as in LMDeploy's own benchmark script. Versions up
 * to 0.4 send a role chunk before anything is generated; it carries no token (T4). Versions before
 * 0.6 report no usage in a stream, so counts are of events unless the text is counted.
 */
export const lmdeployChat: Protocol = lmdeployDialect({
  name: "lmdeploy-chat",
  title: "LMDeploy chat, plain prompt",
  description:
    "LMDeploy's /v1/chat/completions (default port 23333) with the prompt as one string, " +
    "which skips the chat template, as LMDeploy's own script does. For templated chat: openai-chat.",
  path: "/v1/chat/completions",
}, "messages");

/** Completions with LMDeploy's session ids; its versions report usage as its chat does. */
export const lmdeployCompletions: Protocol = lmdeployDialect({
  name: "lmdeploy-completions",
  title: "LMDeploy completions",
  description:
    "LMDeploy's /v1/completions (default port 23333) with a session id per request and " +
    "one token of tolerance, which some versions need.",
  path: "/v1/completions",
}, "prompt");

/** `field` carries the prompt. */
function lmdeployDialect(
  call: Pick<Protocol, "name" | "title" | "description" | "path">,
  field: "messages" | "prompt",
): Protocol {
  return {
    ...OPENAI_DEFAULTS,
    ...call,
    lengthTolerance: 1,
    usesRequestId: true,
    buildRequest(request, target) {
      const body = {
        model: request.model || undefined,
        [field]: textPrompt(request, call.name),
        [request.lengthField ?? "max_tokens"]: request.outputTokens,
        ignore_eos: request.length === "forced",
        session_id: lmdeploySessionId(request.requestId),
        stream: request.stream,
        stream_options: request.stream ? { include_usage: true } : undefined,
        ...samplingFields(request),
      };
      return postJson(callUrl(target, call.path), body, { target, request });
    },
    readEvent: (data) => withEnding(readOpenaiEvent(data)),
    quick: {
      ...openaiQuick,
      read: (value, request) => withEnding(openaiQuick.read(value, request)),
    },
    listModels: (target, ask) => listOpenaiModels(call.path, target, ask),
  };
}

function withEnding(event: EngineEvent): EngineEvent {
  return event.finishReason === "error" && event.error === undefined
    ? { ...event, error: ENDED_WITH_ERROR }
    : event;
}
