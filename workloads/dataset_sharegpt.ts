/**
 * ShareGPT's format: a JSON array of `{"id", "conversations": [{"from", "value"}, …]}`, read as a
 * stream. Only the places of the conversations are kept (12 bytes each); chosen ones are read again.
 *
 * @module
 */
import { type DatasetFile, openDatasetFile } from "./dataset_file.ts";
import {
  type Conversation,
  type ConversationMessage,
  type ConversationPool,
  sampleConversations,
  SAMPLER_OPTIONS,
} from "./dataset_sampler.ts";
import { parseElement, readJsonArray } from "./dataset_json_stream.ts";
import type { Dataset, DatasetKind, DatasetOptions } from "./prompt.ts";
import { UserError } from "./user_error.ts";

const HINT = "get ShareGPT_V3_unfiltered_cleaned_split.json from the data set " +
  "anon8231489123/ShareGPT_Vicuna_unfiltered on Hugging Face, or use --dataset sample";

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
  const messageCounts: number[] = [];
  try {
    for await (const { value, offset, length } of readJsonArray(file.chunks(onProgress))) {
      offsets.push(offset);
      lengths.push(length);
      messageCounts.push(messagesOf(value).length);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`Cannot read "${file.path}" as ShareGPT: ${error.message}`);
  }
  if (messageCounts.length > 0 && messageCounts.every((count) => count === 0)) {
    throw new UserError(
      `Cannot read "${file.path}" as ShareGPT: none of its ${messageCounts.length} elements has "conversations"`,
    );
  }
  return {
    name: `"${file.path}"`,
    messageCounts,
    async at(position) {
      const place = { offset: offsets[position]!, length: lengths[position]! };
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
    messages: messagesOf(value),
  };
}

function messagesOf(value: Readonly<Record<string, unknown>>): readonly ConversationMessage[] {
  return Array.isArray(value.conversations) ? value.conversations : [];
}
