/**
 * LightLLM as the simulated engine plays it, with and without `--use_tgi_api`.
 *
 * @module
 */
import { isObject } from "./json_event.ts";
import { simBody, simEachToken, simJob, simJsonReply, simText } from "./sim_json.ts";
import type {
  SimJob,
  SimProtocol,
  SimReply,
  SimRequest,
  SimStream,
  SimToken,
} from "./sim_protocol.ts";

const STREAM_PATH = "/generate_stream";
const WHOLE_PATH = "/generate";

/** `/generate_stream` and `/generate`: one event per token, each with the count so far. */
export const simLightllm: SimProtocol = {
  name: "lightllm",
  matches,
  accept,
  event: (stream, tokens, last, finish) =>
    simEachToken(stream, { tokens, last }, (token, soFar, isLast) => ({
      token: tokenFields(token, { ...stream, tokensSoFar: soFar }),
      generated_text: null,
      finished: isLast,
      finish_reason: isLast ? finish : null,
      details: null,
    })),
  // LightLLM reports no errors inside a stream: the connection just breaks.
  errorEvent: () => "",
  errorReply,
  whole: (stream, tokens, finish) =>
    simJsonReply(200, {
      generated_text: [simText(tokens)],
      count_output_tokens: tokens.length,
      finish_reason: finish,
      prompt_tokens: stream.job.promptTokens,
    }),
};

/** The same server with `--use_tgi_api`: TGI's shape, the whole answer in a list of one. */
export const simLightllmTgi: SimProtocol = {
  ...simLightllm,
  name: "lightllm-tgi",
  event: (stream, tokens, last, finish) =>
    simEachToken(stream, { tokens, last }, (token, soFar, isLast) => ({
      token: tokenFields(token, { ...stream, tokensSoFar: soFar }),
      generated_text: isLast ? stream.textSoFar : null,
      finished: isLast,
      finish_reason: isLast ? finish : null,
      details: isLast && stream.job.extra.details === true ? details(stream, soFar, finish) : null,
    })),
  whole: (stream, tokens, finish) =>
    simJsonReply(200, [{
      generated_text: simText(tokens),
      ...(stream.job.extra.details === true && {
        details: details(stream, tokens.length, finish),
      }),
    }]),
};

function matches(method: string, path: string): boolean {
  return method === "POST" && (path === STREAM_PATH || path === WHOLE_PATH);
}

function accept(request: SimRequest, model: string): SimJob | SimReply {
  const body = simBody(request);
  if (body === undefined) return errorReply(400, "the body is not a JSON object");
  // A missing key is an unhandled KeyError in the engine, which it answers with 417.
  if (!isObject(body.parameters)) return errorReply(417, "'parameters'");
  const parameters = body.parameters;
  return simJob({
    model,
    prompt: body.inputs,
    maxTokens: parameters.max_new_tokens,
    defaultMaxTokens: 16,
    minTokens: parameters.min_new_tokens,
    ignoreEos: parameters.ignore_eos,
    stream: request.path === STREAM_PATH,
    extra: { details: parameters.details === true || parameters.return_details === true },
  }, (problem) => errorReply(417, problem));
}

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, { message });
}

function tokenFields(token: SimToken, stream: SimStream): unknown {
  return {
    id: token.id,
    text: token.text,
    logprob: -0.5,
    special: false,
    count_output_tokens: stream.tokensSoFar,
    prompt_tokens: stream.job.promptTokens,
  };
}

function details(stream: SimStream, generated: number, finish: string): unknown {
  return {
    generated_tokens: generated,
    finish_reason: finish,
    prompt_tokens: stream.job.promptTokens,
  };
}
