/**
 * One message of a PPL stream as an event. As there is one message per token, the usual one is only
 * scanned; anything else is decoded with the tables of `protocol_ppl_messages.ts`.
 *
 * @module
 */
import type { EventDraft } from "./json_event.ts";
import { PPL_STATUS, pplBatchedResponse } from "./protocol_ppl_messages.ts";
import type { EngineEvent, GenerationRequest } from "./protocol.ts";
import { WireScan } from "./protobuf_scan.ts";

const FINISH_REASONS: readonly string[] = ["length", "eos_token", "stop_sequence"];

/** Tags: number of the field and wire type. */
const BATCH_RSP = (1 << 3) | 2;
const RSP_STATUS = 1 << 3;
const RSP_GENERATED = (3 << 3) | 2;
const RSP_TOKENS = (4 << 3) | 2;
const RSP_DETAIL = (5 << 3) | 2;
const TOKENS_IDS = (1 << 3) | 2;
const DETAIL_FINISH_REASON = 3 << 3;

const scan = new WireScan();

/**
 * Reads a message of the stream, of either version. FAILED is an error although the call then ends
 * with status OK; FINISHED marks the last token's response.
 */
export function readPplEvent(data: string | Uint8Array, request: GenerationRequest): EngineEvent {
  if (typeof data === "string") throw new SyntaxError("Cannot read text: PPL sends messages");
  return scanPplEvent(data) ?? decodePplEvent(data, request);
}

/** The event of a message with one response, which has not failed; else `undefined`. */
export function scanPplEvent(data: Uint8Array): EngineEvent | undefined {
  scan.start(data);
  if (scan.small() !== BATCH_RSP) return undefined;
  const outer = scan.enter();
  if (scan.end !== data.length) return undefined;
  let status: number = PPL_STATUS.processing;
  let text = "";
  let ids = 0;
  let reason = -1;
  let parts = 0;
  while (scan.more) {
    const tag = scan.small();
    if (tag === RSP_STATUS) status = scan.small();
    else if (tag === RSP_GENERATED) text = scan.text();
    else if (tag === RSP_TOKENS) {
      const response = scan.enter();
      while (scan.more) {
        const inner = scan.small();
        if (inner !== TOKENS_IDS) return undefined;
        const tokens = scan.enter();
        ids += scan.varints();
        scan.leave(tokens);
      }
      scan.leave(response);
    } else if (tag === RSP_DETAIL) {
      const response = scan.enter();
      if (parts++ > 0) return undefined;
      reason = 0;
      while (scan.more) {
        const inner = scan.small();
        if (inner === DETAIL_FINISH_REASON) reason = scan.small();
        else scan.skip(inner);
      }
      scan.leave(response);
    } else scan.skip(tag);
  }
  scan.leave(outer);
  if (!scan.ok || status === PPL_STATUS.failed) return undefined;
  // A response stands for one token id, whether it repeats the id or not.
  const event: EventDraft = { newTokens: ids > 1 ? ids : 1, source: "ids" };
  if (text !== "") event.text = text;
  if (status === PPL_STATUS.finished) {
    event.end = true;
    const finishReason = FINISH_REASONS[reason];
    if (finishReason !== undefined) event.finishReason = finishReason;
  }
  return event;
}

/** The event of any message. */
export function decodePplEvent(data: Uint8Array, request: GenerationRequest): EngineEvent {
  const { rsp } = pplBatchedResponse.decode(data);
  let text = "";
  let newTokens = 0;
  let end = false;
  let finishReason: string | undefined;
  for (const { status, generated, tokens, detail } of rsp) {
    if (status === PPL_STATUS.failed) {
      return {
        error: `PPL reported FAILED for request ${request.requestId}; it gives no reason, ` +
          "usually the prompt is too long",
      };
    }
    text += generated;
    newTokens += Math.max(1, tokens?.ids.length ?? 0);
    if (status !== PPL_STATUS.finished) continue;
    end = true;
    if (detail !== undefined) finishReason = FINISH_REASONS[detail.finish_reason];
  }
  return {
    ...(text !== "" && { text }),
    // A response stands for one token id, whether it repeats the id or not.
    ...(newTokens > 0 && { newTokens, source: "ids" as const }),
    ...(end && { end }),
    ...(finishReason !== undefined && { finishReason }),
  };
}
