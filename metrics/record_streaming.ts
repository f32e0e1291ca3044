/**
 * Proof of streaming: whether a record shows when its first token came, and not only when its answer
 * was complete.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";

/**
 * How an answer came: `streamed` in pieces; `once`, several tokens in one read; `whole`, as one JSON
 * body; `held`, in pieces that a buffer on the way cut by bytes.
 */
export type Delivery = "streamed" | "once" | "whole" | "held";

/**
 * How the answer of a record with tokens came. Of one token alone, nothing can be held back to wait
 * for others: it is streamed.
 */
export function deliveryOf(record: RequestRecord): Delivery {
  const { wholeBody, heldReads = 0, tickMs, tickTokens } = record;
  if (wholeBody) return "whole";
  if (tickMs.length < 2) {
    return Math.max(tickTokens[0] ?? 0, sentTokens(record) ?? 0) > 1 ? "once" : "streamed";
  }
  // The last read is not cut by a full buffer but by the end.
  return heldReads * 2 >= tickMs.length - 1 ? "held" : "streamed";
}

/** Whether the record shows when its tokens came: TTFT and TPOT are of such records only. */
export function isStreamed(record: RequestRecord): boolean {
  return deliveryOf(record) === "streamed";
}

/** Whether its tokens count in throughputs: it completed, or its user left as the plan had it. */
export function isWork({ outcome: { kind } }: RequestRecord): boolean {
  return kind === "ok" || kind === "cancelled_as_planned";
}

/** Output tokens that were sent: those that were counted without those that nobody saw. */
export function sentTokens({ outputTokens, unseenTokens = 0 }: RequestRecord): number | undefined {
  return outputTokens === undefined ? undefined : outputTokens.tokens - unseenTokens;
}
