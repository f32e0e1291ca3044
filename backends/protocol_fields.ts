/**
 * Fields of requests that many engines take alike: the prompt as one text, sampling parameters.
 *
 * @module
 */
import type { GenerationRequest } from "./protocol.ts";

/** The messages of a request as one text, for calls without a chat template. */
export function plainPrompt(request: GenerationRequest): string {
  return request.messages.map((message) => message.content).join("\n");
}

/**
 * The messages as one text, for a protocol that cannot take token ids.
 *
 * @throws {TypeError} when the prompt is given as token ids.
 */
export function textPrompt(request: GenerationRequest, protocol: string): string {
  if (request.promptTokenIds === undefined) return plainPrompt(request);
  throw new TypeError(
    `Cannot send ${request.promptTokenIds.length} token ids to ${protocol}: it takes text`,
  );
}

/** Sampling parameters by their usual names; those left to the engine are `undefined`. */
export function samplingFields({ sampling }: GenerationRequest): Record<string, unknown> {
  const { temperature, topP, topK, seed, stop } = sampling;
  return { temperature, top_p: topP, top_k: topK, seed, stop };
}
