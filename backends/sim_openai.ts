/**
 * The server's side of OpenAI completions and chat, as vLLM speaks it, with the habits of other
 * engines as quirks.
 *
 * @module
 */
import {
  type EventFrame,
  type SimJob,
  simPromptTokens,
  type SimProtocol,
  type SimReply,
  type SimRequest,
  type SimStream,
  type SimToken,
} from "./sim_protocol.ts";

/** What differs between the two calls. */
interface Dialect {
  readonly name: string;
  readonly path: string;
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  readonly defaultMaxTokens: number;
  /** Text and token ids of the prompt, or what is wrong with it. */
  readonly prompt: (body: Body) => Prompt | string;
  /** The part of a choice that carries text, for one event. */
  readonly delta: (stream: SimStream, tokens: readonly SimToken[]) => Body;
  /** The same for an answer that is not streamed. */
  readonly message: (tokens: readonly SimToken[]) => Body;
}

type Body = Readonly<Record<string, unknown>>;

interface Prompt {
  readonly text: string;
  readonly ids?: readonly number[];
}

/**
 * Unix seconds of every answer: fixed, because the same seed must give the same bytes and no
 * client may rely on it.
 */
const CREATED = 1_763_811_060;

const COMPLETIONS: Dialect = {
  name: "openai-completions",
  path: "/v1/completions",
  idPrefix: "cmpl",
  object: "text_completion",
  chunkObject: "text_completion",
  defaultMaxTokens: 16,
  prompt: completionsPrompt,
  delta: (_stream, tokens) => ({ text: textOf(tokens) }),
  message: (tokens) => ({ text: textOf(tokens) }),
};

const CHAT: Dialect = {
  name: "openai-chat",
  path: "/v1/chat/completions",
  idPrefix: "chatcmpl",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  defaultMaxTokens: 512,
  prompt: chatPrompt,
  delta: (stream, tokens) => {
    const { thought, answer } = split(tokens);
    if (!stream.quirks.has("reasoning")) return { delta: { content: answer } };
    return {
      delta: {
        ...(thought === "" ? {} : { reasoning_content: thought }),
        ...(answer === "" && thought !== "" ? {} : { content: answer }),
      },
    };
  },
  message: (tokens) => {
    const { thought, answer } = split(tokens);
    const reasoning = thought === "" ? {} : { reasoning_content: thought };
    return { message: { role: "assistant", ...reasoning, content: answer } };
  },
};

/** `GET /v1/models`; engines with other calls of their own list the model the same way. */
export const simOpenaiModels: SimProtocol = {
  ...dialectProtocol(COMPLETIONS),
  name: "openai-models",
  serves: [],
  matches: (method, path) => method === "GET" && path === "/v1/models",
  accept: (_request, model) =>
    json(200, {
      object: "list",
      data: [{ id: model, object: "model", created: CREATED, owned_by: "tokometer" }],
    }),
};

/** `POST /v1/completions`. */
export const simOpenaiCompletions: SimProtocol = dialectProtocol(COMPLETIONS);

/** `POST /v1/chat/completions`. */
export const simOpenaiChat: SimProtocol = dialectProtocol(CHAT);

function dialectProtocol(dialect: Dialect): SimProtocol {
  return {
    name: dialect.name,
    matches: (method, path) => method === "POST" && path === dialect.path,
    accept: (request) => acceptJob(dialect, request),
    contentType: () => "text/event-stream; charset=utf-8",
    opening: (stream) =>
      dialect === CHAT && stream.quirks.has("role-chunk:early") ? roleEvent(stream) : "",
    event: (stream, tokens, last, finish) => tokenEvent(dialect, stream, { tokens, last, finish }),
    frame: (stream) => eventFrame(dialect, stream),
    closing: (stream, finish) => closingEvents(dialect, stream, finish),
    errorEvent: (_stream, message) =>
      sse({ error: { message, type: "InternalServerError", param: null, code: 500 } }) + DONE,
    errorReply,
    whole: (stream, tokens, finish) => wholeReply(dialect, stream, { tokens, finish }),
  };
}

const DONE = "data: [DONE]\n\n";

function sse(event: unknown): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}

function json(status: number, body: unknown): SimReply {
  return { status, contentType: "application/json", body: JSON.stringify(body) };
}

function errorReply(status: number, message: string): SimReply {
  const type = status === 404
    ? "NotFoundError"
    : status === 401
    ? "AuthenticationError"
    : status < 500
    ? "BadRequestError"
    : "InternalServerError";
  return json(status, { error: { message, type, param: null, code: status } });
}

function acceptJob(dialect: Dialect, request: SimRequest): SimJob | SimReply {
  let body: Body;
  try {
    body = JSON.parse(new TextDecoder().decode(request.body));
  } catch (error) {
    return errorReply(400, `Invalid JSON: ${(error as Error).message}`);
  }
  if (typeof body !== "object" || body === null) return errorReply(400, "Body is not an object");
  const prompt = dialect.prompt(body);
  if (typeof prompt === "string") return errorReply(400, prompt);
  const maxTokens = body["max_completion_tokens"] ?? body["max_tokens"] ?? dialect.defaultMaxTokens;
  const minTokens = body["min_tokens"] ?? 0;
  if (!isCount(maxTokens) || maxTokens < 1) {
    return errorReply(400, `max_tokens must be at least 1, got ${JSON.stringify(maxTokens)}`);
  }
  if (!isCount(minTokens) || minTokens > maxTokens) {
    return errorReply(400, `min_tokens must be in 0…max_tokens, got ${JSON.stringify(minTokens)}`);
  }
  const stream = body["stream"] === true;
  const streamOptions = body["stream_options"] as Body | null | undefined;
  if (streamOptions != null && !stream) {
    return errorReply(400, "Stream options can only be defined when `stream=True`");
  }
  if (Number(body["n"] ?? 1) !== 1) return errorReply(400, "n must be 1 here");
  return {
    model: String(body["model"] ?? ""),
    promptTokens: prompt.ids?.length ?? simPromptTokens(prompt.text),
    ...(prompt.ids === undefined ? {} : { promptIds: prompt.ids }),
    maxTokens,
    minTokens,
    ignoreEos: body["ignore_eos"] === true,
    stream,
    includeUsage: streamOptions?.["include_usage"] === true,
    continuousUsage: streamOptions?.["continuous_usage_stats"] === true,
    extra: { promptText: prompt.text, returnTokenIds: body["return_token_ids"] === true },
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A string, a list of ids, or a list that holds one of these. */
function completionsPrompt(body: Body): Prompt | string {
  let prompt = body["prompt"];
  const isList = Array.isArray(prompt) && typeof prompt[0] !== "number";
  if (isList && (prompt as unknown[]).length === 1) prompt = (prompt as unknown[])[0];
  if (typeof prompt === "string") return { text: prompt };
  if (Array.isArray(prompt) && prompt.length > 0 && prompt.every(isCount)) {
    return { text: "", ids: prompt };
  }
  return "prompt must be a string or a list of token ids";
}

function chatPrompt(body: Body): Prompt | string {
  const messages = body["messages"];
  // LMDeploy takes a plain string as well.
  if (typeof messages === "string") return { text: messages };
  if (!Array.isArray(messages) || messages.length === 0) return "messages must be a list";
  const contents = messages.map((message) => contentText((message as Body | null)?.["content"]));
  return { text: contents.join("\n") };
}

/** Content is a string or a list of parts, of which the text counts. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => String((part as Body | null)?.["text"] ?? "")).join("");
}

function textOf(tokens: readonly SimToken[]): string {
  return tokens.length === 1 ? tokens[0]!.text : tokens.map((token) => token.text).join("");
}

function split(tokens: readonly SimToken[]): { thought: string; answer: string } {
  return {
    thought: textOf(tokens.filter((token) => token.reasoning)),
    answer: textOf(tokens.filter((token) => !token.reasoning)),
  };
}

function envelope(dialect: Dialect, stream: SimStream): Body {
  return {
    id: `${dialect.idPrefix}-${stream.serial}`,
    object: dialect.chunkObject,
    created: CREATED,
    model: stream.job.model,
  };
}

function roleEvent(stream: SimStream): string {
  const choice = { index: 0, delta: { role: "assistant", content: "" }, finish_reason: null };
  return sse({ ...envelope(CHAT, stream), choices: [choice] });
}

interface Step {
  readonly tokens: readonly SimToken[];
  readonly last: boolean;
  readonly finish: "length" | "stop";
}

function tokenEvent(dialect: Dialect, stream: SimStream, step: Step): string {
  const { tokens, last, finish } = step;
  if (stream.quirks.has("join-utf8") && !last && tokens.every((token) => token.text === "")) {
    return "";
  }
  const first = stream.tokensSoFar === tokens.length;
  const role = dialect === CHAT && first && stream.quirks.has("role-chunk:with-first")
    ? roleEvent(stream)
    : "";
  // Chat sends the reason in an event of its own.
  const finishesHere = last && dialect === COMPLETIONS && !stream.quirks.has("done:missing");
  const withIds = withTokenIds(stream);
  return role + sse({
    ...envelope(dialect, stream),
    choices: [{
      index: 0,
      ...dialect.delta(stream, tokens),
      logprobs: null,
      finish_reason: finishesHere ? finish : null,
      ...(withIds ? { token_ids: tokens.map((token) => token.id) } : {}),
    }],
    ...(usageInEvents(stream) || (finishesHere && stream.quirks.has("usage:last-chunk"))
      ? { usage: usage(stream) }
      : {}),
  });
}

/** Text that no vocabulary has, and its JSON no event but in the text's place. */
const MARK: SimToken = { id: 0, text: "\0", reasoning: false };

function eventFrame(dialect: Dialect, stream: SimStream): EventFrame | undefined {
  const { quirks } = stream;
  const more = usageInEvents(stream) || withTokenIds(stream) || quirks.has("reasoning") ||
    quirks.has("join-utf8");
  if (more) return undefined;
  const later = { ...stream, tokensSoFar: 2 };
  const event = tokenEvent(dialect, later, { tokens: [MARK], last: false, finish: "length" });
  const [before = "", after = ""] = event.split(JSON.stringify(MARK.text));
  return { before, after };
}

function withTokenIds({ quirks, job }: SimStream): boolean {
  return quirks.has("token-ids") || job.extra["returnTokenIds"] === true;
}

function closingEvents(dialect: Dialect, stream: SimStream, finish: "length" | "stop"): string {
  if (stream.quirks.has("done:missing")) return "";
  const events: string[] = [];
  if (dialect === CHAT) {
    events.push(sse({
      ...envelope(dialect, stream),
      choices: [{ index: 0, delta: { content: "" }, logprobs: null, finish_reason: finish }],
      ...(usageInEvents(stream) || stream.quirks.has("usage:last-chunk")
        ? { usage: usage(stream) }
        : {}),
    }));
  }
  const ownChunk = stream.quirks.has("usage:own-chunk") ||
    (stream.quirks.has("usage:asked") && stream.job.includeUsage);
  if (ownChunk) {
    events.push(sse({ ...envelope(dialect, stream), choices: [], usage: usage(stream) }));
  }
  return events.join("") + DONE;
}

function usageInEvents(stream: SimStream): boolean {
  return stream.quirks.has("usage:every-chunk") ||
    (stream.quirks.has("usage:asked") && stream.job.includeUsage && stream.job.continuousUsage);
}

function usage(stream: SimStream): Body {
  const { job, tokensSoFar, cachedTokens, quirks } = stream;
  return {
    prompt_tokens: job.promptTokens,
    total_tokens: job.promptTokens + tokensSoFar,
    completion_tokens: tokensSoFar,
    ...(quirks.has("cached-tokens")
      ? { prompt_tokens_details: { cached_tokens: cachedTokens } }
      : {}),
    ...(quirks.has("reasoning")
      ? { completion_tokens_details: { reasoning_tokens: stream.reasoningSoFar ?? 0 } }
      : {}),
  };
}

function wholeReply(
  dialect: Dialect,
  stream: SimStream,
  answer: { readonly tokens: readonly SimToken[]; readonly finish: "length" | "stop" },
): SimReply {
  const withIds = withTokenIds(stream);
  return json(200, {
    ...envelope(dialect, stream),
    object: dialect.object,
    choices: [{
      index: 0,
      ...dialect.message(answer.tokens),
      logprobs: null,
      finish_reason: answer.finish,
      ...(withIds ? { token_ids: answer.tokens.map((token) => token.id) } : {}),
    }],
    ...(stream.quirks.has("usage:never") ? {} : { usage: usage(stream) }),
  });
}
