/**
 * How requests of lanes ended, as shapes, so that no color is needed.
 *
 * @module
 */
import type { Lane, LaneChain, LaneSession } from "./load_sessions.ts";

/** Marks at the end of requests that did not complete. */
export const LANE_MARKS: readonly {
  readonly kind: "failed" | "context" | "cancelled" | "cancelledAsPlanned" | "dropped";
  readonly mark: string;
  readonly name: string;
}[] = [
  { kind: "failed", mark: "×", name: "failed" },
  { kind: "context", mark: "■", name: "too long for the context" },
  { kind: "cancelled", mark: "○", name: "cut by the end of the load" },
  { kind: "cancelledAsPlanned", mark: "◇", name: "cancelled as planned" },
  { kind: "dropped", mark: "△", name: "never sent" },
];

/** How a request ended that did not complete. */
export type LaneMark = (typeof LANE_MARKS)[number]["kind"];

/** The marks that a chart of these lanes has. */
export function marksOf(lanes: readonly Lane[]): ReadonlySet<LaneMark> {
  const found = new Set<LaneMark>();
  for (const session of lanes.flatMap(({ sessions }) => sessions)) {
    for (const chain of session.chains) {
      for (const i of chain.turn.keys()) {
        const mark = markOf(session, chain, i);
        if (mark !== undefined) found.add(mark);
      }
    }
  }
  return found;
}

/** Mark of a request of a chain; absent = it completed. */
export function markOf(
  { end }: LaneSession,
  chain: LaneChain,
  i: number,
): LaneMark | undefined {
  const outcome = chain.outcome[i];
  switch (outcome) {
    case "ok":
      return undefined;
    case "cancelled":
    case "dropped":
      return outcome;
    case "cancelled_as_planned":
      return "cancelledAsPlanned";
    default: {
      // The request that ended the session is the last one of its chain.
      const last = i === chain.turn.length - 1;
      return end === "context" && last ? "context" : "failed";
    }
  }
}
