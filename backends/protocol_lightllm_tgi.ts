/**
 * LightLLM started with `--use_tgi_api`: LightLLM's parameters, TGI's events.
 *
 * @module
 */
import { eventReader, isObject, reportedError } from "./json_event.ts";
import { HTTP_DEFAULTS } from "./protocol_http.ts";
import { buildLightllmRequest } from "./protocol_lightllm.ts";
import type { Protocol } from "./protocol.ts";
import { readTgiToken, readTgiWhole, TGI_FIELDS } from "./protocol_tgi.ts";

const readToken = eventReader(readTgiToken);

/** Unlike TGI itself, LightLLM can ignore the end-of-sequence token in this mode too. */
export const lightllmTgi: Protocol = {
  ...HTTP_DEFAULTS,
  name: "lightllm-tgi",
  title: "LightLLM --use_tgi_api /generate_stream",
  description: "LightLLM started with --use_tgi_api (default port 8000): one event per token in " +
    "TGI's shape, and the length can be forced.",
  path: "/generate_stream",
  tokenSource: "counter",
  takesTokenIds: true,
  endMark: "flag",
  buildRequest: (request, target) => buildLightllmRequest(request, target, { details: true }),
  readEvent(data, request) {
    if (request.stream) return readToken(data, request);
    // The whole answer is a list of one.
    const parsed: unknown = JSON.parse(
      typeof data === "string" ? data : new TextDecoder().decode(data),
    );
    const value = Array.isArray(parsed) ? parsed[0] : parsed;
    if (!isObject(value)) throw new SyntaxError("Expected an answer object, got none");
    const error = reportedError(value);
    return error === undefined ? readTgiWhole(value) : { error };
  },
  quick: { fields: TGI_FIELDS, read: readTgiToken },
};
