/**
 * What a delta, or a whole message, of an OpenAI-shaped answer carries: one list of fields for every
 * protocol of that shape. Anything generated counts, whatever the field's name.
 *
 * @module
 */
import { type EventDraft, isObject, type JsonObject } from "./json_event.ts";
import type { FieldMask } from "./protocol.ts";

/** What a generated piece belongs to. */
type Part = "text" | "reasoning" | "tool";

/**
 * Fields with something generated, and what it belongs to. Of several fields with thinking, or with
 * calls, the first that holds something is read: the others repeat it under another server's name.
 */
const GENERATED: ReadonlyMap<string, Part> = new Map([
  ["content", "text"], // a text, or a list of parts
  ["text", "text"], // completions
  ["refusal", "text"], // OpenAI: the model declines
  ["audio", "text"], // OpenAI: sound, with its transcript
  ["images", "text"], // OpenRouter
  ["reasoning_content", "reasoning"], // DeepSeek, SGLang, vLLM before 0.10
  ["reasoning", "reasoning"], // vLLM, OpenRouter, Groq
  ["reasoning_text", "reasoning"],
  ["reasoning_details", "reasoning"], // OpenRouter, MiniMax
  ["thinking", "reasoning"], // Ollama
  ["thinking_blocks", "reasoning"], // LiteLLM
  ["tool_calls", "tool"],
  ["function_call", "tool"], // OpenAI before tools
]);

/** For reading deltas without building all of them. */
export const DELTA_FIELDS: { readonly [name: string]: FieldMask } = Object.fromEntries(
  Array.from(GENERATED.keys(), (field) => [field, "value"]),
);

/** Fields of a delta that hold nothing generated. */
const NOT_GENERATED =
  /^(role|name|type|status|index|id|object|model|created|channel|recipient|phase|annotations|citations|logprobs|token_logprobs|metadata|signature|obfuscation|padding|usage|provider_specific_fields)$|_(id|ids|type|reason|signature|metadata)$/;

/** Parts of a list that are not text of the model, though they hold some. */
const SEALED_PART = /encrypted|redacted|signature/;
const THINKING = /reason|think|thought/;
const CALLING = /tool|function|call/;

/** Fields of a part that hold what was generated, in the order of reading. */
const PART_FIELDS = [
  ...["text", "content", "thinking", "reasoning", "summary", "refusal", "transcript"],
  ...["function", "custom", "name", "arguments", "input", "partial_json"],
] as const;

/** Fields of a part that hold something generated which is no text: sound, pictures. */
const DATA_FIELDS = ["data", "image_url", "b64_json", "url", "audio"] as const;

/** Nested deeper than this, nothing is looked for. */
const DEEPEST = 6;

/** Adds to the event what a delta, a message, or a choice of completions carries. */
export function readDelta(delta: JsonObject, event: EventDraft): void {
  let thought = false;
  let called = false;
  for (const field in delta) {
    const part = GENERATED.get(field);
    if (part === undefined) continue;
    const value = delta[field];
    if (part === "text") {
      // What nearly every event is.
      if (typeof value === "string") {
        if (value !== "") event.text = event.text === undefined ? value : event.text + value;
      } else addGenerated(value, part, event, 0);
    } else if (part === "reasoning") {
      if (!thought) thought = addGenerated(value, part, event, 0);
    } else if (!called) called = addGenerated(value, part, event, 0);
  }
}

/**
 * Adds what stands in fields with names that no list knows; for deltas in which {@linkcode readDelta}
 * found nothing. The name decides what it belongs to.
 */
export function readUnknownFields(delta: JsonObject, event: EventDraft): void {
  for (const [field, value] of Object.entries(delta)) {
    if (value === "" || typeof value !== "string" && typeof value !== "object") continue;
    if (NOT_GENERATED.test(field) || SEALED_PART.test(field)) continue;
    addGenerated(value, partOf(field, "text"), event, 0);
  }
}

function partOf(name: string, otherwise: Part): Part {
  if (THINKING.test(name)) return "reasoning";
  return CALLING.test(name) ? "tool" : otherwise;
}

/** Adds a generated piece: a text, a list of parts, or a part; returns whether there was any. */
function addGenerated(value: unknown, part: Part, event: EventDraft, depth: number): boolean {
  if (typeof value === "string") {
    if (value === "") return false;
    event[part] = (event[part] ?? "") + value;
    return true;
  }
  if (typeof value !== "object" || value === null || depth > DEEPEST) return false;
  let found = false;
  if (Array.isArray(value)) {
    for (const one of value) if (addGenerated(one, part, event, depth + 1)) found = true;
    return found;
  }
  if (!isObject(value)) return false;
  const type = typeof value.type === "string" ? value.type : "";
  if (SEALED_PART.test(type)) return false;
  const own = part === "text" ? partOf(type, part) : part;
  for (const field of PART_FIELDS) {
    if (addGenerated(value[field], own, event, depth + 1)) found = true;
  }
  if (found) return true;
  if (!DATA_FIELDS.some((field) => Boolean(value[field]))) return false;
  event.other = true;
  return true;
}
