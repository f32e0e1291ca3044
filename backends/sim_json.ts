/**
 * What the simulated engines' protocols share: JSON bodies in, JSON events out.
 *
 * @module
 */
import { count, isObject, type JsonObject } from "./json_event.ts";
import type { SimJob, SimReply, SimRequest, SimStream, SimToken } from "./sim_protocol.ts";
import { simPromptTokens } from "./sim_prompt.ts";

const decoder = new TextDecoder();

/** The body as a JSON object; `undefined` when it is none. */
export function simBody(request: SimRequest): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(request.body));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An answer that is a JSON document. */
export function simJsonReply(status: number, value: unknown): SimReply {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}

/** One server-sent event with a JSON text. */
export function simSse(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** The same without the space, as TGI and LightLLM write it. */
export function simSseTight(value: unknown): string {
  return `data:${JSON.stringify(value)}\n\n`;
}

/** The value when it is a list of token ids. */
export function simIds(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.length > 0 && value.every((id) => count(id) !== undefined)
    ? value as number[]
    : undefined;
}

/** The text of the tokens. */
export function simText(tokens: readonly SimToken[]): string {
  return tokens.length === 1 ? tokens[0]!.text : tokens.map((token) => token.text).join("");
}

/** Whether the event must wait, in engines that send nothing while a character is incomplete. */
export function simHeldBack(
  stream: SimStream,
  tokens: readonly SimToken[],
  last: boolean,
): boolean {
  return !last && stream.quirks.has("join-utf8") && tokens.every((token) => token.text === "");
}

/** Whether this event ends the stream and says so (it does not with the fault `missing-done`). */
export function simEnds(stream: SimStream, last = true): boolean {
  return last && !stream.quirks.has("done:missing");
}

/** One event per token, however many became due together. */
export function simEachToken(
  stream: SimStream,
  { tokens, last }: { readonly tokens: readonly SimToken[]; readonly last: boolean },
  fields: (token: SimToken, soFar: number, isLast: boolean) => unknown,
): string {
  const before = stream.tokensSoFar - tokens.length;
  return tokens.map((token, at) =>
    simSseTight(fields(token, before + at + 1, simEnds(stream, last && at === tokens.length - 1)))
  ).join("");
}

/** The parts of a job in which protocols differ. */
export interface SimJobParts {
  readonly model: string;
  /** Text, token ids, or messages. */
  readonly prompt: unknown;
  /** As in the body; missing = the engine's default. */
  readonly maxTokens: unknown;
  readonly defaultMaxTokens: number;
  readonly minTokens?: unknown;
  readonly ignoreEos?: unknown;
  readonly stream: boolean;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A job from the fields of a body, or the engine's refusal of them. */
export function simJob(
  parts: SimJobParts,
  refuse: (problem: string) => SimReply,
): SimJob | SimReply {
  const promptIds = simIds(parts.prompt);
  const promptTexts = promptIds === undefined ? contents(parts.prompt) : [];
  if (promptTexts === undefined) return refuse("the prompt is missing");
  const maxTokens = parts.maxTokens === undefined || parts.maxTokens === null
    ? parts.defaultMaxTokens
    : count(parts.maxTokens);
  if (maxTokens === undefined || maxTokens === 0) {
    return refuse(`the number of tokens must be at least 1, got ${String(parts.maxTokens)}`);
  }
  return {
    model: parts.model,
    promptTokens: promptIds?.length ?? simPromptTokens(...promptTexts),
    ...(promptIds === undefined ? { promptTexts } : { promptIds }),
    maxTokens,
    minTokens: count(parts.minTokens) ?? 0,
    ignoreEos: parts.ignoreEos === true,
    stream: parts.stream,
    extra: parts.extra ?? {},
  };
}

/** One text, or the contents of messages. */
function contents(prompt: unknown): readonly string[] | undefined {
  if (typeof prompt === "string") return [prompt];
  if (!Array.isArray(prompt) || prompt.length === 0) return undefined;
  const parts = prompt.map((message) => isObject(message) ? message.content : undefined);
  return parts.every((part) => typeof part === "string") ? parts : undefined;
}
