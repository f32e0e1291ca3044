/**
 * How fast a server answers, from the record of one request, and what follows for a load.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { ClosedLoad, Load } from "./load.ts";
import { meanTimeMs } from "./load_time.ts";

/** The pace of one answer. */
export interface Pace {
  /** From sending to the first token; of an answer in one piece, to its end. */
  readonly ttftMs: number;
  /** From token to token; 0 = the answer does not show it. */
  readonly itlMs: number;
}

/** The pace that a record shows. */
export function paceOf(record: RequestRecord): Pace {
  const { sentMs = 0, firstTokenMs = record.endMs ?? 0, lastTokenMs = firstTokenMs } = record;
  const [firstTokens = 0] = record.tickTokens;
  const later = (record.outputTokens?.tokens ?? 0) - firstTokens;
  return {
    ttftMs: firstTokenMs - sentMs,
    itlMs: later > 0 ? (lastTokenMs - firstTokenMs) / later : 0,
  };
}

/** How long an answer of so many tokens takes at that pace. */
export function answerMs({ ttftMs, itlMs }: Pace, outputTokens: number): number {
  return ttftMs + itlMs * Math.max(0, outputTokens - 1);
}

/** How long a user pauses between an answer and its next request, on average. */
export function meanThinkMs({ thinkTime }: ClosedLoad): number {
  return thinkTime === undefined ? 0 : meanTimeMs(thinkTime);
}

/**
 * Requests in flight: the users, as long as they do not think, or by Little's law what arrives while one is answered. Infinite where
 * all leave at once.
 */
export function inFlight(load: Load, answerMs: number): number {
  if (load.kind === "closed") {
    const thinkMs = meanThinkMs(load);
    return thinkMs === 0 ? load.users : load.users * answerMs / (answerMs + thinkMs);
  }
  if (load.kind === "replay" && load.mode === "sessions") return Math.max(1, load.users);
  const limit = load.maxInFlight === 0 ? Infinity : load.maxInFlight;
  const perSec = load.kind === "replay" ? load.peakPerSec ?? 0 : load.ratePerSec;
  return Math.min(limit, perSec * answerMs / 1000);
}
