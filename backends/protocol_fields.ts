/**
 * Fields of requests that many engines take alike: the prompt as one text, sampling parameters.
 *
 * @module
 */
import type { GenerationRequest, Message, TextMessage } from "./protocol.ts";

/**
 * The messages of a request as one text, for calls without a chat template.
 *
 * @throws {TypeError} when a message holds more than text.
 */
export function plainPrompt(request: GenerationRequest): string {
  return textMessages(request).map(({ content }) => content).join("\n");
}

/**
 * The messages of a request, parts of text joined.
 *
 * @throws {TypeError} naming what is no text: images, tool calls.
 */
export function textMessages({ messages }: GenerationRequest): readonly TextMessage[] {
  return messages.map(({ role, content, extra = {} }) => {
    const fields = Object.keys(extra).filter((name) => extra[name] !== null);
    const others = [...partsBesideText(content), ...fields];
    if (others.length === 0) return { role, content: contentText(content) };
    throw new TypeError(
      `Cannot send ${others.join(", ")} of a message to a protocol that takes text: ` +
        "use openai-chat",
    );
  });
}

/** The text of a message; other parts are left out. */
export function contentText(content: Message["content"]): string {
  if (typeof content === "string") return content;
  return content.map(({ text }) => typeof text === "string" ? text : "").join("");
}

/** Kinds of the parts that are no text, e.g. `image_url`. */
export function partsBesideText(content: Message["content"]): readonly string[] {
  if (typeof content === "string") return [];
  const kinds = content.filter(({ text }) => typeof text !== "string")
    .map(({ type }) => `${type ?? "parts without a type"}`);
  return [...new Set(kinds)];
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
