/**
 * What the streams carried: how answers came, what was thought, called and answered, and what was
 * only counted.
 *
 * @module
 */
import type { RequestRecord, TokenCount } from "../backends/record.ts";
import type { Generated } from "./load_summary.ts";
import type { MergeableFold } from "./fold.ts";
import type { Mergeable } from "./load_state.ts";
import { type Delivery, deliveryOf, sentTokens } from "./record_streaming.ts";
import { mergeAll, readCount, readList, sums } from "./state_read.ts";
import { readSource } from "./summary_token_totals.ts";

/** Adds up completed records. */
export function generatedFold(): MergeableFold<Generated> {
  const answers: Record<Delivery, number> = { streamed: 0, once: 0, whole: 0, held: 0 };
  const events = { answer: 0, reasoning: 0, tool: 0 };
  const counts = { sentTokens: 0, unseenTokens: 0, unseenRequests: 0 };
  const rejected = createRejected();
  return {
    ...mergeAll({ answers: sums(answers), events: sums(events), counts: sums(counts), rejected }),
    add(record) {
      const { textEvents = 0, reasoningEvents = 0, toolEvents = 0, unseenTokens = 0 } = record;
      if (record.tickMs.length > 0) answers[deliveryOf(record)]++;
      events.reasoning += reasoningEvents;
      events.tool += toolEvents;
      events.answer += Math.max(0, textEvents - reasoningEvents - toolEvents);
      counts.sentTokens += sentTokens(record) ?? 0;
      if (unseenTokens > 0) counts.unseenRequests++;
      counts.unseenTokens += unseenTokens;
      rejected.add(record);
    },
    result: () => ({
      answers: { ...answers },
      events: { ...events },
      ...counts,
      rejected: rejected.result(),
    }),
  };
}

/** Requests with a count that was not used, and the first of them. */
function createRejected(): Mergeable & {
  add(record: RequestRecord): void;
  result(): Generated["rejected"];
} {
  let found: Generated["rejected"];
  const see = (more: NonNullable<Generated["rejected"]>) => {
    const first = found === undefined || more.index < found.index ? more : found;
    found = { ...first, requests: (found?.requests ?? 0) + more.requests };
  };
  return {
    add({ index, rejectedCount, outputTokens }) {
      if (rejectedCount === undefined || outputTokens === undefined) return;
      see({ requests: 1, index, count: rejectedCount, believed: outputTokens });
    },
    result: () => found,
    state: () =>
      found === undefined
        ? []
        : [found.requests, found.index, ...asList(found.count), ...asList(found.believed)],
    merger(state) {
      const list = readList(state, 6);
      if (list.length === 0) return () => {};
      const more = {
        requests: readCount(list[0]),
        index: readCount(list[1]),
        count: { tokens: readCount(list[2]), source: readSource(list[3]) },
        believed: { tokens: readCount(list[4]), source: readSource(list[5]) },
      };
      return () => see(more);
    },
  };
}

function asList({ tokens, source }: TokenCount): readonly unknown[] {
  return [tokens, source];
}
