/**
 * How the loads of a run share a pool of prompts: the warm-ups take those at its front, each load those
 * behind the one before it.
 *
 * @module
 */
import type { Load, Stop } from "./load.ts";
import { sparePrompts } from "./load_sequence.ts";

/** What is sent before each load: so many of the pool's requests, or short ones of its own. */
type Warmups = readonly (number | "short")[];

/** Prompts at the front of the pool that warm-ups take and no load measures. */
export function poolOfWarmups(warmups: Warmups): number {
  return Math.max(0, ...warmups.map((warmup) => warmup === "short" ? 0 : warmup));
}

/** Stretches of a pool of that length, each of one load; a pool that starts over is one. */
export function poolStretches(
  { warmups, loads, stops }: {
    readonly warmups: Warmups;
    readonly loads: readonly Load[];
    readonly stops: readonly Stop[];
  },
  length: number,
): readonly number[] {
  const taken = [
    poolOfWarmups(warmups),
    ...loads.map((load, i) => (stops[i]?.requests ?? 0) + sparePrompts(load, stops[i] ?? {})),
  ];
  const rest = length - taken.reduce((sum, count) => sum + count, 0);
  return rest < 0 ? [length] : [...taken, rest].filter((count) => count > 0);
}
