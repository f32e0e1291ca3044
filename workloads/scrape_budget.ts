/**
 * Keeps what endpoints said within what the line of a load's end may hold: thousands of replicas, or labels as
 * long as books, must not make the line unreadable.
 *
 * @module
 */
import type { ServerFamily, ServerScrapes } from "../metrics/run_server.ts";
import { knownKind } from "../metrics/server_known.ts";

/** Characters for all endpoints; a line of the record file may have four times as many. */
const MOST_CHARS: number = 8 * 2 ** 20;

/** The same endpoints; without the metrics for which there is no room, unknown ones first. */
export function withinBudget(
  scrapes: readonly ServerScrapes[],
  most: number = MOST_CHARS,
): readonly ServerScrapes[] {
  const sizes = scrapes.map(({ families }) =>
    new Map(families.map((family) => [family, JSON.stringify(family).length]))
  );
  const total = sizes.reduce((sum, one) => sum + sumOf(one.values()), 0);
  if (total <= most) return scrapes;
  const kept = new Set<ServerFamily>();
  let left = most;
  for (const wanted of [true, false]) {
    for (const one of sizes) {
      for (const [family, size] of one) {
        if ((knownKind(family.name) !== undefined) !== wanted || size > left) continue;
        left -= size;
        kept.add(family);
      }
    }
  }
  return scrapes.map((one) => {
    const families = one.families.filter((family) => kept.has(family));
    const dropped = sumOf(
      one.families.map((family) => kept.has(family) ? 0 : family.series.length),
    );
    return dropped === 0 ? one : { ...one, families, leftOut: (one.leftOut ?? 0) + dropped };
  });
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
