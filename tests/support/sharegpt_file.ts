/**
 * A ShareGPT file of plain sentences, and a tokenizer for it, in a temporary folder.
 *
 * @module
 */

/** The tokenizer of the fixtures; a short English sentence has some ten tokens. */
export const TOKENIZER: string =
  new URL("../fixtures/tokenizers/byte_level", import.meta.url).pathname;

/** Conversations `c0`, `c1` …, each a question and an answer of different lengths. */
export function sharegptText(conversations: number): string {
  const list = Array.from({ length: conversations }, (_, i) => ({
    id: `c${i}`,
    conversations: [
      { from: "human", value: `Question number ${i}: what is the color of the sky today?` },
      { from: "gpt", value: `It is blue${" and clear".repeat(1 + i % 4)}.` },
    ],
  }));
  return JSON.stringify(list);
}

/** Writes it and returns its path. */
export async function writeSharegpt(folder: string, conversations: number): Promise<string> {
  const path = `${folder}/sharegpt.json`;
  await Deno.writeTextFile(path, sharegptText(conversations));
  return path;
}
