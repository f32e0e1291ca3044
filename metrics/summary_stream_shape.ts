/**
 * In which portions the tokens came.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { type Fold, foldAll } from "./fold.ts";

/** Sums over completed requests, and their ratios. */
export interface StreamShape {
  /** Instants at which tokens arrived. */
  readonly ticks: number;
  /** Reads of bodies. */
  readonly reads: number;
  /** Events in them. */
  readonly events: number;
  /** Bytes of bodies. */
  readonly bytes: number;
  /** Output tokens ÷ ticks. */
  readonly tokensPerTick: number | undefined;
  /** Reads ÷ output tokens. */
  readonly readsPerToken: number | undefined;
  /** Events ÷ reads; above 1, events were joined on the way. */
  readonly eventsPerRead: number | undefined;
}

/** Adds up ticks, reads and events. */
export function streamShape(records: readonly RequestRecord[]): StreamShape {
  return foldAll(streamFold(), records);
}

/** {@linkcode streamShape}, one record at a time. */
export function streamFold(): Fold<StreamShape> {
  let [ticks, reads, events, bytes, tokens] = [0, 0, 0, 0, 0];
  const ratio = (over: number, under: number) => under === 0 ? undefined : over / under;
  return {
    add(record) {
      ticks += record.tickMs.length;
      reads += record.reads;
      events += record.events;
      bytes += record.bytes;
      tokens += record.outputTokens?.tokens ?? 0;
    },
    result: () => ({
      ticks,
      reads,
      events,
      bytes,
      tokensPerTick: ratio(tokens, ticks),
      readsPerToken: ratio(reads, tokens),
      eventsPerRead: ratio(events, reads),
    }),
  };
}
