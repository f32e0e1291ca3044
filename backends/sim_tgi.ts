/**
 * Text Generation Inference as the simulated engine plays it.
 *
 * @module
 */
import { isObject, type JsonObject } from "./json_event.ts";
import { simBody, simEachToken, simJob, simJsonReply, simSseTight, simText } from "./sim_json.ts";
import type { SimFinish, SimProtocol, SimReply } from "./sim_protocol.ts";

const STREAM_PATH = "/generate_stream";
const WHOLE_PATH = "/generate";

/** `/generate_stream`, `/generate` and `/info`; `ignore_eos` is unknown here, as in the engine. */
export const simTgi: SimProtocol = {
  name: "tgi",
  matches: (method, path) =>
    (method === "POST" && (path === STREAM_PATH || path === WHOLE_PATH)) ||
    (method === "GET" && path === "/info"),
  accept(request, model) {
    if (request.method === "GET") {
      return simJsonReply(200, { model_id: model, version: "simulated" });
    }
    const body = simBody(request);
    if (body === undefined) return errorReply(422, "Failed to parse the request body as JSON");
    const parameters = isObject(body.parameters) ? body.parameters : {};
    const refused = invalid(parameters);
    if (refused !== undefined) return errorReply(422, `Input validation error: ${refused}`);
    return simJob({
      model,
      prompt: body.inputs,
      maxTokens: parameters.max_new_tokens,
      defaultMaxTokens: 100,
      stream: request.path === STREAM_PATH,
      extra: { details: parameters.details === true },
    }, (problem) => errorReply(422, `Input validation error: ${problem}`));
  },
  contentType: () => "text/event-stream",
  event: (stream, tokens, last, finish) =>
    simEachToken(stream, { tokens, last }, (token, soFar, isLast) => ({
      index: soFar,
      token: { id: token.id, text: token.text, logprob: -0.5, special: false },
      generated_text: isLast ? stream.textSoFar : null,
      details: isLast && stream.job.extra.details === true
        ? {
          finish_reason: finishReason(finish),
          generated_tokens: stream.tokensSoFar,
          seed: null,
          input_length: stream.job.promptTokens,
        }
        : null,
    })),
  errorEvent: (_stream, message) => simSseTight({ error: message, error_type: "generation" }),
  errorReply,
  whole: (stream, tokens, finish) =>
    simJsonReply(200, {
      generated_text: simText(tokens),
      ...(stream.job.extra.details === true && {
        details: {
          finish_reason: finishReason(finish),
          generated_tokens: tokens.length,
          seed: null,
          prefill: [],
          tokens: tokens.map(({ id, text }) => ({ id, text, logprob: -0.5, special: false })),
        },
      }),
    }),
};

/** Why TGI refuses values that mean "off" to other engines. */
function invalid({ temperature, top_p: topP, top_k: topK }: JsonObject): string | undefined {
  if (typeof temperature === "number" && temperature <= 0) {
    return "`temperature` must be strictly positive";
  }
  if (typeof topP === "number" && (topP <= 0 || topP >= 1)) {
    return "`top_p` must be > 0.0 and < 1.0";
  }
  if (typeof topK === "number" && topK <= 0) return "`top_k` must be strictly positive";
  return undefined;
}

function finishReason(finish: SimFinish): string {
  return finish === "stop" ? "eos_token" : "length";
}

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, {
    error: message,
    error_type: status === 429 ? "overloaded" : status === 422 ? "validation" : "generation",
  });
}
