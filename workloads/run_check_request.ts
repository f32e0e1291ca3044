/**
 * The request that checks a server before a load: of the shape of those that will be measured, and
 * none of them. A server with a prefix cache would have seen the first prompt before it is measured,
 * and an engine with sessions would find its session in use.
 *
 * @module
 */
import type { GenerationRequest, Message } from "../backends/protocol.ts";
import { withIds } from "./dataset_salt.ts";
import type { OtherMark } from "./run_salt.ts";

/** As many as show whether a length can be forced, and the pace of the tokens. */
const FEW_TOKENS = 8;
/** Of an answer in one piece only the whole time is known, and more tokens say more of it. */
const SOME_TOKENS = 64;

/** What the check's prompt begins with, so that it shares no beginning with a prompt of the load. */
const PREAMBLE = "Checking the server. ";

/**
 * The check for a load that begins with that request; ids of a load begin above 1. It asks for few
 * tokens, unless an engine has refused so few.
 */
export function checkRequestOf(
  first: GenerationRequest,
  { few = first.stream, mark }: { readonly few?: boolean; readonly mark?: OtherMark } = {},
): GenerationRequest {
  return {
    ...markedRequest(first, PREAMBLE, 0, mark),
    outputTokens: Math.min(first.outputTokens, few ? FEW_TOKENS : SOME_TOKENS),
    requestId: first.requestId - 1n,
  };
}

/**
 * A request of the same shape, whose prompt begins otherwise: by that text behind a mark, or with the
 * ids of a mark, or with the ids in another order, of which there is one for each `turn`.
 */
export function markedRequest(
  request: GenerationRequest,
  preamble: string,
  turn = 0,
  mark?: OtherMark,
): GenerationRequest {
  const { messages: [head, ...rest], promptTokenIds: ids } = request;
  const beginning = (mark?.text ?? "") + preamble;
  return {
    ...request,
    messages: head === undefined ? [] : [withPreamble(head, beginning), ...rest],
    ...(ids !== undefined && { promptTokenIds: markedIds(ids, turn, mark) }),
  };
}

function withPreamble(message: Message, preamble: string): Message {
  const { content } = message;
  return {
    ...message,
    content: typeof content === "string"
      ? begunAnew(content, preamble)
      : [{ type: "text", text: preamble }, ...content],
  };
}

/** A long text keeps its length, for it may fill the context to the last token. */
function begunAnew(text: string, preamble: string): string {
  if (text.length < 2 * preamble.length) return preamble + text;
  const rest = text.slice(preamble.length);
  // Not half of a character.
  return preamble + rest.replace(/^[\udc00-\udfff]/, "");
}

function markedIds(
  ids: readonly number[],
  turn: number,
  mark: OtherMark | undefined,
): readonly number[] {
  return mark?.ids === undefined
    ? otherIds(ids, turn)
    : withIds(ids, mark.ids.at, mark.ids.of(mark.text));
}

/** The same ids, all of them known to the model, in another order behind the first, often a BOS. */
function otherIds([bos, ...ids]: readonly number[], turn: number): readonly number[] {
  if (bos === undefined) return [];
  const reversed = ids.toReversed();
  const at = turn % Math.max(1, ids.length);
  const turned = [...reversed.slice(at), ...reversed.slice(0, at)];
  // Where that changes nothing, such as in one id repeated: one more.
  return turned.every((id, i) => id === ids[i]) ? [bos, ...ids, bos] : [bos, ...turned];
}
