/**
 * How tokens were grouped on arrival.
 *
 * @module
 */
import type { StreamShape } from "./load_summary.ts";
import type { Fold } from "./fold.ts";
import { joinedEvents } from "./record_bounds.ts";
import { sentTokens } from "./record_streaming.ts";

/** Adds up ticks, reads and events. */
export function streamFold(): Fold<Omit<StreamShape, "joinedTicks" | "uncountedTicks">> {
  let [ticks, reads, events, generated, bytes, tokens] = [0, 0, 0, 0, 0, 0];
  const ratio = (over: number, under: number) => under === 0 ? undefined : over / under;
  return {
    add(record) {
      ticks += record.tickMs.length;
      reads += record.reads;
      events += record.events;
      generated += record.tickMs.length + joinedEvents(record);
      bytes += record.bytes;
      tokens += sentTokens(record) ?? 0;
    },
    result: () => ({
      ticks,
      reads,
      events,
      bytes,
      tokensPerTick: ratio(tokens, ticks),
      readsPerToken: ratio(reads, tokens),
      eventsPerRead: ratio(events, reads),
      eventsPerTick: ratio(generated, ticks),
    }),
  };
}
