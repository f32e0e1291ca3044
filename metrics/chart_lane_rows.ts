/**
 * Rows of a lane: the main agents of its sessions in the first, what they started below.
 *
 * @module
 */
import type { Lane, LaneChain } from "./load_sessions.ts";

/** Where the chains of a lane are drawn. */
export interface LaneRows {
  /** Rows of the lane. */
  readonly count: number;
  /** Row of each chain: 0 for the main ones, below it the first that is free. */
  readonly of: ReadonlyMap<LaneChain, number>;
}

/** Places each chain; those that overlap are in rows of their own. */
export function rowsOf({ sessions }: Lane): LaneRows {
  const of = new Map<LaneChain, number>();
  // When each row is free; the main agents of the slot follow each other.
  const freeMs: number[] = [Infinity];
  for (const { chains } of sessions) {
    for (const chain of chains) {
      if (chain.depth === 0 && chain === chains[0]) {
        of.set(chain, 0);
        continue;
      }
      const startMs = beginOf(chain, 0);
      const free = freeMs.findIndex((ms) => ms <= startMs);
      const row = free < 0 ? freeMs.length : free;
      freeMs[row] = chain.turn.reduce((last, _, i) => Math.max(last, endOf(chain, i)), startMs);
      of.set(chain, row);
    }
  }
  return { count: freeMs.length, of };
}

/** When a request of a chain left, else when it was due. */
export function beginOf({ sentMs, intendedMs }: LaneChain, i: number): number {
  return sentMs[i] ?? intendedMs[i]!;
}

/** When it ended, as far as its stamps tell. */
export function endOf(chain: LaneChain, i: number): number {
  return chain.endMs[i] ?? chain.lastTokenMs[i] ?? chain.firstTokenMs[i] ?? beginOf(chain, i);
}
