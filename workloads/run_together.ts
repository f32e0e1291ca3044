/**
 * What holds the clients of one load together, as the run on each of them sees it.
 *
 * @module
 */
import type { RunPart } from "../metrics/run_fleet.ts";
import type { LeasedPortion } from "./agent_share.ts";

/**
 * Where the machines wait for each other before a load, in this order. `quiet`: nothing of the load before
 * is in flight anywhere. `reset`: the first machine has emptied the caches, where that was asked for; the
 * warm-ups follow. The third is {@linkcode Together.begin}.
 */
export type MeetingPoint = "quiet" | "reset";

/** Several machines send one load: what this one has to know, and to ask. */
export interface Together {
  /** What is its own; the header has it, too. */
  readonly share: RunPart;
  /**
   * This client has come to a point before a load: waits until all others have, or are lost. Resolves at
   * once when `signal` is aborted.
   */
  meet(load: number, point: MeetingPoint, signal: AbortSignal): Promise<void>;
  /**
   * Everything for a measured load is ready here: waits for the others.
   *
   * @returns when it begins, in ms since the epoch by this client's own clock (`epochOriginMs()` +
   * `systemClock.now()`); `undefined` = it must not be sent.
   */
  begin(load: number, signal: AbortSignal): Promise<number | undefined>;
  /**
   * Asks for some more requests of a closed load whose users draw on one count.
   *
   * @param limit requests of the whole load.
   * @returns `undefined` = there are none left.
   */
  lease(
    load: number,
    ask: { readonly want: number; readonly limit: number },
  ): Promise<LeasedPortion | undefined>;
}
