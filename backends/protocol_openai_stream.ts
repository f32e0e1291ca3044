/**
 * What the OpenAI-style protocols share: reading answers, fields of requests.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import {
  count,
  type EventDraft,
  isObject,
  type JsonObject,
  numbers,
  parseObject,
  reportedError,
} from "./json_event.ts";
import { DELTA_FIELDS, readDelta, readUnknownFields } from "./protocol_openai_delta.ts";
import { samplingFields } from "./protocol_fields.ts";
import { HTTP_DEFAULTS } from "./protocol_http.ts";
import type { EngineEvent, GenerationRequest, Protocol, QuickEvents, Usage } from "./protocol.ts";

/** An object that servers may leave out. */
type Part = JsonObject | null | undefined;

const END: EngineEvent = { end: true };

const decoder = new TextDecoder();

/**
 * Reads an event of `/v1/completions` or `/v1/chat/completions`, or a whole answer. Handles usage on
 * the last choice, in a separate chunk, on every chunk, or nowhere; role-only and empty chunks;
 * `choices: []`; nested and flat errors.
 *
 * Usage on a chunk whose choice has not finished is a running total (`continuous_usage_stats`) and
 * becomes `totalTokens`; any other usage is only a total, since llama.cpp and early vLLM put it on
 * the last choice alone.
 *
 * @throws {SyntaxError} on data that is neither `[DONE]` nor a JSON object.
 */
export function readOpenaiEvent(data: string | Uint8Array): EngineEvent {
  const text = typeof data === "string" ? data : decoder.decode(data);
  if (text.charCodeAt(0) === 91 && text.trimEnd() === "[DONE]") return END;
  return readChunk(parseObject(text), text);
}

/** {@linkcode readOpenaiEvent} for events that do not report errors. */
export const openaiQuick: QuickEvents = {
  fields: {
    choices: [{
      ...DELTA_FIELDS,
      ...{ finish_reason: "value", token_ids: "value", output_ids: "value" },
      ...{ delta: DELTA_FIELDS, message: DELTA_FIELDS },
    }],
    usage: {
      prompt_tokens: "value",
      completion_tokens: "value",
      prompt_tokens_details: { cached_tokens: "value" },
      completion_tokens_details: { reasoning_tokens: "value" },
    },
    timings: "value",
    metrics: "value",
  },
  read: (chunk) => readChunk(chunk, ""),
  // A delta in which nothing is found may hold a field that no list names.
  orWhole: true,
};

/** Fields of the protocols with OpenAI's calls and answers. */
export const OPENAI_DEFAULTS: Omit<
  Protocol,
  "name" | "title" | "description" | "path" | "buildRequest"
> = {
  ...HTTP_DEFAULTS,
  tokenSource: "usage",
  endMark: "done",
  readEvent: readOpenaiEvent,
  quick: openaiQuick,
};

function readChunk(chunk: JsonObject, text: string): EngineEvent {
  const event: EventDraft = {};
  const choices = Array.isArray(chunk.choices) ? chunk.choices : undefined;
  const error = reportedError(chunk);
  if (error !== undefined) event.error = error;
  else if (choices === undefined && (chunk.message || chunk.detail)) {
    // The shape of a refusal where an answer should be: `{"message", "code"}`, `{"detail"}`.
    event.error = readErrorBody(text);
  }
  let unfinished = false;
  if (choices !== undefined) {
    for (const choice of choices) {
      if (!isObject(choice)) continue;
      readChoice(choice, event);
      if (text !== "" && isEmpty(event) && isObject(choice.delta)) {
        readUnknownFields(choice.delta, event);
      }
      if (typeof choice.finish_reason === "string") event.finishReason = choice.finish_reason;
      else unfinished = true;
    }
  }
  if (isObject(chunk.usage)) {
    const usage = readUsage(chunk.usage);
    event.usage = usage;
    if (unfinished && usage.outputTokens !== undefined) {
      event.totalTokens = usage.outputTokens;
      event.source = "counter";
    }
  }
  if (chunk.timings) event.timings = numbers(chunk.timings);
  // vLLM with `--enable-per-request-metrics`, in the chunk with the usage.
  else if (isObject(chunk.metrics)) {
    event.timings = { ...numbers(chunk.metrics), ...numbers(chunk.metrics.speculative_decoding) };
  }
  return event;
}

/** Whether nothing generated was found so far. */
function isEmpty({ text, reasoning, tool, other }: EventDraft): boolean {
  return text === undefined && reasoning === undefined && tool === undefined && !other;
}

function readChoice(choice: JsonObject, event: EventDraft): void {
  const delta = (choice.delta ?? choice.message) as Part;
  if (isObject(delta)) readDelta(delta, event);
  else readDelta(choice, event);
  // vLLM's name and LMDeploy's, both with `return_token_ids`.
  const ids = choice.token_ids ?? choice.output_ids;
  // Servers send an empty list where no ids were requested.
  if (Array.isArray(ids) && ids.length > 0) {
    event.newTokens = (event.newTokens ?? 0) + ids.length;
    event.source = "ids";
  }
}

function readUsage(usage: JsonObject): Usage {
  const promptTokens = count(usage.prompt_tokens);
  const outputTokens = count(usage.completion_tokens);
  const cachedTokens = count((usage.prompt_tokens_details as Part)?.cached_tokens);
  const reasoningTokens = count((usage.completion_tokens_details as Part)?.reasoning_tokens);
  const result: { -readonly [Name in keyof Usage]: Usage[Name] } = {};
  if (promptTokens !== undefined) result.promptTokens = promptTokens;
  if (outputTokens !== undefined) result.outputTokens = outputTokens;
  if (cachedTokens !== undefined) result.cachedTokens = cachedTokens;
  if (reasoningTokens !== undefined) result.reasoningTokens = reasoningTokens;
  return result;
}

/**
 * The fields that completions and chat share. A forced length sets `max_tokens` = `min_tokens` and
 * `ignore_eos` (vLLM, SGLang and LMDeploy know them; llama.cpp needs only the last). Usage is
 * requested in every stream: without it, events would have to be counted as tokens.
 */
export function openaiFields(request: GenerationRequest): Record<string, unknown> {
  const forced = request.length === "forced";
  return {
    [request.lengthField ?? "max_tokens"]: request.outputTokens,
    min_tokens: forced ? request.outputTokens : undefined,
    ignore_eos: forced ? true : undefined,
    ...samplingFields(request),
    stream: request.stream,
    stream_options: request.stream ? { include_usage: true } : undefined,
  };
}
