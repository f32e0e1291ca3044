/**
 * Block ids as a list.
 *
 * @module
 */
import type { BlockIds } from "../../workloads/trace.ts";

/** These ids. */
export function blockIdsOf(ids: readonly number[]): BlockIds {
  return { length: ids.length, toArray: () => Uint32Array.from(ids) };
}
