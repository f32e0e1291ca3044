/**
 * LMDeploy as the simulated engine plays it: its native calls, and its errors in the OpenAI calls.
 *
 * @module
 */
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
import { simOpenaiChat, simOpenaiCompletions } from "./sim_openai.ts";
import type { SimFinish, SimProtocol, SimReply, SimStream, SimToken } from "./sim_protocol.ts";

/** How answers are written. */
type AnswerFormat = Required<Pick<SimProtocol, "event" | "closing" | "errorEvent" | "whole">>;

/** `{"text", "tokens", "finish_reason"}`, each followed by `end`. */
function nativeFormat(end: string, counts: (stream: SimStream) => object): AnswerFormat {
  const fields = (stream: SimStream, text: string, finish: SimFinish | "error" | null) => ({
    text,
    tokens: stream.tokensSoFar,
    ...counts(stream),
    finish_reason: finish,
  });
  const write = (...args: Parameters<typeof fields>) => JSON.stringify(fields(...args)) + end;
  return {
    event: (stream, tokens, last) =>
      simHeldBack(stream, tokens, last) ? "" : write(stream, simText(tokens), null),
    closing: (stream, finish) => simEnds(stream) ? write(stream, "", finish) : "",
    errorEvent: (stream, message) => write(stream, message, "error"),
    whole: (stream, tokens, finish) => simJsonReply(200, fields(stream, simText(tokens), finish)),
  };
}

const INTERACTIVE = nativeFormat(
  "\n",
  ({ job }) => ({ input_tokens: job.promptTokens, history_tokens: 0 }),
);
const NUL = nativeFormat("\0", () => ({}));
const DONE = "data: [DONE]\n\n";
const CURRENT: AnswerFormat = {
  event: (stream, tokens, last) =>
    simHeldBack(stream, tokens, last) ? "" : simSse(generated(stream, tokens, null)),
  closing: (stream, finish) => simEnds(stream) ? simSse(generated(stream, [], finish)) + DONE : "",
  errorEvent: (_stream, message) => simSse({ error: { message } }) + DONE,
  whole: (stream, tokens, finish) => simJsonReply(200, generated(stream, tokens, finish)),
};

/** `/v1/chat/interactive`: one JSON object per line, under the content type of an event stream. */
export const simLmdeployInteractive: SimProtocol = {
  ...INTERACTIVE,
  name: "lmdeploy-interactive",
  matches: (method, path) => method === "POST" && path === "/v1/chat/interactive",
  accept(request, model) {
    const body = simBody(request);
    if (body === undefined) return errorReply(400, "the body is not a JSON object");
    return simJob({
      model,
      prompt: body.prompt,
      maxTokens: body.request_output_len,
      defaultMaxTokens: 512,
      ignoreEos: body.ignore_eos,
      stream: body.stream === true,
    }, (problem) => errorReply(400, problem));
  },
  errorReply,
};

/**
 * `/generate` of both ages: a body with `request_output_len` is from an early client and gets
 * NUL-separated texts, any other is from a current one.
 */
export const simLmdeployGenerate: SimProtocol = {
  name: "lmdeploy-generate",
  serves: ["lmdeploy-generate", "lmdeploy-nul"],
  matches: (method, path) => method === "POST" && path === "/generate",
  accept(request, model) {
    const body = simBody(request);
    if (body === undefined) return errorReply(400, "the body is not a JSON object");
    const early = body.request_output_len !== undefined;
    return simJob({
      model,
      prompt: simIds(body.input_ids) ?? body.prompt,
      maxTokens: early ? body.request_output_len : body.max_tokens,
      defaultMaxTokens: early ? 512 : 128,
      ignoreEos: body.ignore_eos,
      stream: body.stream === true,
      extra: { format: early ? NUL : CURRENT },
    }, (problem) => errorReply(400, problem));
  },
  contentType: ({ extra }) =>
    extra.format === NUL ? "application/octet-stream" : "text/event-stream; charset=utf-8",
  event: (stream, ...rest) => formatOf(stream).event(stream, ...rest),
  closing: (stream, finish) => formatOf(stream).closing(stream, finish),
  errorEvent: (stream, message) => formatOf(stream).errorEvent(stream, message),
  errorReply,
  whole: (stream, ...rest) => formatOf(stream).whole(stream, ...rest),
};

/** Chat; a plain string as `messages` is accepted too. Errors are flat, as in LMDeploy. */
export const simLmdeployChat: SimProtocol = {
  ...simOpenaiChat,
  name: "lmdeploy-chat",
  errorReply,
};

/** Completions with LMDeploy's flat errors. */
export const simLmdeployCompletions: SimProtocol = {
  ...simOpenaiCompletions,
  name: "lmdeploy-completions",
  errorReply,
};

function formatOf({ job }: SimStream): AnswerFormat {
  return job.extra.format as AnswerFormat;
}

function generated(
  { job, tokensSoFar }: SimStream,
  tokens: readonly SimToken[],
  finish: SimFinish | null,
): unknown {
  return {
    text: simText(tokens),
    output_ids: tokens.map((token) => token.id),
    meta_info: {
      prompt_tokens: job.promptTokens,
      completion_tokens: tokensSoFar,
      finish_reason: finish === null ? null : { type: finish },
    },
  };
}

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, {
    object: "error",
    message,
    type: "invalid_request_error",
    code: status,
    param: null,
  });
}
