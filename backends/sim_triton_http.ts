/**
 * Triton's generate extension as the simulated engine plays it, for both of its LLM backends: a
 * body with `sampling_parameters` is the vLLM backend's, any other TensorRT-LLM's.
 *
 * @module
 */
import { isObject, type JsonObject } from "./json_event.ts";
import {
  simBody,
  simEnds,
  simHeldBack,
  simJob,
  simJsonReply,
  simSse,
  simText,
} from "./sim_json.ts";
import type { SimProtocol, SimReply, SimStream, SimToken } from "./sim_protocol.ts";

/** Model names in the manuals of the two backends; the served model has both. */
const USUAL_MODELS: readonly string[] = ["ensemble", "vllm_model"];
const GENERATE = /^\/v2\/models\/([^/]+)\/generate(_stream)?$/;

/** `/v2/models/NAME/generate_stream` and `/generate` for the usual names and the served one, and the model repository. */
export const simTritonHttp: SimProtocol = {
  name: "triton-http",
  serves: ["triton-trtllm", "triton-vllm"],
  matches: (method, path) =>
    (method === "POST" && (GENERATE.test(path) || path === "/v2/repository/index")) ||
    (method === "GET" && (path === "/v2/health/ready" || path === "/v2/health/live")),
  accept(request, served) {
    if (request.method === "GET") return simJsonReply(200, {});
    const [, name, streamed] = GENERATE.exec(request.path) ?? [];
    if (name === undefined) {
      return simJsonReply(
        200,
        USUAL_MODELS.map((model) => ({ name: model, version: "1", state: "READY" })),
      );
    }
    const model = decodeURIComponent(name);
    const body = simBody(request);
    if (body === undefined) return errorReply(400, "failed to parse the request JSON buffer");
    const sampling = vllmSampling(body.sampling_parameters);
    return simJob({
      model: USUAL_MODELS.includes(model) ? served : model,
      prompt: body.text_input,
      maxTokens: sampling === undefined ? body.max_tokens : sampling.max_tokens,
      defaultMaxTokens: 16,
      minTokens: sampling?.min_tokens,
      ignoreEos: sampling === undefined ? body.end_id === -1 : sampling.ignore_eos,
      stream: streamed !== undefined,
      extra: {
        name: model,
        vllm: sampling !== undefined,
        counts: body.return_num_output_tokens === true,
        reasons: body.return_finish_reason === true,
        promptCounts: body.return_num_input_tokens === true,
      },
    }, (problem) => errorReply(400, problem));
  },
  event: (stream, tokens, last, finish) =>
    simHeldBack(stream, tokens, last)
      ? ""
      : simSse(answer(stream, tokens, simEnds(stream, last) ? finish : "None")),
  errorEvent: (_stream, message) => simSse({ error: message }),
  errorReply,
  whole: (stream, tokens, finish) => simJsonReply(200, answer(stream, tokens, finish)),
};

/** The sampling parameters of the vLLM backend, which are JSON inside the JSON. */
function vllmSampling(value: unknown): JsonObject | undefined {
  if (typeof value !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function answer({ job }: SimStream, tokens: readonly SimToken[], reason: string): unknown {
  const { name, vllm, counts, reasons, promptCounts } = job.extra;
  return {
    model_name: name,
    model_version: "1",
    ...(vllm !== true && { sequence_end: false, sequence_id: 0, sequence_start: false }),
    ...(vllm === true && counts === true && { num_output_tokens: tokens.length }),
    ...(vllm === true && promptCounts === true && { num_input_tokens: job.promptTokens }),
    ...(vllm === true && reasons === true && { finish_reason: reason }),
    text_output: simText(tokens),
  };
}

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, { error: message });
}
