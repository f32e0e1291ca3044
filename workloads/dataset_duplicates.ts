/**
 * Counts prompts that repeat an earlier one: an engine with a prefix cache answers those faster, so
 * reports show how many there are.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Prompt } from "./prompt.ts";

/** Longer keys, those of images, are hashed. */
const LONG_KEY = 1000;

/** Prompts that are equal to one that stands earlier in the list, in messages and ids. */
export function countDuplicates(prompts: readonly Prompt[]): number {
  return prompts.length - new Set(prompts.map(keyOf)).size;
}

function keyOf({ messages, tokenIds }: Prompt): string {
  const key = JSON.stringify([
    messages.map(({ role, content, extra }) => [role, content, extra]),
    tokenIds,
  ]);
  return key.length > LONG_KEY ? createHash("sha256").update(key).digest("base64") : key;
}
