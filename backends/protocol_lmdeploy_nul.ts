/**
 * The first LMDeploy servers' `/generate`: JSON texts separated by a NUL byte.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import { callUrl, postJson } from "./json_request.ts";
import { textPrompt } from "./protocol_text_prompt.ts";
import { lmdeploySessionId, readLmdeployNative } from "./protocol_lmdeploy_interactive.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

const PATH = "/generate";

/** LMDeploy ≤ 0.0.10. Sessions are numbered by the request's id and ended with the answer. */
export const lmdeployNul: Protocol = {
  name: "lmdeploy-nul",
  title: "LMDeploy ≤ 0.0.10 /generate",
  description: "The NUL-separated stream of LMDeploy up to 0.0.10 (default port 23333), with a " +
    "token counter in every event. For servers of that age only.",
  carrier: "http",
  path: PATH,
  forcesLength: true,
  lengthTolerance: 1,
  tokenSource: "counter",
  usesRequestId: true,
  endMark: "finish_reason",
  framing: (stream) => stream ? "nul" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    if (seed !== undefined || stop !== undefined) {
      throw new TypeError(
        `Cannot send a ${seed !== undefined ? "seed" : "stop text"} with "lmdeploy-nul": ` +
          "these servers know neither; leave it out, or use lmdeploy-interactive on a newer one",
      );
    }
    const body = {
      prompt: textPrompt(request, "lmdeploy-nul"),
      instance_id: lmdeploySessionId(request.requestId),
      sequence_start: true,
      // The default (false) keeps the session's cache for a next turn that never comes.
      sequence_end: true,
      stream: request.stream,
      request_output_len: request.outputTokens,
      ignore_eos: request.length === "forced",
      temperature,
      top_p: topP,
      top_k: topK,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent: readLmdeployNative,
  readError: readErrorBody,
};
