/**
 * The first LMDeploy servers' `/generate`: JSON texts separated by a NUL byte.
 *
 * @module
 */
import { callUrl, postJson } from "./json_request.ts";
import {
  LMDEPLOY_NATIVE,
  lmdeployNativeFields,
  lmdeploySessionId,
} from "./protocol_lmdeploy_interactive.ts";
import type { Protocol } from "./protocol.ts";

const PATH = "/generate";

/** LMDeploy ≤ 0.0.10. The session number is the request's id; the session ends with the answer. */
export const lmdeployNul: Protocol = {
  ...LMDEPLOY_NATIVE,
  name: "lmdeploy-nul",
  title: "LMDeploy ≤ 0.0.10 /generate",
  description: "The NUL-separated stream of LMDeploy up to 0.0.10 (default port 23333), with a " +
    "token counter in every event. For servers of that time only.",
  path: PATH,
  framing: (stream) => stream ? "nul" : "json",
  buildRequest(request, target) {
    const { seed, stop } = request.sampling;
    if (seed !== undefined || stop !== undefined) {
      throw new TypeError(
        `Cannot send a ${seed !== undefined ? "seed" : "stop text"} with "lmdeploy-nul": ` +
          "these servers know neither; leave it out, or use lmdeploy-interactive on a newer one",
      );
    }
    const body = {
      ...lmdeployNativeFields(request, "lmdeploy-nul"),
      instance_id: lmdeploySessionId(request.requestId),
      sequence_start: true,
      // The default (false) keeps the session's cache for a next message that never comes.
      sequence_end: true,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
};
