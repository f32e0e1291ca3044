/**
 * What holds the clients of one load together, as the run on each of them sees it.
 *
 * @module
 */
import type { AgentShare, LeasedPortion } from "./agent_share.ts";

/** Several machines send one load: what this one has to know, and to ask. */
export interface Together {
  /** What is its own. */
  readonly share: AgentShare;
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
