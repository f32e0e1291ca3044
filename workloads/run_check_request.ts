/**
 * The request that checks a server before a load: of the shape of those that will be measured, and
 * none of them. A server with a prefix cache would have seen the first prompt before it is measured,
 * and an engine with sessions would find its session in use.
 *
 * @module
 */
import type { GenerationRequest, Message } from "../backends/protocol.ts";

/** A longer answer would say no more about whether a length can be forced. */
const CHECK_TOKENS = 64;

/** What the check's prompt begins with, so that it shares no beginning with a prompt of the load. */
const PREAMBLE = "Checking the server. ";

/** The check for a load that begins with that request; ids of a load begin above 1. */
export function checkRequestOf(first: GenerationRequest): GenerationRequest {
  const { messages: [head, ...rest], promptTokenIds: ids } = first;
  return {
    ...first,
    messages: head === undefined ? [] : [withPreamble(head), ...rest],
    ...(ids !== undefined && { promptTokenIds: otherIds(ids) }),
    outputTokens: Math.min(first.outputTokens, CHECK_TOKENS),
    requestId: first.requestId - 1n,
  };
}

function withPreamble(message: Message): Message {
  const { content } = message;
  return {
    ...message,
    content: typeof content === "string"
      ? begunAnew(content)
      : [{ type: "text", text: PREAMBLE }, ...content],
  };
}

/** A long text keeps its length, for it may fill the context to the last token. */
function begunAnew(text: string): string {
  if (text.length < 2 * PREAMBLE.length) return PREAMBLE + text;
  const rest = text.slice(PREAMBLE.length);
  // Not half of a character.
  return PREAMBLE + rest.replace(/^[\udc00-\udfff]/, "");
}

/** The same ids, all of them known to the model, in another order behind the first, often a BOS. */
function otherIds([bos, ...ids]: readonly number[]): readonly number[] {
  if (bos === undefined) return [];
  const reversed = ids.toReversed();
  // Where that changes nothing, such as in one id repeated: one more.
  return reversed.every((id, i) => id === ids[i]) ? [bos, ...ids, bos] : [bos, ...reversed];
}
