/**
 * Reading of events that are JSON objects: the checks that every reader makes before it trusts a
 * field.
 *
 * @module
 */
import { errorMessage, oneLine } from "./error_message.ts";
import type { EngineEvent, Protocol, QuickEvents } from "./protocol.ts";

/** A JSON object as parsed. */
export type JsonObject = { readonly [name: string]: unknown };

/** An {@linkcode EngineEvent} while a reader fills it in. */
export type EventDraft = { -readonly [Name in keyof EngineEvent]: EngineEvent[Name] };

const decoder = new TextDecoder();

/**
 * Parses an event or a body that must be a JSON object. A list whose first entry has the words of an
 * error, as some gateways send, stands for that entry.
 *
 * @throws {SyntaxError} when it is not.
 */
export function parseObject(data: string | Uint8Array): JsonObject {
  const source = typeof data === "string" ? data : decoder.decode(data);
  const value: unknown = JSON.parse(source);
  const listed: unknown = Array.isArray(value) ? value[0] : undefined;
  if (isObject(listed) && errorMessage(listed) !== undefined) return listed;
  if (!isObject(value)) {
    throw new SyntaxError(`Cannot read the event ${oneLine(source, 80)}: not a JSON object`);
  }
  return value;
}

/**
 * A protocol's `readEvent` from what it makes of an object: data that is none is refused, an error
 * that the object reports wins over all else.
 */
export function eventReader(read: QuickEvents["read"]): Protocol["readEvent"] {
  return (data, request) => {
    const value = parseObject(data);
    const error = reportedError(value);
    return error === undefined ? read(value, request) : { error };
  };
}

/** Is it a JSON object (not `null`, not an array)? */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value when it is a whole number of tokens, else nothing. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The value when it is text, else `""` (engines send `null` for "no text"). */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The numbers among the fields, e.g. of llama.cpp's `timings`. */
export function numbers(value: unknown): Record<string, number> {
  const found: Record<string, number> = {};
  if (!isObject(value)) return found;
  for (const [name, entry] of Object.entries(value)) {
    if (typeof entry === "number") found[name] = entry;
  }
  return found;
}

/**
 * The error that an event reports: `{error: "…", error_type}`, `{error: {message}}` or
 * `{object: "error", message}`. Engines send these under status 200 too, so every reader asks
 * before it looks for tokens (T5, T6 in docs/python-scripts.md).
 */
export function reportedError(value: JsonObject): string | undefined {
  const { error, error_type: kind } = value;
  if (error) {
    const message = oneLine(errorMessage(error) ?? JSON.stringify(error));
    return typeof kind === "string" ? `${message} (${kind})` : message;
  }
  if (value.object === "error") return oneLine(errorMessage(value) ?? JSON.stringify(value));
  return undefined;
}
