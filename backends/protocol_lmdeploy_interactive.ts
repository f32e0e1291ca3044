/**
 * LMDeploy's own chat call, `/v1/chat/interactive`: one JSON object per line with a cumulative token
 * counter, which makes it the exact way to benchmark older LMDeploy servers. T-numbers:
 * docs/python-scripts.md.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import { type EventDraft, parseObject, reportedError, text } from "./json_event.ts";
import { callUrl, postJson } from "./json_request.ts";
import { takeCounter, takeFinishReason, takePromptTokens } from "./protocol_event.ts";
import { samplingFields, textPrompt } from "./protocol_fields.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import type { EngineEvent, GenerationRequest, Protocol } from "./protocol.ts";

const PATH = "/v1/chat/interactive";

/** What the native protocols of both ages have in common. */
export const LMDEPLOY_NATIVE: Omit<
  Protocol,
  "name" | "title" | "description" | "path" | "framing" | "buildRequest"
> = {
  carrier: "http",
  forcesLength: true,
  lengthTolerance: 1,
  tokenSource: "counter",
  usesRequestId: true,
  endMark: "finish_reason",
  readEvent: readNative,
  readError: readErrorBody,
};

/** The fields of both ages' requests. */
export function lmdeployNativeFields(
  request: GenerationRequest,
  protocol: string,
): Record<string, unknown> {
  return {
    prompt: textPrompt(request, protocol),
    stream: request.stream,
    request_output_len: request.outputTokens,
    ignore_eos: request.length === "forced",
    ...samplingFields(request),
  };
}

/**
 * LMDeploy ≥ 0.0.14 until mid-2026. Events `{"text": delta, "tokens": so far, "finish_reason"}`,
 * newline-delimited although the content type is `text/event-stream`, and no end mark except the
 * finish reason. The session number is the request's id; the session ends with the answer.
 *
 * @example
 * ```ts
 * import { findProtocol } from "@tokometer/tokometer";
 *
 * const protocol = findProtocol("lmdeploy-interactive");
 * const event = protocol.readEvent('{"text":"lo","tokens":2}', {
 *   model: "",
 *   messages: [{ role: "user", content: "hi" }],
 *   outputTokens: 2,
 *   length: "forced",
 *   stream: true,
 *   sampling: {},
 *   requestId: 1n,
 * });
 * if (event.totalTokens !== 2 || event.source !== "counter") throw new Error("no counter");
 * ```
 */
export const lmdeployInteractive: Protocol = {
  ...LMDEPLOY_NATIVE,
  name: "lmdeploy-interactive",
  title: "LMDeploy /v1/chat/interactive",
  description:
    "LMDeploy's native chat call (default port 23333): a token counter in every event, so counts " +
    "are exact where its OpenAI dialect reports none. Gone from servers after mid-2026: use lmdeploy-generate there.",
  path: PATH,
  framing: (stream) => stream ? "ndjson" : "json",
  buildRequest(request, target) {
    const body = {
      ...lmdeployNativeFields(request, "lmdeploy-interactive"),
      session_id: lmdeploySessionId(request.requestId),
      interactive_mode: false,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

/**
 * Reads `{"text", "tokens", "finish_reason"[, "input_tokens"]}`, the shape of both native calls:
 * one event of a stream, or the whole answer.
 */
function readNative(data: string | Uint8Array): EngineEvent {
  const value = parseObject(data);
  const error = reportedError(value);
  if (error !== undefined) return { error };
  const event: EventDraft = { text: text(value.text) };
  takeCounter(event, value.tokens);
  takePromptTokens(event, value.input_tokens);
  takeFinishReason(event, value.finish_reason);
  // The error message stands in place of the text.
  return event.finishReason === "error" ? { error: event.text || ENDED_WITH_ERROR } : event;
}

/** The message where the engine gives none. */
export const ENDED_WITH_ERROR = "the engine ended with finish reason error";

const SAFE_IDS = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * A session number that JSON can represent exactly: 1 … 2⁵³ − 1. Neighboring request ids stay
 * distinct, and the result is never 0 or negative, which LMDeploy takes for "none" (T32).
 */
export function lmdeploySessionId(requestId: bigint): number {
  return Number(BigInt.asUintN(64, requestId) % SAFE_IDS) + 1;
}
