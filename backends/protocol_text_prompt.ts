/**
 * Prompts of engines that take one text.
 *
 * @module
 */
import { plainPrompt } from "./protocol_openai_completions.ts";
import type { GenerationRequest } from "./protocol.ts";

/**
 * The messages as one text, for a protocol that cannot take token ids.
 *
 * @throws {TypeError} when the prompt is given as token ids.
 */
export function textPrompt(request: GenerationRequest, protocol: string): string {
  if (request.promptTokenIds !== undefined) {
    throw new TypeError(
      `Cannot send ${request.promptTokenIds.length} token ids to ${protocol}: it takes text`,
    );
  }
  return plainPrompt(request);
}
