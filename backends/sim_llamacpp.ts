/**
 * llama.cpp's own call as the simulated engine plays it.
 *
 * @module
 */
import {
  simBody,
  simEnds,
  simHeldBack,
  simJob,
  simJsonReply,
  simSse,
  simText,
} from "./sim_json.ts";
import { contextBody } from "./sim_context.ts";
import { partsOf, type SimTimes } from "./sim_times.ts";
import type { SimFinish, SimProtocol, SimReply, SimStream } from "./sim_protocol.ts";

/** `/completion`: the count so far in every event, totals and timings in a last one without text. */
export const simLlamacpp: SimProtocol = {
  name: "llamacpp",
  matches: (method, path) => method === "POST" && path === "/completion",
  accept(request, model) {
    const body = simBody(request);
    // Unlike other engines, it answers invalid JSON with 500.
    if (body === undefined) return errorReply(500, "[json.exception.parse_error.101] parse error");
    const wanted = body.n_predict;
    return simJob({
      model,
      prompt: body.prompt,
      // −1 is "until the end", and 0 still gives one token.
      maxTokens: wanted === 0 ? 1 : wanted === -1 ? undefined : wanted,
      defaultMaxTokens: 512,
      ignoreEos: body.ignore_eos,
      stream: body.stream === true,
      extra: { returnTokens: body.return_tokens === true },
    }, (problem) => errorReply(400, problem));
  },
  contentType: () => "text/event-stream",
  event: (stream, tokens, last) =>
    simHeldBack(stream, tokens, last) ? "" : simSse({
      index: 0,
      content: simText(tokens),
      tokens: stream.job.extra.returnTokens === true ? tokens.map((token) => token.id) : [],
      stop: false,
      id_slot: -1,
      tokens_predicted: stream.tokensSoFar,
      tokens_evaluated: stream.job.promptTokens,
    }),
  closing: (stream, finish) => simEnds(stream) ? simSse(final(stream, "", [], finish)) : "",
  errorEvent: (_stream, message) => simSse({ error: { code: 500, message, type: "server_error" } }),
  errorReply,
  tooLong: (words, size) => simJsonReply(words.status, contextBody(words, size)),
  whole: (stream, tokens, finish) =>
    simJsonReply(
      200,
      final(
        stream,
        simText(tokens),
        stream.job.extra.returnTokens === true ? tokens.map((token) => token.id) : [],
        finish,
      ),
    ),
};

function final(
  { job, tokensSoFar, cachedTokens, times }: SimStream,
  content: string,
  ids: readonly number[],
  finish: SimFinish,
): unknown {
  return {
    index: 0,
    content,
    tokens: ids,
    id_slot: 0,
    stop: true,
    model: job.model,
    tokens_predicted: tokensSoFar,
    tokens_evaluated: job.promptTokens,
    truncated: false,
    stop_type: finish === "length" ? "limit" : "eos",
    stopping_word: "",
    timings: {
      cache_n: cachedTokens,
      prompt_n: job.promptTokens - cachedTokens,
      predicted_n: tokensSoFar,
      ...(times !== undefined && timesOf(times)),
    },
  };
}

/** It tells prefill and decode, and not how long a request waited for a slot. */
function timesOf(times: SimTimes): Record<string, number> {
  const { prefillMs, decodeMs } = partsOf(times);
  const { draftTokens, acceptedTokens } = times;
  return {
    prompt_ms: prefillMs,
    predicted_ms: decodeMs,
    ...(draftTokens > 0 && { draft_n: draftTokens, draft_n_accepted: acceptedTokens }),
  };
}

function errorReply(status: number, message: string): SimReply {
  const type = status === 401
    ? "authentication_error"
    : status === 503
    ? "unavailable_error"
    : status < 500
    ? "invalid_request_error"
    : "server_error";
  return simJsonReply(status, { error: { code: status, message, type } });
}
