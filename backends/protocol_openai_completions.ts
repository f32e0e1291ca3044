/**
 * `/v1/completions` as vLLM, SGLang, LMDeploy, LightLLM and llama.cpp serve it.
 *
 * @module
 */
import { callUrl, postJson } from "./json_request.ts";
import { plainPrompt } from "./protocol_fields.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import { OPENAI_DEFAULTS, openaiFields } from "./protocol_openai_stream.ts";
import type { Protocol } from "./protocol.ts";

const PATH = "/v1/completions";

/**
 * Protocol `openai-completions`. The prompt is sent as token ids where the request has them, else
 * as the contents of its messages joined by line feeds: no chat template is applied.
 *
 * The base URL may be the server's address, end in `/v1`, or be the full address of the call.
 *
 * @example
 * ```ts
 * import { findProtocol } from "@tokometer/tokometer";
 *
 * const wire = findProtocol("openai-completions").buildRequest({
 *   model: "m",
 *   messages: [{ role: "user", content: "Hello" }],
 *   outputTokens: 16,
 *   length: "forced",
 *   stream: true,
 *   sampling: { temperature: 0 },
 *   requestId: 1n,
 * }, { baseUrl: "http://127.0.0.1:8000/v1", headers: {} });
 * if (wire.url !== "http://127.0.0.1:8000/v1/completions") throw new Error(wire.url);
 * ```
 */
export const openaiCompletions: Protocol = {
  ...OPENAI_DEFAULTS,
  name: "openai-completions",
  title: "OpenAI completions",
  description: "POST /v1/completions with a plain prompt or token ids: vLLM (port 8000), SGLang " +
    "(30000), LMDeploy (23333), LightLLM, llama.cpp. Token counts come from the server's usage.",
  path: PATH,
  takesTokenIds: true,
  takesOwnFields: true,
  buildRequest: (request, target) =>
    postJson(callUrl(target, PATH), {
      model: request.model || undefined,
      prompt: request.promptTokenIds ?? plainPrompt(request),
      ...openaiFields(request),
    }, { target, request }),
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};
