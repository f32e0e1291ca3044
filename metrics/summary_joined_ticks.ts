/**
 * When several tokens of a tick are worth a word.
 *
 * @module
 */
import { formatShare, plural } from "./format.ts";
import type { StreamShape } from "./load_summary.ts";

/** Fewer than this share of the ticks are a client that was late now and then. */
const WORTH_TELLING = 0.05;

type Ticks = Pick<StreamShape, "joinedTicks" | "uncountedTicks">;

/** Whether the gap per token differs from the gap: `itl_per_token` is a row then. */
export function hasJoinedTicks({ stream }: { readonly stream: Ticks }): boolean {
  return (stream.joinedTicks ?? 0) >= WORTH_TELLING;
}

/** Clauses about them; empty where there is nothing to say. */
export function joinedTicksText({ joinedTicks = 0, uncountedTicks }: Ticks): readonly string[] {
  return joinedTicks < WORTH_TELLING ? [] : [
    `${formatShare(joinedTicks)} of the ticks have several tokens`,
    ...(uncountedTicks === 0 ? [] : [
      `ticks of ${plural(uncountedTicks, "request")} are left out: they count events`,
    ]),
  ];
}
