/**
 * What the simulated engine reads in the messages of a chat, and how it calls a tool.
 *
 * @module
 */
import { isObject, type JsonObject } from "./json_event.ts";
import { simText } from "./sim_json.ts";
import type { SimStream, SimToken } from "./sim_protocol.ts";

/** Texts of messages for the engine: their contents, and the calls that they repeat. */
export function messageTexts(messages: readonly unknown[]): string[] {
  return messages.map((message) => {
    if (!isObject(message)) return "";
    const { content, tool_calls: calls } = message;
    return contentText(content) + (Array.isArray(calls) ? calls.map(callText).join("") : "");
  });
}

/** Content is a string or a list of parts with texts. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => String((part as JsonObject | null)?.text ?? "")).join("");
}

function callText(call: unknown): string {
  const { name = "", arguments: given = "" } = isObject(call) && isObject(call.function)
    ? call.function
    : {};
  return `${name}${given}`;
}

/** Name of the first tool that a request offers and lets the model call. */
export function firstTool({ tools, tool_choice: choice }: JsonObject): string | undefined {
  if (!Array.isArray(tools) || choice === "none") return undefined;
  const [tool] = tools;
  const name = isObject(tool) && isObject(tool.function) ? tool.function.name : undefined;
  return typeof name === "string" ? name : undefined;
}

/** The tool that the answer calls; absent = it is text. */
export function calledTool({ quirks, job }: SimStream): string | undefined {
  return quirks.has("tool-calls") ? job.extra.tool as string | undefined : undefined;
}

/** The arguments of a call are one text, which these surround. */
const BEFORE = '{"text":"';
const AFTER = '"}';

/** A part of a streamed call: `first` also names the tool, `last` completes the arguments. */
export function callDelta(
  stream: SimStream,
  tokens: readonly SimToken[],
  { first, last }: { readonly first: boolean; readonly last: boolean },
): JsonObject {
  const text = (first ? BEFORE : "") + simText(tokens) + (last ? AFTER : "");
  const call = first
    ? { ...callHead(stream), function: { name: calledTool(stream), arguments: text } }
    : { function: { arguments: text } };
  return { tool_calls: [{ index: 0, ...call }] };
}

/** The call of an answer that is not streamed. */
export function wholeCall(stream: SimStream, tokens: readonly SimToken[]): JsonObject {
  const text = BEFORE + simText(tokens) + AFTER;
  return { ...callHead(stream), function: { name: calledTool(stream), arguments: text } };
}

function callHead({ serial }: SimStream): JsonObject {
  return { id: `call_${serial}`, type: "function" };
}
