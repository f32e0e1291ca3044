/**
 * AMSv2 as the simulated engine plays it, from what its client expects.
 *
 * @module
 */
import { isObject } from "./json_event.ts";
import { simBody, simEnds, simJob, simJsonReply, simSseTight, simText } from "./sim_json.ts";
import type { SimFinish, SimProtocol, SimReply } from "./sim_protocol.ts";

const STREAM_PATH = "/text-generation/generate_stream";
const WHOLE_PATH = "/text-generation/generate";

/** `generated_text` is what the event adds; the last one has the total in `details`. */
export const simAmsv2: SimProtocol = {
  name: "amsv2",
  matches: (method, path) => method === "POST" && (path === STREAM_PATH || path === WHOLE_PATH),
  accept(request, model) {
    const body = simBody(request);
    if (body === undefined) return errorReply(400, "The body is not a JSON object");
    const parameters = isObject(body.parameters) ? body.parameters : {};
    return simJob({
      model,
      prompt: body.inputs,
      maxTokens: parameters.max_new_tokens,
      defaultMaxTokens: 100,
      stream: request.path === STREAM_PATH,
    }, (problem) => errorReply(400, problem));
  },
  contentType: () => "text/event-stream",
  event: (stream, tokens, last, finish) =>
    simSseTight({
      generated_text: simText(tokens),
      details: simEnds(stream, last) ? details(stream.tokensSoFar, finish) : null,
    }),
  errorEvent: (_stream, message) => simSseTight({ error: message }),
  errorReply,
  whole: (_stream, tokens, finish) =>
    simJsonReply(200, {
      generated_text: simText(tokens),
      details: details(tokens.length, finish),
    }),
};

function details(generated: number, finish: SimFinish): unknown {
  return { finish_reason: finish === "stop" ? "eos_token" : "length", generated_tokens: generated };
}

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, { error: message });
}
