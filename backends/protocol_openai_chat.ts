/**
 * `/v1/chat/completions` as vLLM, SGLang, LMDeploy, LightLLM and llama.cpp serve it.
 *
 * @module
 */
import { callUrl, postJson } from "./json_request.ts";
import { listOpenaiModels } from "./protocol_models.ts";
import { OPENAI_DEFAULTS, openaiFields } from "./protocol_openai_stream.ts";
import type { Protocol } from "./protocol.ts";

const PATH = "/v1/chat/completions";

/**
 * Protocol `openai-chat`. The server applies the model's chat template; thinking
 * (`reasoning_content` or `reasoning`) counts as output and is kept apart from the answer.
 *
 * The base URL may be the server's address, end in `/v1`, or be the full address of the call.
 */
export const openaiChat: Protocol = {
  ...OPENAI_DEFAULTS,
  name: "openai-chat",
  title: "OpenAI chat",
  description: "POST /v1/chat/completions with messages: vLLM (port 8000), SGLang (30000), " +
    "LMDeploy (23333), LightLLM, llama.cpp. Token counts come from the server's usage.",
  path: PATH,
  takesRoles: true,
  takesOwnFields: true,
  buildRequest: (request, target) => {
    if (request.promptTokenIds !== undefined) {
      throw new TypeError(
        `Cannot send ${request.promptTokenIds.length} token ids to openai-chat: it takes messages`,
      );
    }
    if (request.messages.length === 0) {
      throw new TypeError("Cannot build a chat of 0 messages: at least one is needed");
    }
    return postJson(callUrl(target, PATH), {
      model: request.model || undefined,
      messages: request.messages.map(({ role, content, extra }) => ({ role, content, ...extra })),
      ...openaiFields(request),
    }, { target, request });
  },
  listModels: (target, ask) => listOpenaiModels(PATH, target, ask),
};
