/**
 * Conversations as ShareGPT has them: `{"id", "conversations": [{"from", "value"}, …]}`, in an array,
 * on lines, or in an object; with `role` and `content`, and under the other names that
 * `dataset_fields.ts` lists. Read as a stream: only the places of the conversations are kept, chosen
 * ones are read again.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { AUTHOR_FIELDS, CONVERSATION_FIELDS, SAYING_FIELDS } from "./dataset_fields.ts";
import { openDatasetFile, type Place } from "./dataset_file.ts";
import { type Items, jsonItems } from "./dataset_items.ts";
import {
  type Conversation,
  type ConversationMessage,
  type ConversationPool,
  sampleConversations,
  SAMPLER_OPTIONS,
} from "./dataset_sampler.ts";
import { RowTally } from "./dataset_tally.ts";
import type { Dataset, DatasetKind, DatasetOptions } from "./prompt.ts";

const HINT = "get ShareGPT_V3_unfiltered_cleaned_split.json from the data set " +
  "anon8231489123/ShareGPT_Vicuna_unfiltered on Hugging Face, or use --dataset sample";

export const sharegpt: DatasetKind = {
  name: "sharegpt",
  description: "conversations in ShareGPT's format, as an array, on lines or in an object",
  needsFile: true,
  fileEndings: [".json"],
  recognizes: (rows) => 2 * rows.filter(isConversation).length > rows.length,
  options: SAMPLER_OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  using file = await openDatasetFile(options.path, { dataset: "sharegpt", hint: HINT });
  const items = jsonItems(file);
  const tally = new RowTally(file.path, items.unit);
  const pool = await indexItems(items, tally, options.onProgress);
  tally.check("; for prompts without answers use --dataset jsonl, with --prompt-key NAME");
  const sample = await sampleConversations({ ...pool, name: `"${file.path}"` }, options);
  const facts = tally.factsOf(file);
  return { ...sample, ...facts, skipped: { ...facts.skipped, ...sample.skipped } };
}

/** Where each conversation stands, and how long it is. */
async function indexItems(
  items: Items,
  tally: RowTally,
  onProgress: DatasetOptions["onProgress"],
): Promise<Omit<ConversationPool, "name">> {
  const places: (Place & { readonly number: number })[] = [];
  const messageCounts: number[] = [];
  for await (const { value, problem, number, offset, length } of items.each(onProgress)) {
    tally.read++;
    if (problem !== undefined) {
      tally.addBad(number, problem);
      continue;
    }
    const turns = turnsOf(value);
    if (turns === undefined) {
      tally.addBad(number, "has no list of messages");
      tally.addKeys(value);
      continue;
    }
    places.push({ number, offset, length });
    messageCounts.push(turns.length);
  }
  return {
    messageCounts,
    at: async (position) => {
      const place = places[position]!;
      return conversationOf(await items.at(place), place.number);
    },
  };
}

/** A row as a conversation. Its id: from the file, else its number. */
export function conversationOf(value: unknown, number: number): Conversation {
  const id = isObject(value) ? value.id : undefined;
  return {
    id: typeof id === "string" || typeof id === "number" ? String(id) : String(number),
    messages: (turnsOf(value) ?? []).map(messageOf),
  };
}

/** The list of a row's messages, unchecked; absent where it has none. */
function turnsOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return undefined;
  for (const name of [...CONVERSATION_FIELDS, "messages"]) {
    const list = value[name];
    if (Array.isArray(list)) return list;
  }
  return undefined;
}

/** Rows whose list is known as one with answers; `messages` may be a prompt alone. */
function isConversation(row: unknown): boolean {
  if (!isObject(row) || row.messages !== undefined) return false;
  const turns = turnsOf(row) ?? [];
  return turns.length > 1 &&
    turns.every((turn) => typeof turn === "string" || turn === null || isObject(turn));
}

/** What is no message becomes an empty one. */
function messageOf(turn: unknown, position: number): ConversationMessage {
  if (typeof turn === "string") return { from: position % 2 === 0 ? "human" : "gpt", value: turn };
  if (!isObject(turn)) return { from: "", value: "" };
  const first = (names: readonly string[]) =>
    names.map((name) => turn[name]).find((value) => typeof value === "string") as string ?? "";
  return { from: first(AUTHOR_FIELDS), value: first(SAYING_FIELDS) };
}
