/**
 * Reads one row of a file: which prompt it holds, which answer, and what of it is a request.
 *
 * @module
 */
import { isObject, type JsonObject } from "../backends/json_event.ts";
import { contentText } from "../backends/protocol_fields.ts";
import type { Message } from "../backends/protocol.ts";
import { defined } from "../backends/defined.ts";
import {
  ANSWER_FIELDS,
  COMPANION_FIELDS,
  ID_FIELDS,
  LENGTH_FIELDS,
  OBJECT_FIELDS,
  PROMPT_FIELDS,
  REQUEST_FIELDS,
  STREAM_FIELDS,
} from "./dataset_fields.ts";
import { messagesOf } from "./dataset_message.ts";

/** A row as read. */
export interface Row {
  readonly id?: string;
  /** Empty where only ids are given. */
  readonly messages: readonly Message[];
  readonly tokenIds?: readonly number[];
  readonly outputTokens?: number;
  /** Under which the length is to be sent, where it is not the usual field. */
  readonly lengthField?: "max_completion_tokens";
  /** An answer whose length to ask for. */
  readonly answer?: string;
  /** Fields of a request, to be sent as they are. */
  readonly ownFields?: Readonly<Record<string, unknown>>;
  /** Path of the call that the request is for. */
  readonly path?: string;
  /** Names of fields that are not sent and not used. */
  readonly unused: readonly string[];
}

/** Names that the user gave. */
export interface RowKeys {
  /** Field of the prompt; `a.b` looks into objects. */
  readonly promptKey?: string | undefined;
  /** Field of the answer, or of its length. */
  readonly outputKey?: string | undefined;
}

/** The row has no field that is known to hold a prompt. */
export class NoPrompt extends TypeError {}

/**
 * @throws {NoPrompt} where no field is a prompt.
 * @throws {TypeError} completing "it …", with the same words for all rows with this mistake.
 */
export function rowOf(value: unknown, keys: RowKeys = {}): Row {
  if (!isObject(value)) {
    if (typeof value !== "string" && !Array.isArray(value)) {
      throw new TypeError("is neither an object nor a text");
    }
    return { ...splitAnswer(messagesOf(value, "prompt")), unused: [] };
  }
  const { promptKey, outputKey } = keys;
  const isBatch = isObject(value.body) && ("url" in value || "custom_id" in value);
  if (isBatch && promptKey === undefined) return batchRow(value);
  const used = new Set<string>([...ID_FIELDS, ...LENGTH_FIELDS, ...ANSWER_FIELDS]);
  const field = promptKey ?? findPrompt(value);
  used.add(promptKey?.split(".")[0] ?? field);
  const { messages, tokenIds } = promptOf(valueAt(value, field), field);
  const split = splitAnswer(messages);
  const companions = (promptKey === undefined ? COMPANION_FIELDS[field] ?? [] : [])
    .filter((name) => typeof value[name] === "string" && value[name].trim() !== "");
  for (const name of companions) used.add(name);

  const output = outputKey === undefined ? undefined : valueAt(value, outputKey);
  if (outputKey !== undefined) used.add(outputKey.split(".")[0]!);
  const length = isLength(output)
    ? Number(output)
    : outputKey === undefined
    ? lengthOf(value)
    : undefined;
  const answer = textOf(outputKey === undefined ? firstOf(value, ANSWER_FIELDS) : output) ??
    split.answer;
  if (outputKey !== undefined && length === undefined && answer === undefined) {
    throw new TypeError(`has no text and no number above 0 as ${outputKey}`);
  }
  const isRequest = field === "prompt" || field === "messages";
  const ownFields = isRequest ? requestFields(value, answer !== undefined) : {};
  for (const name of Object.keys(ownFields)) used.add(name);
  return {
    messages: addTexts(split.messages, companions.map((name) => value[name] as string)),
    unused: unusedOf(value, used),
    ...defined({
      id: idOf(value),
      tokenIds,
      outputTokens: length,
      answer,
      ownFields: Object.keys(ownFields).length > 0 ? ownFields : undefined,
      lengthField: lengthFieldOf(value),
    }),
  };
}

/** What of a row with a prompt is for the server; a file's author may keep notes beside. */
function requestFields(row: JsonObject, hasAnswer: boolean): Record<string, unknown> {
  const fields = Object.entries(row).filter(([name, value]) =>
    REQUEST_FIELDS.has(name) && value !== null &&
    (!OBJECT_FIELDS.has(name) || isObject(value)) &&
    // Rows with an answer come from a model that may not be the one measured.
    (name !== "model" || !hasAnswer)
  );
  return Object.fromEntries(fields);
}

/** The calls of a batch file that can be measured. */
const BATCH_PATHS: readonly string[] = ["/v1/chat/completions", "/v1/completions"];

/** A line of OpenAI's batch files: `custom_id`, `method`, `url`, `body`. */
function batchRow(value: JsonObject): Row {
  const { method = "POST", url } = value;
  const body = value.body as JsonObject;
  if (String(method).toUpperCase() !== "POST") throw new TypeError("is a request that is no POST");
  if (url !== undefined && !BATCH_PATHS.includes(String(url))) {
    throw new TypeError(`is a request for another call than ${BATCH_PATHS.join(" or ")}`);
  }
  const field = ["messages", "prompt"].find((name) => body[name] !== undefined);
  if (field === undefined) throw new TypeError("has a body without messages and prompt");
  const { messages, tokenIds } = promptOf(body[field], field);
  const used = new Set<string>([field, ...LENGTH_FIELDS, ...STREAM_FIELDS]);
  const own = Object.entries(body).filter(([name]) => !used.has(name));
  return {
    // As they are: a last message of the assistant is one to go on with.
    messages,
    unused: unusedOf(
      body,
      new Set(Object.keys(body).filter((name) => !STREAM_FIELDS.includes(name))),
    ),
    ...defined({
      id: idOf(value),
      tokenIds,
      outputTokens: lengthOf(body),
      ownFields: own.length > 0 ? Object.fromEntries(own) : undefined,
      lengthField: lengthFieldOf(body),
      path: url === undefined ? undefined : String(url),
    }),
  };
}

/** @throws {TypeError} where the row has none, or two that could be meant. */
function findPrompt(row: JsonObject): string {
  const given = PROMPT_FIELDS.filter(({ name }) => {
    const value = row[name];
    return Array.isArray(value)
      ? value.length > 0
      : typeof value === "string" && value.trim() !== "";
  });
  const [first] = given;
  if (first === undefined) {
    const known = PROMPT_FIELDS.find(({ name }) => Object.hasOwn(row, name));
    if (known !== undefined) throw new TypeError(`has a ${known.name} that is empty or no text`);
    throw new NoPrompt("has no field that is known as a prompt");
  }
  const clear = given.filter(({ clear }) => clear).map(({ name }) => name);
  if (clear.length > 1) {
    throw new TypeError(
      `has ${clear.join(" and ")}: say which to send with --prompt-key ${clear[0]}`,
    );
  }
  return first.name;
}

function holdsSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

/** Messages, or ids as completions take them. */
function promptOf(
  value: unknown,
  field: string,
): { readonly messages: readonly Message[]; readonly tokenIds?: readonly number[] } {
  if (value === undefined || value === null) throw new TypeError(`has no ${field}`);
  if (!Array.isArray(value)) return { messages: messagesOf(value, field) };
  if (value.length > 0 && value.every((id) => Number.isSafeInteger(id) && id >= 0)) {
    return { messages: [], tokenIds: value };
  }
  if (field === "prompt" && value.every((text) => typeof text === "string")) {
    if (value.length !== 1) throw new TypeError("has several prompts in one request");
    return { messages: messagesOf(value[0], field) };
  }
  // MT-Bench: only the first question can be sent without an answer to it.
  if (field === "turns" && value.every((text) => typeof text === "string")) {
    return { messages: messagesOf(value[0], field) };
  }
  return { messages: messagesOf(value, field) };
}

/** Takes off a last message of the assistant: it is the answer to compare with. */
function splitAnswer(
  messages: readonly Message[],
): { readonly messages: readonly Message[]; readonly answer?: string } {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || messages.length === 1) return { messages };
  const answer = contentText(last.content);
  return { messages: messages.slice(0, -1), ...(answer === "" ? {} : { answer }) };
}

/** Texts that belong to the prompt, behind its last message. */
function addTexts(messages: readonly Message[], texts: readonly string[]): readonly Message[] {
  const last = messages.at(-1);
  if (texts.length === 0 || last === undefined) return messages;
  const content = [contentText(last.content), ...texts].join("\n\n");
  return [...messages.slice(0, -1), { ...last, content }];
}

/** A whole number above 0, also as CSV has it. */
function isLength(value: unknown): boolean {
  const isNumber = typeof value === "number" ||
    (typeof value === "string" && /^\s*\d{1,9}\s*$/.test(value));
  return isNumber && Number.isSafeInteger(Number(value)) && Number(value) > 0;
}

/** @throws {TypeError} for a length that is none. */
function lengthOf(row: JsonObject): number | undefined {
  for (const name of LENGTH_FIELDS) {
    const value = row[name];
    if (!holdsSomething(value)) continue;
    if (!isLength(value)) throw new TypeError(`has a ${name} that is no whole number above 0`);
    return Number(value);
  }
  return undefined;
}

/** Who wrote the newer field asks servers that refuse the older one. */
function lengthFieldOf(row: JsonObject): Row["lengthField"] {
  const newer = holdsSomething(row.max_completion_tokens) && !holdsSomething(row.max_tokens);
  return newer ? "max_completion_tokens" : undefined;
}

function idOf(row: JsonObject): string | undefined {
  const id = ID_FIELDS.map((name) => row[name])
    .find((id) => (typeof id === "string" && id !== "") || typeof id === "number");
  return id === undefined ? undefined : String(id).slice(0, 200);
}

function firstOf(row: JsonObject, names: readonly string[]): unknown {
  return names.map((name) => row[name]).find(holdsSomething);
}

/** The text of an answer, which may be a message or a list of them. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (!Array.isArray(value)) return undefined;
  try {
    return contentText(messagesOf(value, "answer").at(-1)!.content) || undefined;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The field of that name, else the one at the end of a path `a.b`. */
function valueAt(row: JsonObject, key: string): unknown {
  if (Object.hasOwn(row, key)) return row[key];
  let value: unknown = row;
  for (const name of key.split(".")) {
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

const USAGE_OPTION = JSON.stringify({ include_usage: true });

/** Streams are asked for by the options of the run, as a request that streams has it already. */
function unusedOf(row: JsonObject, used: ReadonlySet<string>): readonly string[] {
  return Object.keys(row).filter((name) =>
    !used.has(name) && holdsSomething(row[name]) && !(name === "stream" && row[name] === true) &&
    !(name === "stream_options" && JSON.stringify(row[name]) === USAGE_OPTION)
  );
}
