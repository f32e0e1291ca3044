/**
 * Fields of events that many engines send alike, taken over where they have a value to trust.
 *
 * @module
 */
import { errorMessage, oneLine } from "./error_message.ts";
import { count, type EventDraft, type JsonObject } from "./json_event.ts";

/**
 * The words of an object that lacks the field that every answer of the engine has: `{"message"}`,
 * `{"detail"}` and the like, which servers and what stands before them send under status 200, too.
 * Only where no answer has such names of its own.
 */
export function errorWithout(value: JsonObject, field: string): string | undefined {
  if (value[field] !== undefined) return undefined;
  const words = errorMessage(value);
  return words === undefined ? undefined : oneLine(words);
}

/** Takes the engine's counter of the tokens generated so far; returns whether it is one. */
export function takeCounter(event: EventDraft, value: unknown): boolean {
  const total = count(value);
  if (total === undefined) return false;
  event.totalTokens = total;
  event.source = "counter";
  return true;
}

/** Takes the ids of the tokens that the event adds. */
export function takeIds(event: EventDraft, value: unknown): void {
  if (!Array.isArray(value)) return;
  event.newTokens = value.length;
  event.source = "ids";
}

/** Takes the number of prompt tokens. */
export function takePromptTokens(event: EventDraft, value: unknown): void {
  const promptTokens = count(value);
  if (promptTokens !== undefined) event.usage = { promptTokens };
}

/** Takes the reason why the engine stopped. */
export function takeFinishReason(event: EventDraft, value: unknown): void {
  if (typeof value === "string") event.finishReason = value;
}
