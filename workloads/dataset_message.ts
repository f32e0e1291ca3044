/**
 * Reads messages and texts as people's files and chat requests have them.
 *
 * @module
 */
import { isObject, type JsonObject } from "../backends/json_event.ts";
import type { ContentPart, Message } from "../backends/protocol.ts";
import { AUTHOR_FIELDS, ROLES, SAYING_FIELDS } from "./dataset_fields.ts";

/**
 * A prompt as messages: a text, parts of one message, a list of messages, or questions and answers
 * in turn.
 *
 * @throws {TypeError} completing "it …", with the same words for all rows with this mistake.
 */
export function messagesOf(value: unknown, field: string): readonly Message[] {
  if (typeof value === "string") {
    if (value.trim() === "") throw new TypeError(`has an empty ${field}`);
    return [{ role: "user", content: value }];
  }
  if (!Array.isArray(value)) throw new TypeError(`has a ${field} that is not text`);
  if (value.length === 0) throw new TypeError(`has an empty ${field}`);
  if (value.every((turn) => typeof turn === "string")) {
    return value.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }));
  }
  if (isParts(value)) return [{ role: "user", content: value }];
  const messages = value.map((message) => messageOf(message, field));
  if (messages.every(({ content, extra }) => content === "" && extra === undefined)) {
    throw new TypeError(`has ${field} without any text`);
  }
  return messages;
}

/** A message with `role` and `content`, or with `from` and `value`. @throws {TypeError} */
function messageOf(message: unknown, field: string): Message {
  if (!isObject(message)) throw new TypeError(`has ${field} with a message that is no object`);
  const author = AUTHOR_FIELDS.find((name) => name in message);
  const saying = SAYING_FIELDS.find((name) => name in message);
  const given = author === undefined ? "user" : message[author];
  const role = Object.hasOwn(ROLES, String(given)) ? ROLES[String(given)] : undefined;
  if (role === undefined) {
    throw new TypeError(
      `has ${field} with the role ${JSON.stringify(given)?.slice(0, 40)} (known are ${
        Object.keys(ROLES).join(", ")
      })`,
    );
  }
  const extra: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message)) {
    // Only chat requests have fields that a server knows.
    if (name !== author && name !== saying && author === "role") extra[name] = value;
  }
  const content = saying === undefined ? undefined : message[saying];
  if (typeof content === "string" || isParts(content)) {
    return { role, content, ...(Object.keys(extra).length > 0 ? { extra } : {}) };
  }
  const calls = Object.values(extra).some((value) => value !== null);
  if ((content === null || content === undefined) && calls) {
    // A call of a tool has no content, and says so.
    return { role, content: "", extra: saying === undefined ? extra : { ...extra, content } };
  }
  throw new TypeError(`has ${field} with a message that is not text`);
}

/** The parts of a message; every one says of what type it is. */
function isParts(value: unknown): value is ContentPart[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((part) => isObject(part) && typeof part.type === "string" && !hasAuthor(part));
}

function hasAuthor(value: JsonObject): boolean {
  return AUTHOR_FIELDS.some((name) => name in value);
}
