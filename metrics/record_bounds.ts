/**
 * Between which instants the stamps of a record leave the truth, and what that leaves open about its
 * values.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";

/** What the stamps of one record leave open. Times in ms from the start of its load. */
export interface RecordBounds {
  /** The request left between `sentMs` and here. */
  readonly departedMs: number;
  /** The first tokens of a tick came between here and `tickMs`. */
  tickLowMs(tick: number): number;
}

/** Bounds of a record; absent where nobody knows. */
export type BoundsOf = (record: RequestRecord) => RecordBounds | undefined;

/** Both ends of the values of one record. */
export interface ValueEnds {
  /** The least that each can be, in their order. */
  readonly low: readonly number[];
  /** The most that each can be. */
  readonly high: readonly number[];
  /**
   * Values that one read may have hidden, from 0 to these: tokens that came apart and were read
   * together. Whether there were any is unknown.
   */
  readonly hidden?: readonly number[];
}

/** What the transport knew of each read and of the departure. */
export const ownBounds: BoundsOf = (record) => {
  const { departedMs, firstByteMs = Infinity, tickMs, tickWidthUs } = record;
  if (departedMs === undefined || tickWidthUs === undefined || tickMs.length === 0) {
    return undefined;
  }
  if (tickWidthUs.length !== tickMs.length) return undefined;
  return new OwnBounds(Math.min(departedMs, firstByteMs, tickMs[0]!), tickMs, tickWidthUs);
};

/** A class, because every record is asked for them again and again. */
class OwnBounds implements RecordBounds {
  readonly departedMs: number;
  readonly #tickMs: Float64Array;
  readonly #tickWidthUs: Uint32Array;

  constructor(departedMs: number, tickMs: Float64Array, tickWidthUs: Uint32Array) {
    this.departedMs = departedMs;
    this.#tickMs = tickMs;
    this.#tickWidthUs = tickWidthUs;
  }

  tickLowMs(tick: number): number {
    return this.#tickMs[tick]! - this.#tickWidthUs[tick]! / 1000;
  }
}

/** Stamps that latencies are made of. */
export type Stamp =
  | "intendedMs"
  | "sentMs"
  | "firstTokenMs"
  | "firstAnswerMs"
  | "firstToolMs"
  | "lastTokenMs";

/** The earliest and the latest that a stamp of the record can truly have been; absent without it. */
export function stampEnds(
  record: RequestRecord,
  bounds: RecordBounds,
  stamp: Stamp,
): { readonly low: number; readonly high: number } | undefined {
  const ms = record[stamp];
  if (ms === undefined) return undefined;
  // The schedule is ours: nothing about it is open.
  if (stamp === "intendedMs") return { low: ms, high: ms };
  if (stamp === "sentMs") return { low: ms, high: Math.max(ms, bounds.departedMs) };
  const { tickMs } = record;
  const tick = stamp === "lastTokenMs" ? lastTickAt(tickMs, ms) : firstTickAt(tickMs, ms);
  return { low: Math.min(ms, bounds.tickLowMs(tick)), high: ms };
}

/** Number of the first tick at that time, or behind it. */
function firstTickAt(tickMs: Float64Array, ms: number): number {
  let tick = 0;
  while (tick < tickMs.length - 1 && tickMs[tick]! < ms) tick++;
  return tick;
}

/** Number of the last tick at that time, or before it. */
function lastTickAt(tickMs: Float64Array, ms: number): number {
  let tick = tickMs.length - 1;
  while (tick > 0 && tickMs[tick]! > ms) tick--;
  return tick;
}

/**
 * Events with tokens that were read together with an earlier one. They may have been sent together,
 * or the client joined them.
 */
export function joinedEvents({ textEvents, events, tickMs }: RequestRecord): number {
  return Math.max(0, (textEvents ?? events) - tickMs.length);
}

/** A read can have hidden a gap where it may have waited for at least this share of a usual one. */
const HIDING_SHARE = 0.5;

/**
 * How many gaps a read can have hidden, between tokens that came apart and were read together: none
 * where it may have waited for a fraction of a usual gap only, since tokens that came within that were
 * sent together, and no more than there was time for.
 */
export function hiddenAtMost(record: RequestRecord, bounds: RecordBounds, tick: number): number {
  const { tickMs, tickTokens } = record;
  const last = tickMs.length - 1;
  const usualMs = (tickMs[last]! - tickMs[0]!) / Math.max(1, tickTokens[last]! - 1);
  const widthMs = tickMs[tick]! - bounds.tickLowMs(tick);
  const tokens = tickTokens[tick]! - (tickTokens[tick - 1] ?? 0);
  return Math.min(tokens - 1, Math.floor(widthMs / (HIDING_SHARE * usualMs)) || 0);
}
