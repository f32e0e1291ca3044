/**
 * SGLang's native call as the simulated engine plays it.
 *
 * @module
 */
import { isObject } from "./json_event.ts";
import {
  simBody,
  simEnds,
  simHeldBack,
  simIds,
  simJob,
  simJsonReply,
  simSse,
  simText,
} from "./sim_json.ts";
import type { SimFinish, SimProtocol, SimReply, SimStream } from "./sim_protocol.ts";
import { partsOf, type SimTimes } from "./sim_times.ts";

/** `/generate` with the whole text in every event, and `/get_model_info`. */
export const simSglang: SimProtocol = {
  name: "sglang",
  matches: (method, path) =>
    (method === "POST" && path === "/generate") || (method === "GET" && path === "/get_model_info"),
  accept(request, model) {
    if (request.method === "GET") {
      return simJsonReply(200, { model_path: model, tokenizer_path: model, is_generation: true });
    }
    const body = simBody(request);
    if (body === undefined) return errorReply(400, "The body is not a JSON object");
    const sampling = isObject(body.sampling_params) ? body.sampling_params : {};
    return simJob({
      model,
      prompt: simIds(body.input_ids) ?? body.text,
      maxTokens: sampling.max_new_tokens,
      defaultMaxTokens: 128,
      minTokens: sampling.min_new_tokens,
      ignoreEos: sampling.ignore_eos,
      stream: body.stream === true,
    }, (problem) => errorReply(400, problem));
  },
  event: (stream, tokens, last, finish) =>
    simHeldBack(stream, tokens, last)
      ? ""
      : simSse(answer(stream, stream.textSoFar, simEnds(stream, last) ? finish : null)),
  closing: (stream) => simEnds(stream) ? "data: [DONE]\n\n" : "",
  errorEvent: (_stream, message) => simSse({ error: { message } }) + "data: [DONE]\n\n",
  errorReply,
  whole: (stream, tokens, finish) =>
    simJsonReply(200, {
      ...answer(stream, simText(tokens), finish),
      output_ids: tokens.map((token) => token.id),
    }),
};

function answer(
  { job, serial, tokensSoFar, cachedTokens, times, quirks }: SimStream,
  text: string,
  finish: SimFinish | null,
): Record<string, unknown> {
  return {
    text,
    meta_info: {
      id: String(serial),
      finish_reason: finish === null
        ? null
        : finish === "length"
        ? { type: "length", length: tokensSoFar }
        : { type: "stop", matched: 2 },
      prompt_tokens: job.promptTokens,
      completion_tokens: tokensSoFar,
      cached_tokens: cachedTokens,
      // It tells them of requests that are done, the queue with `--enable-metrics` only.
      ...(finish !== null && quirks.has("request-metrics") && times !== undefined &&
        timesOf(times)),
    },
  };
}

/** In seconds. */
function timesOf(times: SimTimes): Record<string, number> {
  const { queueMs, prefillMs, decodeMs } = partsOf(times);
  return {
    queue_time: queueMs / 1000,
    e2e_latency: (queueMs + prefillMs + decodeMs) / 1000,
    ...(times.drafts > 0 && {
      spec_verify_ct: times.drafts,
      spec_num_proposed_drafts: times.draftTokens,
      spec_num_correct_drafts: times.acceptedTokens,
    }),
  };
}

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, { error: { message } });
}
