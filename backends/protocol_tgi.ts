/**
 * Hugging Face Text Generation Inference, `/generate_stream`.
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
import { postJson, serverRoot } from "./json_request.ts";
import { errorWithout, takeCounter, takeFinishReason } from "./protocol_event.ts";
import { textPrompt } from "./protocol_fields.ts";
import { HTTP_DEFAULTS, type TwoPaths, twoPathsUrl } from "./protocol_http.ts";
import { askModelName } from "./protocol_models.ts";
import type {
  EngineEvent,
  GenerationRequest,
  Protocol,
  QuickEvents,
  Sampling,
} from "./protocol.ts";

const PATHS: TwoPaths = { stream: "/generate_stream", whole: "/generate" };

export const TGI_FIELDS: QuickEvents["fields"] = {
  token: { special: "value", text: "value", count_output_tokens: "value" },
  finish_reason: "value",
  details: "value",
  generated_text: "value",
  finished: "value",
};

/**
 * TGI native: one event per token with its id, and totals on the last (requested by `details`).
 * Errors come inside the stream under status 200.
 */
export const tgi: Protocol = {
  ...HTTP_DEFAULTS,
  name: "tgi",
  title: "Text Generation Inference /generate_stream",
  description:
    "Hugging Face TGI's native call (default port 3000, 80 in its container): one event " +
    "per token. It has no way to ignore the end-of-sequence token, so the length cannot be forced: " +
    "requested and delivered lengths are reported side by side.",
  path: PATHS.stream,
  forcesLength: false,
  tokenSource: "ids",
  endMark: "flag",
  buildRequest(request, target) {
    const { topP, topK } = request.sampling;
    // TGI answers 422 to a top_p of 1 and a top_k below 1. They mean "off": leave them out.
    const accepted = {
      ...request.sampling,
      topP: topP !== undefined && topP > 0 && topP < 1 ? topP : undefined,
      topK: topK !== undefined && topK > 0 ? topK : undefined,
    };
    const parameters = {
      ...tgiParameters(request, accepted),
      details: true,
      decoder_input_details: false,
    };
    const body = { inputs: textPrompt(request, "tgi"), parameters };
    return postJson(twoPathsUrl(target, PATHS, request.stream), body, { target, request });
  },
  readEvent: eventReader(readTgi),
  quick: { fields: TGI_FIELDS, read: readTgi },
  listModels(target, ask) {
    const root = serverRoot(serverRoot(target.baseUrl, PATHS.stream), PATHS.whole);
    return askModelName(`${root}/info`, "model_id", { target, ask });
  },
};

/** Length and sampling as TGI names them. Temperature 0 means greedy, which is no `do_sample`. */
export function tgiParameters(
  { outputTokens }: GenerationRequest,
  { temperature, topP, topK, seed, stop }: { [Name in keyof Sampling]: Sampling[Name] | undefined },
): Record<string, unknown> {
  const greedy = temperature === 0;
  return {
    do_sample: !greedy && (temperature ?? topP ?? topK) !== undefined,
    max_new_tokens: outputTokens,
    temperature: greedy ? undefined : temperature,
    top_k: topK,
    top_p: topP,
    seed,
    stop,
  };
}

function readTgi(value: JsonObject, request: GenerationRequest): EngineEvent {
  return request.stream ? readTgiToken(value) : readTgiWhole(value);
}

/**
 * One token's event. Special tokens (`</s>`) count as tokens and are not part of the answer's
 * text, as in the engine's own `generated_text`.
 */
export function readTgiToken(value: JsonObject): EngineEvent {
  const error = errorWithout(value, "token");
  if (error !== undefined) return { error };
  const event: EventDraft = {};
  const token = value.token;
  if (isObject(token)) {
    event.text = token.special === true ? "" : text(token.text);
    if (token.count_output_tokens === 0 || !takeCounter(event, token.count_output_tokens)) {
      event.newTokens = 1;
      event.source = "ids";
    }
  }
  takeFinishReason(event, value.finish_reason);
  readDetails(event, value.details);
  if (typeof value.generated_text === "string" || value.finished === true) event.end = true;
  return event;
}

/** The whole answer: `{"generated_text", "details"}`. */
export function readTgiWhole(value: JsonObject): EngineEvent {
  const error = errorWithout(value, "generated_text");
  if (error !== undefined) return { error };
  const event: EventDraft = { text: text(value.generated_text), end: true };
  readDetails(event, value.details);
  return event;
}

function readDetails(event: EventDraft, details: unknown): void {
  if (!isObject(details)) return;
  takeFinishReason(event, details.finish_reason);
  const outputTokens = count(details.generated_tokens);
  const promptTokens = count(details.input_length) ?? count(details.prompt_tokens);
  event.usage = {
    ...(outputTokens !== undefined && { outputTokens }),
    ...(promptTokens !== undefined && { promptTokens }),
  };
}
