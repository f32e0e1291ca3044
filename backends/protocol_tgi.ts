/**
 * Hugging Face Text Generation Inference, `/generate_stream`.
 *
 * @module
 */
import { askJson } from "./json_ask.ts";
import { readErrorBody } from "./error_message.ts";
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "./json_event.ts";
import { postJson, requestHeaders, serverRoot } from "./json_request.ts";
import { textPrompt } from "./protocol_text_prompt.ts";
import { type TwinPaths, twinUrl } from "./protocol_two_paths.ts";
import type {
  Ask,
  EngineEvent,
  GenerationRequest,
  Protocol,
  QuickEvents,
  Target,
  WireRequest,
} from "./protocol.ts";

const PATHS: TwinPaths = { stream: "/generate_stream", whole: "/generate" };

/** What the readers of its events look at. */
export const TGI_WANTED: QuickEvents["wanted"] = {
  token: { special: "value", text: "value", count_output_tokens: "value" },
  finish_reason: "value",
  details: "value",
  generated_text: "value",
  finished: "value",
};

/**
 * TGI native: one event a token with its id, and totals on the last (asked for with `details`).
 * Errors come inside the stream under status 200.
 */
export const tgi: Protocol = {
  name: "tgi",
  title: "Text Generation Inference /generate_stream",
  description:
    "Hugging Face TGI's native call (default port 3000, 80 in its container): one event " +
    "a token. It has no way to ignore the end-of-sequence token, so the length cannot be forced: " +
    "lengths asked for and delivered are reported side by side.",
  carrier: "http",
  path: PATHS.stream,
  forcesLength: false,
  lengthTolerance: 0,
  tokenSource: "ids",
  endMark: "flag",
  framing: (stream) => stream ? "sse" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    // TGI answers 422 to temperature 0, top_p 1 and top_k < 1: they mean "off", which is said by
    // leaving them out.
    const greedy = temperature === 0;
    const samplesTopP = topP !== undefined && topP > 0 && topP < 1;
    const samplesTopK = topK !== undefined && topK > 0;
    const samples = !greedy && (temperature !== undefined || samplesTopP || samplesTopK);
    const body = {
      inputs: textPrompt(request, "tgi"),
      parameters: {
        max_new_tokens: request.outputTokens,
        details: true,
        decoder_input_details: false,
        do_sample: samples,
        ...(temperature !== undefined && !greedy && { temperature }),
        ...(samplesTopP && { top_p: topP }),
        ...(samplesTopK && { top_k: topK }),
        seed,
        stop,
      },
    };
    return postJson(twinUrl(target, PATHS, request.stream), body, { target, request });
  },
  readEvent: eventReader(readTgi),
  quick: { wanted: TGI_WANTED, read: readTgi },
  readError: readErrorBody,
  async listModels(target: Target, ask: Ask): Promise<readonly string[]> {
    const root = serverRoot(serverRoot(target.baseUrl, PATHS.stream), PATHS.whole);
    const url = `${root}/info`;
    const info = await askJson({ method: "GET", url, headers: requestHeaders(target) }, ask);
    const id = isObject(info) ? text(info.model_id) : "";
    if (id === "") {
      throw new TypeError(`Cannot choose a model: ${url} names none; give --model NAME`);
    }
    return [id];
  },
};

function readTgi(value: JsonObject, request: GenerationRequest): EngineEvent {
  return request.stream ? readTgiToken(value) : readTgiWhole(value);
}

/**
 * One token's event. Special tokens (`</s>`) count as tokens and are not part of the answer's
 * text, as in the engine's own `generated_text`.
 */
export function readTgiToken(value: JsonObject): EngineEvent {
  const event: EventDraft = {};
  const token = value.token;
  if (isObject(token)) {
    event.text = token.special === true ? "" : text(token.text);
    const total = count(token.count_output_tokens);
    if (total !== undefined && total > 0) {
      event.totalTokens = total;
      event.source = "counter";
    } else {
      event.newTokens = 1;
      event.source = "ids";
    }
  }
  if (typeof value.finish_reason === "string") event.finishReason = value.finish_reason;
  readDetails(event, value.details);
  if (typeof value.generated_text === "string" || value.finished === true) event.end = true;
  return event;
}

/** The whole answer: `{"generated_text", "details"}`. */
export function readTgiWhole(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.generated_text), end: true };
  readDetails(event, value.details);
  return event;
}

function readDetails(event: EventDraft, details: unknown): void {
  if (!isObject(details)) return;
  if (typeof details.finish_reason === "string") event.finishReason = details.finish_reason;
  const outputTokens = count(details.generated_tokens);
  const promptTokens = count(details.input_length) ?? count(details.prompt_tokens);
  event.usage = {
    ...(outputTokens !== undefined && { outputTokens }),
    ...(promptTokens !== undefined && { promptTokens }),
  };
}
