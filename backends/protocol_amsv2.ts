/**
 * AMSv2's text generation over HTTP, as far as its public client shows it.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import {
  count,
  type EventDraft,
  eventReader,
  isObject,
  type JsonObject,
  text,
} from "./json_event.ts";
import { postJson } from "./json_request.ts";
import { textPrompt } from "./protocol_text_prompt.ts";
import { type TwinPaths, twinUrl } from "./protocol_two_paths.ts";
import type { EngineEvent, GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";

const PATHS: TwinPaths = {
  stream: "/text-generation/generate_stream",
  whole: "/text-generation/generate",
};

/** What the reader of an event looks at. */
const WANTED = {
  generated_text: "value",
  details: "value",
} as const;

/**
 * AMSv2: TGI-like events, but `generated_text` is what the event adds, and the total stands in
 * `details` of the last one. Nothing but the end of the body ends the stream.
 */
export const amsv2: Protocol = {
  name: "amsv2",
  title: "AMSv2 /text-generation/generate_stream",
  description: "AMSv2's streaming call; give the service's address and a key. Only its client is " +
    "public, and that has no way to force a length: lengths asked for and delivered are reported.",
  carrier: "http",
  path: PATHS.stream,
  forcesLength: false,
  lengthTolerance: 0,
  tokenSource: "usage",
  endMark: "eof",
  framing: (stream) => stream ? "sse" : "json",
  buildRequest(request: GenerationRequest, target: Target): WireRequest {
    const { temperature, topP, topK, seed, stop } = request.sampling;
    const greedy = temperature === 0;
    const samples = !greedy &&
      (temperature !== undefined || topP !== undefined || topK !== undefined);
    const body = {
      inputs: textPrompt(request, "amsv2"),
      parameters: {
        do_sample: samples,
        max_new_tokens: request.outputTokens,
        ...(temperature !== undefined && !greedy && { temperature }),
        top_k: topK,
        top_p: topP,
        seed,
        stop,
      },
    };
    return postJson(twinUrl(target, PATHS, request.stream), body, { target, request });
  },
  readEvent: eventReader(readAnswer),
  quick: { wanted: WANTED, read: readAnswer },
  readError: readErrorBody,
};

function readAnswer(value: JsonObject): EngineEvent {
  const event: EventDraft = { text: text(value.generated_text) };
  if (isObject(value.details)) {
    const outputTokens = count(value.details.generated_tokens);
    if (outputTokens !== undefined) event.usage = { outputTokens };
    if (typeof value.details.finish_reason === "string") {
      event.finishReason = value.details.finish_reason;
    }
  }
  return event;
}
