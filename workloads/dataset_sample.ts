/**
 * Fifty short conversations of our own writing, in the package: something to send without a file.
 * Several languages, code and emoji, two to six messages.
 *
 * @module
 */
import { sampleConversations, SAMPLER_OPTIONS } from "./dataset_sampler.ts";
import { conversationOf } from "./dataset_sharegpt.ts";
import type { Dataset, DatasetKind, DatasetOptions } from "./prompt.ts";
import conversations from "./dataset_sample.json" with { type: "json" };

export const sample: DatasetKind = {
  name: "sample",
  description: `${conversations.length} short conversations that come with the program`,
  needsFile: false,
  options: SAMPLER_OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  const picked = await sampleConversations({
    name: "the built-in sample",
    messageCounts: conversations.map(({ conversations: messages }) => messages.length),
    at: (position) =>
      Promise.resolve(
        conversationOf(conversations[position], position),
      ),
  }, options);
  const bytes = new TextEncoder().encode(JSON.stringify(conversations));
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  return { ...picked, source: "built-in sample", sha256 };
}
