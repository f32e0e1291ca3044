/**
 * ShareGPT's format: a JSON array of `{"id", "conversations": [{"from", "value"}, …]}`, read as a
 * stream. Only the places of the conversations are kept (12 bytes each); those chosen are read again.
 *
 * @module
 */
import { type DatasetFile, openDatasetFile } from "./dataset_file.ts";
import {
  type Conversation,
  type ConversationPool,
  sampleConversations,
  SAMPLER_OPTIONS,
  type Turn,
} from "./dataset_sampler.ts";
import { parseElement, readJsonArray } from "./dataset_json_stream.ts";
import type { Dataset, DatasetKind, DatasetOptions } from "./prompt.ts";
import { UserError } from "./user_error.ts";

const HINT = "get ShareGPT_V3_unfiltered_cleaned_split.json from the data set " +
  "anon8231489123/ShareGPT_Vicuna_unfiltered on Hugging Face, or use --dataset sample";

/** Conversations from a file in ShareGPT's format. */
export const sharegpt: DatasetKind = {
  name: "sharegpt",
  description: "conversations from a JSON file in ShareGPT's format",
  needsFile: true,
  fileEndings: [".json"],
  options: SAMPLER_OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  using file = await openDatasetFile(options.path, { dataset: "sharegpt", hint: HINT });
  const pool = await indexFile(file, options.onProgress);
  const sample = await sampleConversations(pool, options);
  return { ...sample, source: file.path, sha256: file.sha256() };
}

async function indexFile(
  file: DatasetFile,
  onProgress: DatasetOptions["onProgress"],
): Promise<ConversationPool> {
  const offsets: number[] = [];
  const lengths: number[] = [];
  const turnCounts: number[] = [];
  try {
    for await (const { value, offset, length } of readJsonArray(file.chunks(onProgress))) {
      offsets.push(offset);
      lengths.push(length);
      turnCounts.push(turnsOf(value).length);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`Cannot read "${file.path}" as ShareGPT: ${error.message}`);
  }
  if (turnCounts.length > 0 && turnCounts.every((turns) => turns === 0)) {
    throw new UserError(
      `Cannot read "${file.path}" as ShareGPT: none of its ${turnCounts.length} elements has "conversations"`,
    );
  }
  return {
    name: `"${file.path}"`,
    turnCounts,
    async at(position) {
      const place = { offset: offsets[position] as number, length: lengths[position] as number };
      const bytes = await file.readAt(place);
      return conversationOf(parseElement(bytes, { index: position, ...place }), position);
    },
  };
}

/** An element as a conversation. Its id: from the file, else its position. */
export function conversationOf(
  value: Readonly<Record<string, unknown>>,
  position: number,
): Conversation {
  const { id } = value;
  return {
    id: typeof id === "string" || typeof id === "number" ? String(id) : String(position),
    turns: turnsOf(value),
  };
}

function turnsOf(value: Readonly<Record<string, unknown>>): readonly Turn[] {
  return Array.isArray(value.conversations) ? value.conversations : [];
}
