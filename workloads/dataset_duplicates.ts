/**
 * Counts prompts that repeat an earlier one: an engine with a prefix cache answers those faster, so
 * reports show how many there are.
 *
 * @module
 */
import type { Prompt } from "./prompt.ts";

/** Prompts that are equal to one that stands earlier in the list, in roles, text and ids. */
export function countDuplicates(prompts: readonly Prompt[]): number {
  const seen = new Set(
    prompts.map(({ messages, tokenIds }) =>
      JSON.stringify([messages.map(({ role, content }) => [role, content]), tokenIds])
    ),
  );
  return prompts.length - seen.size;
}
