/**
 * What the streams carried: how answers came, what was thought, called and answered, and what was
 * only counted.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Generated } from "./load_summary.ts";
import type { Fold } from "./fold.ts";
import { type Delivery, deliveryOf, sentTokens } from "./record_streaming.ts";

/** Adds up completed records. */
export function generatedFold(): Fold<Generated> {
  const answers: Record<Delivery, number> = { streamed: 0, once: 0, whole: 0, held: 0 };
  const events = { answer: 0, reasoning: 0, tool: 0 };
  let [sent, unseen, unseenRequests] = [0, 0, 0];
  let rejected = 0;
  let first: RequestRecord | undefined;
  return {
    add(record) {
      const { textEvents = 0, reasoningEvents = 0, toolEvents = 0, unseenTokens = 0 } = record;
      if (record.tickMs.length > 0) answers[deliveryOf(record)]++;
      events.reasoning += reasoningEvents;
      events.tool += toolEvents;
      events.answer += Math.max(0, textEvents - reasoningEvents - toolEvents);
      sent += sentTokens(record) ?? 0;
      if (unseenTokens > 0) unseenRequests++;
      unseen += unseenTokens;
      if (record.rejectedCount === undefined) return;
      rejected++;
      if (first === undefined || record.index < first.index) first = record;
    },
    result: () => ({
      answers: { ...answers },
      events: { ...events },
      sentTokens: sent,
      unseenTokens: unseen,
      unseenRequests,
      rejected: first === undefined ? undefined : {
        requests: rejected,
        index: first.index,
        count: first.rejectedCount!,
        believed: first.outputTokens!,
      },
    }),
  };
}
