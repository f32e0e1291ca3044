/**
 * Reads one row of Mooncake's traces: a length with block ids, a text, or messages.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Message } from "../backends/protocol.ts";
import { messagesOf } from "./dataset_message.ts";
import {
  anything,
  countTo,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  type Shape,
} from "./json_shape.ts";
import type { BlockIds, BlockPrompt, MessagesPrompt } from "./trace.ts";
import { checkIds, misfit, MOST_ID, MOST_TOKENS } from "./trace_file.ts";

/** Tokens of a block. */
export const BLOCK_TOKENS = 512;

/** Prompts that a row may hold, one of them. */
export const PROMPTS = ["input_length", "text_input", "messages"] as const;

/** A row as the file has it. */
export interface MooncakeRow {
  readonly timestamp?: number;
  readonly input_length?: number;
  readonly output_length?: number;
  readonly hash_ids?: readonly number[];
  readonly session_id?: string | number;
  readonly delay?: number;
  readonly text_input?: string;
  readonly messages?: readonly unknown[];
  readonly tools?: readonly unknown[];
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly message_mode?: "history" | "delta";
}

const SESSION_ID: Shape = (value, at) =>
  typeof value === "string" && value !== "" || Number.isSafeInteger(value)
    ? undefined
    : `${at} is ${JSON.stringify(value)}, not a text or a whole number`;

/** What a row has to be. */
export const MOONCAKE_ROW: Shape = objectOf<MooncakeRow>({
  timestamp: optional(numberFrom(0, 1e15)),
  input_length: optional(countTo(MOST_TOKENS)),
  output_length: optional(countTo(MOST_TOKENS)),
  hash_ids: optional(listOf(countTo(MOST_ID), MOST_TOKENS)),
  session_id: optional(SESSION_ID),
  delay: optional(numberFrom(0, 1e12)),
  text_input: optional((value, at) =>
    typeof value === "string" ? undefined : `${at} is not a text`
  ),
  messages: optional(listOf(anything, 100_000)),
  tools: optional(listOf(anything, 100_000)),
  extra: optional(mapOf(anything, 10_000)),
  message_mode: optional(oneOf(["history", "delta"])),
});

/** A row that fits, with its line. */
export interface MooncakeRequest {
  readonly row: MooncakeRow;
  readonly line: number;
  readonly prompt: MessagesPrompt | undefined;
}

/** @throws {UserError} for a row whose fields contradict each other. */
export function requestOf(row: MooncakeRow, path: string, line: number): MooncakeRequest {
  const given = PROMPTS.filter((name) => row[name] !== undefined);
  if (given.length !== 1) {
    throw misfit(
      path,
      line,
      given.length === 0
        ? `it has none of ${PROMPTS.join(", ")}`
        : `it has ${given.join(" and ")}: only one can be the prompt`,
    );
  }
  const isDelta = row.message_mode === "delta";
  if (isDelta && row.messages === undefined) {
    throw misfit(path, line, `message_mode is "delta", which needs messages`);
  }
  if (isDelta && row.extra !== undefined && "messages" in row.extra) {
    throw misfit(path, line, "extra.messages would take the place of the conversation");
  }
  if (row.tools !== undefined && row.messages === undefined) {
    throw misfit(path, line, "tools needs messages");
  }
  if (row.hash_ids !== undefined) {
    if (row.input_length === undefined) {
      throw misfit(path, line, "hash_ids needs input_length");
    }
    checkIds(row.hash_ids, {
      path,
      line,
      inputTokens: row.input_length,
      blockTokens: BLOCK_TOKENS,
    });
  }
  return { row, line, prompt: written(row, path, line) };
}

/** The prompt of a row that has a length. */
export function blockPrompt(
  { input_length = 0, extra }: MooncakeRow,
  blocks: BlockIds,
): BlockPrompt {
  return { kind: "blocks", inputTokens: input_length, blocks, ...defined({ extra }) };
}

/** The prompt of a row that writes it out. */
function written(row: MooncakeRow, path: string, line: number): MessagesPrompt | undefined {
  const field = row.messages === undefined ? "text_input" : "messages";
  if (row[field] === undefined) return undefined;
  let messages: readonly Message[];
  try {
    messages = messagesOf(row[field], field);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw misfit(path, line, `it ${error.message}`);
  }
  // A text alone holds no conversation: in a session it is the next question.
  const isNew = row.message_mode === "delta" ||
    field === "text_input" && row.session_id !== undefined;
  return {
    kind: "messages",
    holds: isNew ? "new" : "whole",
    messages,
    ...defined({ tools: row.tools, extra: row.extra }),
  };
}
