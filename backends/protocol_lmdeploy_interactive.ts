/**
 * LMDeploy's own chat call, `/v1/chat/interactive`: one JSON object a line with a cumulative token
 * counter, which makes it the exact way to benchmark the older LMDeploy servers.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import { count, type EventDraft, parseObject, reportedError, text } from "./json_event.ts";
import { callUrl, postJson } from "./json_request.ts";
import { listOpenaiModels } from "./protocol_openai_stream.ts";
import { textPrompt } from "./protocol_text_prompt.ts";
import type { EngineEvent, GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

const PATH = "/v1/chat/interactive";

/**
 * LMDeploy ≥ 0.0.14 until mid-2026. Events `{"text": delta, "tokens": so far, "finish_reason"}`,
 * newline-delimited although the content type says `text/event-stream`, and no end mark but the
 * finish reason. Sessions are numbered by the request's id and forgotten after the answer.
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
  name: "lmdeploy-interactive",
  title: "LMDeploy /v1/chat/interactive",
  description:
    "LMDeploy's native chat call (default port 23333): a token counter in every event, so counts " +
    "are exact where its OpenAI dialect tells none. Gone from servers after mid-2026: use lmdeploy-generate there.",
  carrier: "http",
  path: PATH,
  forcesLength: true,
  lengthTolerance: 1,
  tokenSource: "counter",
  usesRequestId: true,
  endMark: "finish_reason",
  framing: (stream) => stream ? "ndjson" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const body = {
      prompt: textPrompt(request, "lmdeploy-interactive"),
      session_id: lmdeploySessionId(request.requestId),
      interactive_mode: false,
      stream: request.stream,
      request_output_len: request.outputTokens,
      ignore_eos: request.length === "forced",
      temperature,
      top_p: topP,
      top_k: topK,
      seed,
      stop,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent: readLmdeployNative,
  readError: readErrorBody,
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};

/**
 * Reads `{"text", "tokens", "finish_reason"[, "input_tokens"]}`, the shape of both native calls:
 * one event of a stream, or the whole answer.
 */
export function readLmdeployNative(data: string | Uint8Array): EngineEvent {
  const value = parseObject(data);
  const error = reportedError(value);
  if (error !== undefined) return { error };
  const event: EventDraft = { text: text(value.text) };
  const total = count(value.tokens);
  if (total !== undefined) {
    event.totalTokens = total;
    event.source = "counter";
  }
  const promptTokens = count(value.input_tokens);
  if (promptTokens !== undefined) event.usage = { promptTokens };
  if (typeof value.finish_reason === "string") {
    event.finishReason = value.finish_reason;
    // What went wrong stands in the place of the text.
    if (value.finish_reason === "error") {
      return { error: event.text || "the engine ended with finish reason error" };
    }
  }
  return event;
}

const SAFE_IDS = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * A session number that JSON carries exactly: 1 … 2⁵³ − 1. Neighbouring request ids stay distinct,
 * and 0 or a negative number, which LMDeploy reads as "none given", never comes out (T32).
 */
export function lmdeploySessionId(requestId: bigint): number {
  return Number(BigInt.asUintN(64, requestId) % SAFE_IDS) + 1;
}
