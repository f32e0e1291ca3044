/**
 * SGLang's own `/generate`.
 *
 * @module
 */
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "./json_event.ts";
import { callUrl, postJson, serverRoot } from "./json_request.ts";
import { plainPrompt } from "./protocol_fields.ts";
import { HTTP_DEFAULTS } from "./protocol_http.ts";
import { askModelName } from "./protocol_models.ts";
import type { EngineEvent, Protocol } from "./protocol.ts";

const PATH = "/generate";

/** What it tells of a request that is done; the queue with `--enable-metrics` only. */
const TIMINGS = [
  ...["e2e_latency", "queue_time"],
  ...["spec_num_proposed_drafts", "spec_num_correct_drafts"],
  ...["spec_draft_token_num", "spec_accept_token_num"],
] as const;

const FIELDS = {
  text: "value",
  output_ids: "value",
  meta_info: {
    completion_tokens: "value",
    prompt_tokens: "value",
    cached_tokens: "value",
    finish_reason: "value",
    ...Object.fromEntries(TIMINGS.map((name) => [name, "value" as const])),
  },
} as const;

/**
 * SGLang native. Every event repeats the whole text and carries a cumulative counter, which may
 * increase by more than one (the server's stream interval). Servers with incremental output send only
 * the new text and ids; they are recognized by fewer ids than counted tokens.
 */
export const sglang: Protocol = {
  ...HTTP_DEFAULTS,
  name: "sglang",
  title: "SGLang /generate",
  description:
    "SGLang's native call (default port 30000): a token counter in every event, cached " +
    "prompt tokens, and token ids as the prompt. The OpenAI calls of the same server work too.",
  path: PATH,
  tokenSource: "counter",
  takesTokenIds: true,
  endMark: "done",
  buildRequest(request, target) {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const forced = request.length === "forced";
    const body = {
      ...(request.promptTokenIds !== undefined
        ? { input_ids: request.promptTokenIds }
        : { text: plainPrompt(request) }),
      sampling_params: {
        max_new_tokens: request.outputTokens,
        ...(forced && { min_new_tokens: request.outputTokens, ignore_eos: true }),
        temperature,
        top_p: topP,
        top_k: topK,
        sampling_seed: seed,
        stop,
      },
      stream: request.stream,
    };
    return postJson(callUrl(target, PATH), body, { target, request });
  },
  readEvent(data, request) {
    return data === "[DONE]" ? { end: true } : readJson(data, request);
  },
  quick: { fields: FIELDS, read: readAnswer },
  listModels(target, ask) {
    const url = `${serverRoot(target.baseUrl, PATH)}/get_model_info`;
    return askModelName(url, "model_path", { target, ask });
  },
};

function readAnswer(value: JsonObject): EngineEvent {
  const meta = isObject(value.meta_info) ? value.meta_info : {};
  const total = count(meta.completion_tokens);
  const ids = Array.isArray(value.output_ids) ? value.output_ids.length : undefined;
  const incremental = total !== undefined && ids !== undefined && ids > 0 && ids < total;
  const event: EventDraft = {};
  if (incremental) event.text = text(value.text);
  else event.textSoFar = text(value.text);
  if (total !== undefined) {
    event.totalTokens = total;
    event.source = "counter";
  }
  const promptTokens = count(meta.prompt_tokens);
  if (promptTokens !== undefined) {
    const cachedTokens = count(meta.cached_tokens);
    event.usage = { promptTokens, ...(cachedTokens !== undefined && { cachedTokens }) };
  }
  if (isObject(meta.finish_reason)) {
    const { type, message } = meta.finish_reason;
    event.finishReason = text(type);
    if (type === "abort") event.error = text(message) || "the engine aborted the request";
  }
  if (typeof meta.e2e_latency === "number") {
    const timings: Record<string, number> = {};
    for (const name of TIMINGS) {
      const value = meta[name];
      if (typeof value === "number") timings[name] = value;
    }
    event.timings = timings;
  }
  return event;
}

const readJson = eventReader(readAnswer);
