/**
 * The server's side of OpenAI completions and chat as vLLM has it, with other engines' variants as
 * quirks.
 *
 * @module
 */
import { count, type JsonObject } from "./json_event.ts";
import {
  simBody,
  simEnds,
  simHeldBack,
  simIds,
  simJsonReply,
  simSse,
  simText,
} from "./sim_json.ts";
import { contextBody } from "./sim_context.ts";
import {
  callDelta,
  calledTool,
  firstTool,
  messageTexts,
  wholeCall,
} from "./sim_openai_messages.ts";
import { simPromptTokens } from "./sim_prompt.ts";
import { partsOf } from "./sim_times.ts";
import type {
  EventFrame,
  SimFinish,
  SimJob,
  SimProtocol,
  SimReply,
  SimRequest,
  SimStream,
  SimToken,
} from "./sim_protocol.ts";

/** What differs between the two calls. */
interface Dialect {
  readonly name: string;
  readonly path: string;
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  readonly defaultMaxTokens: number;
  /** Texts or token ids of the prompt, or what is wrong with it. */
  readonly prompt: (body: JsonObject) => Prompt | string;
  /** The part of a choice that carries text, for one event. */
  readonly delta: (stream: SimStream, tokens: readonly SimToken[], last: boolean) => JsonObject;
  /** The same for an answer that is not streamed. */
  readonly message: (stream: SimStream, tokens: readonly SimToken[]) => JsonObject;
}

type Prompt = Pick<SimJob, "promptIds" | "promptTexts">;

/**
 * Unix seconds in every answer: fixed, as the same seed must give the same bytes.
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
  delta: (_stream, tokens) => ({ text: simText(tokens) }),
  message: (_stream, tokens) => ({ text: simText(tokens) }),
};

const CHAT: Dialect = {
  name: "openai-chat",
  path: "/v1/chat/completions",
  idPrefix: "chatcmpl",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  defaultMaxTokens: 512,
  prompt: chatPrompt,
  delta: (stream, tokens, last) => {
    const { thought, answer } = split(tokens);
    const said = answerDelta(stream, answer, last);
    if (!stream.quirks.has("reasoning")) return { delta: said };
    return {
      delta: {
        ...(thought.length > 0 && { reasoning_content: simText(thought) }),
        ...((answer.length > 0 || thought.length === 0) && said),
      },
    };
  },
  message: (stream, tokens) => {
    const { thought, answer } = split(tokens);
    const reasoning = thought.length > 0 && { reasoning_content: simText(thought) };
    const said = calledTool(stream) === undefined
      ? { content: simText(answer) }
      : { content: null, tool_calls: [wholeCall(stream, answer)] };
    return { message: { role: "assistant", ...reasoning, ...said } };
  },
};

/** `GET /v1/models`; engines with other generation calls list the model the same way. */
export const simOpenaiModels: SimProtocol = {
  ...dialectProtocol(COMPLETIONS),
  name: "openai-models",
  serves: [],
  matches: (method, path) => method === "GET" && path === "/v1/models",
  accept: (_request, model) =>
    simJsonReply(200, {
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
    opening: (stream) =>
      dialect === CHAT && stream.quirks.has("role-chunk:early") ? roleEvent(stream) : "",
    event: (stream, tokens, last, finish) => tokenEvent(dialect, stream, { tokens, last, finish }),
    frame: (stream) => eventFrame(dialect, stream),
    closing: (stream, finish) => closingEvents(dialect, stream, finish),
    errorEvent: (_stream, message) =>
      simSse({ error: { message, type: "InternalServerError", param: null, code: 500 } }) + DONE,
    errorReply,
    tooLong: (words, size) =>
      simJsonReply(
        words.status,
        contextBody(words, size, (message) => errorBody(words.status, message)),
      ),
    whole: (stream, tokens, finish) => wholeReply(dialect, stream, { tokens, finish }),
  };
}

const DONE = "data: [DONE]\n\n";

function errorReply(status: number, message: string): SimReply {
  return simJsonReply(status, errorBody(status, message));
}

function errorBody(status: number, message: string): JsonObject {
  const type = status === 404
    ? "NotFoundError"
    : status === 401
    ? "AuthenticationError"
    : status < 500
    ? "BadRequestError"
    : "InternalServerError";
  return { error: { message, type, param: null, code: status } };
}

function acceptJob(dialect: Dialect, request: SimRequest): SimJob | SimReply {
  const body = simBody(request);
  if (body === undefined) return errorReply(400, "The body is not a JSON object");
  const prompt = dialect.prompt(body);
  if (typeof prompt === "string") return errorReply(400, prompt);
  const given = body.max_completion_tokens ?? body.max_tokens;
  const maxTokens = count(given ?? dialect.defaultMaxTokens);
  if (maxTokens === undefined || maxTokens < 1) {
    return errorReply(400, `max_tokens must be at least 1, got ${JSON.stringify(given)}`);
  }
  const minTokens = count(body.min_tokens ?? 0);
  if (minTokens === undefined || minTokens > maxTokens) {
    const text = JSON.stringify(body.min_tokens);
    return errorReply(400, `min_tokens must be in 0…max_tokens, got ${text}`);
  }
  const stream = body.stream === true;
  const streamOptions = body.stream_options as JsonObject | null | undefined;
  if (streamOptions != null && !stream) {
    return errorReply(400, "Stream options can only be defined when `stream=True`");
  }
  if (Number(body.n ?? 1) !== 1) return errorReply(400, "n must be 1 here");
  return {
    model: String(body.model ?? ""),
    promptTokens: prompt.promptIds?.length ?? simPromptTokens(...prompt.promptTexts ?? []),
    ...prompt,
    maxTokens,
    minTokens,
    ignoreEos: body.ignore_eos === true,
    stream,
    includeUsage: streamOptions?.include_usage === true,
    continuousUsage: streamOptions?.continuous_usage_stats === true,
    extra: { returnTokenIds: body.return_token_ids === true, tool: firstTool(body) },
  };
}

/** A string, a list of ids, or a list with one of these. */
function completionsPrompt(body: JsonObject): Prompt | string {
  let prompt = body.prompt;
  const isList = Array.isArray(prompt) && typeof prompt[0] !== "number";
  if (isList && (prompt as unknown[]).length === 1) prompt = (prompt as unknown[])[0];
  if (typeof prompt === "string") return { promptTexts: [prompt] };
  const promptIds = simIds(prompt);
  return promptIds === undefined ? "prompt must be a string or a list of token ids" : { promptIds };
}

function chatPrompt(body: JsonObject): Prompt | string {
  const messages = body.messages;
  // LMDeploy takes a plain string as well.
  if (typeof messages === "string") return { promptTexts: [messages] };
  if (!Array.isArray(messages) || messages.length === 0) return "messages must be a list";
  return { promptTexts: messageTexts(messages) };
}

function split(
  tokens: readonly SimToken[],
): { thought: readonly SimToken[]; answer: readonly SimToken[] } {
  return {
    thought: tokens.filter((token) => token.reasoning),
    answer: tokens.filter((token) => !token.reasoning),
  };
}

/** What is answered, as text or as a part of a call. */
function answerDelta(stream: SimStream, answer: readonly SimToken[], last: boolean): JsonObject {
  if (calledTool(stream) === undefined) return { content: simText(answer) };
  const answeredSoFar = stream.tokensSoFar - (stream.reasoningSoFar ?? 0);
  return callDelta(stream, answer, { first: answeredSoFar === answer.length, last });
}

function envelope(dialect: Dialect, stream: SimStream): JsonObject {
  return {
    id: `${dialect.idPrefix}-${stream.serial}`,
    object: dialect.chunkObject,
    created: CREATED,
    model: stream.job.model,
  };
}

function roleEvent(stream: SimStream): string {
  const choice = { index: 0, delta: { role: "assistant", content: "" }, finish_reason: null };
  return simSse({ ...envelope(CHAT, stream), choices: [choice] });
}

interface Step {
  readonly tokens: readonly SimToken[];
  readonly last: boolean;
  readonly finish: SimFinish;
}

function tokenEvent(dialect: Dialect, stream: SimStream, step: Step): string {
  const { tokens, last, finish } = step;
  if (simHeldBack(stream, tokens, last)) return "";
  const first = stream.tokensSoFar === tokens.length;
  const role = dialect === CHAT && first && stream.quirks.has("role-chunk:with-first")
    ? roleEvent(stream)
    : "";
  // Chat sends the reason in a separate event.
  const finishesHere = simEnds(stream, last) && dialect === COMPLETIONS;
  return role + simSse({
    ...envelope(dialect, stream),
    choices: [{
      index: 0,
      ...dialect.delta(stream, tokens, last),
      logprobs: null,
      finish_reason: finishesHere ? finish : null,
      ...(withTokenIds(stream) && { token_ids: tokens.map((token) => token.id) }),
    }],
    ...((usageInEvents(stream) || (finishesHere && stream.quirks.has("usage:last-chunk"))) &&
      { usage: usage(stream) }),
  });
}

/** A text outside the vocabulary, whose JSON occurs in an event only as the text. */
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
  return quirks.has("token-ids") || job.extra.returnTokenIds === true;
}

function closingEvents(dialect: Dialect, stream: SimStream, finish: SimFinish): string {
  if (!simEnds(stream)) return "";
  const events: string[] = [];
  if (dialect === CHAT) {
    events.push(simSse({
      ...envelope(dialect, stream),
      choices: [{
        index: 0,
        delta: { content: "" },
        logprobs: null,
        finish_reason: reasonOf(dialect, stream, finish),
      }],
      ...((usageInEvents(stream) || stream.quirks.has("usage:last-chunk")) &&
        { usage: usage(stream) }),
    }));
  }
  const ownChunk = stream.quirks.has("usage:own-chunk") ||
    (stream.quirks.has("usage:asked") && stream.job.includeUsage);
  if (ownChunk) {
    events.push(
      simSse({
        ...envelope(dialect, stream),
        choices: [],
        usage: usage(stream),
        ...requestMetrics(stream),
      }),
    );
  }
  return events.join("") + DONE;
}

function reasonOf(dialect: Dialect, stream: SimStream, finish: SimFinish): string {
  return dialect === CHAT && calledTool(stream) !== undefined ? "tool_calls" : finish;
}

function usageInEvents(stream: SimStream): boolean {
  return stream.quirks.has("usage:every-chunk") ||
    (stream.quirks.has("usage:asked") && stream.job.includeUsage === true &&
      stream.job.continuousUsage === true);
}

function usage(stream: SimStream): JsonObject {
  const { job, tokensSoFar, cachedTokens, quirks } = stream;
  return {
    prompt_tokens: job.promptTokens,
    total_tokens: job.promptTokens + tokensSoFar,
    completion_tokens: tokensSoFar,
    ...(quirks.has("cached-tokens") && {
      prompt_tokens_details: { cached_tokens: cachedTokens },
    }),
    ...(quirks.has("reasoning") && {
      completion_tokens_details: { reasoning_tokens: stream.reasoningSoFar ?? 0 },
    }),
  };
}

/**
 * The request's own times as vLLM gives them with `--enable-per-request-metrics`: its time to the first
 * token counts from when it took the request up, not from its arrival.
 */
function requestMetrics({ quirks, times, tokensSoFar }: SimStream): JsonObject {
  if (!quirks.has("request-metrics") || times === undefined) return {};
  const { queueMs, prefillMs, decodeMs } = partsOf(times);
  const { drafts, draftTokens, acceptedTokens } = times;
  return {
    metrics: {
      time_to_first_token_ms: prefillMs,
      generation_time_ms: decodeMs,
      queue_time_ms: queueMs,
      mean_itl_ms: tokensSoFar > 1 ? decodeMs / (tokensSoFar - 1) : null,
      tokens_per_second: 1000 * tokensSoFar / (prefillMs + decodeMs),
      ...(drafts > 0 && {
        speculative_decoding: {
          mean_acceptance_length: 1 + acceptedTokens / drafts,
          draft_acceptance_rate: acceptedTokens / draftTokens,
          num_spec_steps: drafts,
          num_accepted_draft_tokens: acceptedTokens,
          num_draft_tokens: draftTokens,
        },
      }),
    },
  };
}

function wholeReply(
  dialect: Dialect,
  stream: SimStream,
  answer: { readonly tokens: readonly SimToken[]; readonly finish: SimFinish },
): SimReply {
  return simJsonReply(200, {
    ...envelope(dialect, stream),
    object: dialect.object,
    choices: [{
      index: 0,
      ...dialect.message(stream, answer.tokens),
      logprobs: null,
      finish_reason: reasonOf(dialect, stream, answer.finish),
      ...(withTokenIds(stream) && { token_ids: answer.tokens.map((token) => token.id) }),
    }],
    ...(!stream.quirks.has("usage:never") && { usage: usage(stream) }),
    ...requestMetrics(stream),
  });
}
