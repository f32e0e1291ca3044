/**
 * LMDeploy as the simulated engine plays it: its native calls, and its way of saying errors in the
 * OpenAI ones.
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
import type {
  SimJob,
  SimProtocol,
  SimReply,
  SimRequest,
  SimStream,
  SimToken,
} from "./sim_protocol.ts";

/** `/v1/chat/interactive`: one JSON object a line, under the content type of an event stream. */
export const simLmdeployInteractive: SimProtocol = {
  name: "lmdeploy-interactive",
  matches: (method, path) => method === "POST" && path === "/v1/chat/interactive",
  accept: (request, model) => {
    const body = simBody(request);
    if (body === undefined) return errorReply(400, "the body is not a JSON object");
    const job = simJob({
      model,
      prompt: body.prompt,
      maxTokens: body.request_output_len,
      defaultMaxTokens: 512,
      ignoreEos: body.ignore_eos,
      stream: body.stream === true,
    });
    return "problem" in job ? errorReply(400, job.problem) : job;
  },
  contentType: (job) => job.stream ? "text/event-stream; charset=utf-8" : "application/json",
  event: (stream, tokens, last) =>
    simHeldBack(stream, tokens, last) ? "" : line(stream, simText(tokens)),
  closing: (stream, finish) => simEnds(stream) ? line(stream, "", finish) : "",
  errorEvent: (stream, message) => line(stream, message, "error"),
  errorReply,
  whole: (stream, tokens, finish) => simJsonReply(200, native(stream, simText(tokens), finish)),
};

/**
 * `/generate` of both ages: a body with `request_output_len` is an early client's and is answered
 * with NUL-separated texts, any other is a current one's.
 */
export const simLmdeployGenerate: SimProtocol = {
  name: "lmdeploy-generate",
  serves: ["lmdeploy-generate", "lmdeploy-nul"],
  matches: (method, path) => method === "POST" && path === "/generate",
  accept: acceptGenerate,
  contentType: (job) =>
    !job.stream
      ? "application/json"
      : isEarly(job)
      ? "application/octet-stream"
      : "text/event-stream; charset=utf-8",
  event: (stream, tokens, last) => {
    if (simHeldBack(stream, tokens, last)) return "";
    return isEarly(stream.job)
      ? nulText(stream, simText(tokens))
      : simSse(generated(stream, tokens, null));
  },
  closing: (stream, finish) =>
    !simEnds(stream)
      ? ""
      : isEarly(stream.job)
      ? nulText(stream, "", finish)
      : simSse(generated(stream, [], finish)) + "data: [DONE]\n\n",
  errorEvent: (stream, message) =>
    isEarly(stream.job)
      ? nulText(stream, message, "error")
      : simSse({ error: { message } }) + "data: [DONE]\n\n",
  errorReply,
  whole: (stream, tokens, finish) =>
    simJsonReply(
      200,
      isEarly(stream.job)
        ? native(stream, simText(tokens), finish)
        : generated(stream, tokens, finish),
    ),
};

/** Chat; a plain string as `messages` is taken too. Errors are flat, as in LMDeploy. */
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

function acceptGenerate(request: SimRequest, model: string): SimJob | SimReply {
  const body = simBody(request);
  if (body === undefined) return errorReply(400, "the body is not a JSON object");
  const early = body.request_output_len !== undefined;
  const job = simJob({
    model,
    prompt: simIds(body.input_ids) ?? body.prompt,
    maxTokens: early ? body.request_output_len : body.max_tokens,
    defaultMaxTokens: early ? 512 : 128,
    ignoreEos: body.ignore_eos,
    stream: body.stream === true,
    extra: { early },
  });
  return "problem" in job ? errorReply(400, job.problem) : job;
}

function isEarly(job: SimJob): boolean {
  return job.extra.early === true;
}

function native(
  { job, tokensSoFar }: SimStream,
  text: string,
  finish: "length" | "stop" | "error" | null,
): Record<string, unknown> {
  return {
    text,
    tokens: tokensSoFar,
    ...(!isEarly(job) && { input_tokens: job.promptTokens, history_tokens: 0 }),
    finish_reason: finish,
  };
}

function line(stream: SimStream, text: string, finish: "length" | "stop" | "error" | null = null) {
  return `${JSON.stringify(native(stream, text, finish))}\n`;
}

function nulText(
  stream: SimStream,
  text: string,
  finish: "length" | "stop" | "error" | null = null,
): string {
  return `${JSON.stringify(native(stream, text, finish))}\0`;
}

function generated(
  { job, tokensSoFar }: SimStream,
  tokens: readonly SimToken[],
  finish: "length" | "stop" | null,
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
