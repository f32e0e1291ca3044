/**
 * AMSv2's text generation over HTTP, as far as its public client shows it.
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
import { postJson } from "./json_request.ts";
import { errorWithout, takeFinishReason } from "./protocol_event.ts";
import { textPrompt } from "./protocol_fields.ts";
import { HTTP_DEFAULTS, type TwoPaths, twoPathsUrl } from "./protocol_http.ts";
import { tgiParameters } from "./protocol_tgi.ts";
import type { EngineEvent, Protocol } from "./protocol.ts";

const PATHS: TwoPaths = {
  stream: "/text-generation/generate_stream",
  whole: "/text-generation/generate",
};

const FIELDS = {
  generated_text: "value",
  details: "value",
} as const;

/**
 * AMSv2: TGI-like events, but `generated_text` is what the event adds, and the total stands in
 * `details` of the last one. Nothing but the end of the body ends the stream.
 */
export const amsv2: Protocol = {
  ...HTTP_DEFAULTS,
  name: "amsv2",
  title: "AMSv2 /text-generation/generate_stream",
  description: "AMSv2's streaming call; give the service's address and a key. Only its client is " +
    "public, and that has no way to force a length: requested and delivered lengths are reported.",
  path: PATHS.stream,
  forcesLength: false,
  tokenSource: "usage",
  endMark: "eof",
  buildRequest(request, target) {
    const parameters = tgiParameters(request, request.sampling);
    const body = { inputs: textPrompt(request, "amsv2"), parameters };
    return postJson(twoPathsUrl(target, PATHS, request.stream), body, { target, request });
  },
  readEvent: eventReader(readAnswer),
  quick: { fields: FIELDS, read: readAnswer },
};

function readAnswer(value: JsonObject): EngineEvent {
  const error = errorWithout(value, "generated_text");
  if (error !== undefined) return { error };
  const event: EventDraft = { text: text(value.generated_text) };
  if (isObject(value.details)) {
    const outputTokens = count(value.details.generated_tokens);
    if (outputTokens !== undefined) event.usage = { outputTokens };
    takeFinishReason(event, value.details.finish_reason);
  }
  return event;
}
