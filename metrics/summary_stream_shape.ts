/**
 * How tokens were grouped on arrival.
 *
 * @module
 */
import type { StreamShape } from "./load_summary.ts";
import type { MergeableFold } from "./fold.ts";
import { joinedEvents } from "./record_bounds.ts";
import { sentTokens } from "./record_streaming.ts";
import { sums } from "./state_read.ts";

/** Adds up ticks, reads and events. */
export function streamFold(): MergeableFold<Omit<StreamShape, "joinedTicks" | "uncountedTicks">> {
  const counts = { ticks: 0, reads: 0, events: 0, generated: 0, bytes: 0, tokens: 0 };
  const ratio = (over: number, under: number) => under === 0 ? undefined : over / under;
  return {
    ...sums(counts),
    add(record) {
      counts.ticks += record.tickMs.length;
      counts.reads += record.reads;
      counts.events += record.events;
      counts.generated += record.tickMs.length + joinedEvents(record);
      counts.bytes += record.bytes;
      counts.tokens += sentTokens(record) ?? 0;
    },
    result() {
      const { ticks, reads, events, generated, bytes, tokens } = counts;
      return {
        ...{ ticks, reads, events, bytes },
        tokensPerTick: ratio(tokens, ticks),
        readsPerToken: ratio(reads, tokens),
        eventsPerRead: ratio(events, reads),
        eventsPerTick: ratio(generated, ticks),
      };
    },
  };
}
