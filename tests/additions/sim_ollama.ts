/**
 * Ollama's own call as the simulated engine plays it.
 *
 * @module
 */
import { isObject } from "../../backends/json_event.ts";
import {
  simBody,
  simEnds,
  simHeldBack,
  simJob,
  simJsonReply,
  simText,
} from "../../backends/sim_json.ts";
import type {
  SimJob,
  SimProtocol,
  SimReply,
  SimRequest,
  SimStream,
} from "../../backends/sim_protocol.ts";

/** `/api/chat`: one line per token, then one with `done` and the counts. */
export const simOllama: SimProtocol = {
  name: "ollama",
  matches: (method, path) => method === "POST" && path === "/api/chat",
  accept,
  contentType: () => "application/x-ndjson",
  event: (stream, tokens, last) =>
    simHeldBack(stream, tokens, last)
      ? ""
      : line({ ...message(stream, simText(tokens)), done: false }),
  closing: (stream, finish) => simEnds(stream) ? line(final(stream, "", finish)) : "",
  errorEvent: (_stream, error) => line({ error }),
  errorReply: (status, error) => simJsonReply(status, { error }),
  whole: (stream, tokens, finish) => simJsonReply(200, final(stream, simText(tokens), finish)),
};

function accept(request: SimRequest, model: string): SimJob | SimReply {
  const body = simBody(request);
  if (body === undefined) return simJsonReply(400, { error: "invalid request body" });
  const { num_predict: maxTokens } = isObject(body.options) ? body.options : {};
  return simJob({
    model: typeof body.model === "string" ? body.model : model,
    prompt: body.messages,
    maxTokens,
    defaultMaxTokens: 128,
    stream: body.stream !== false,
  }, (error) => simJsonReply(400, { error }));
}

function message({ job }: SimStream, content: string) {
  return { model: job.model, message: { role: "assistant", content } };
}

function final(stream: SimStream, content: string, finish: "length" | "stop"): unknown {
  return {
    ...message(stream, content),
    done: true,
    done_reason: finish,
    prompt_eval_count: stream.job.promptTokens,
    eval_count: stream.tokensSoFar,
  };
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
