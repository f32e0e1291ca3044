/**
 * How loads that are measured several times are named and told apart: the repeats of one load, and the
 * sides that a run compares by turns.
 *
 * @module
 */
import type { LoadPlan } from "./run.ts";

/** Names of the sides of a run by their position. */
export const SIDE_NAMES: readonly string[] = ["a", "b"];

/** What tells a load from others of the same base. */
export type LoadTurn = Pick<LoadPlan, "repeat" | "side">;

/** `8 users, b, repeat 2`: the name of a load in its run, from its base label. */
export function turnLabel(base: string, turn: LoadTurn): string {
  return `${base}${suffixOf(turn)}`;
}

/**
 * The label of a load without its side and its repeat: the same for all loads that are compared with
 * each other or averaged.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { baseLabel } from "@tokometer/tokometer/metrics";
 *
 * assertEquals(baseLabel({ label: "8 users, repeat 2", repeat: 2 }), "8 users");
 * assertEquals(baseLabel({ label: "8 users" }), "8 users");
 * ```
 */
export function baseLabel(plan: LoadTurn & Pick<LoadPlan, "label">): string {
  const suffix = suffixOf(plan);
  const { label } = plan;
  return suffix !== "" && label.endsWith(suffix) ? label.slice(0, -suffix.length) : label;
}

function suffixOf({ repeat, side }: LoadTurn): string {
  return (side === undefined ? "" : `, ${SIDE_NAMES[side] ?? `side ${side + 1}`}`) +
    (repeat === undefined ? "" : `, repeat ${repeat}`);
}
