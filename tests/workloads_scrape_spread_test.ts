import { assertEquals } from "@std/assert";
import type { PrometheusSpread } from "../backends/telemetry_prometheus.ts";
import { keepSpread } from "../workloads/scrape_spread.ts";

const spread = (upTo: readonly number[], more: Partial<PrometheusSpread> = {}) => ({
  ...{ count: upTo.at(-1)!, sum: 10 * upTo.at(-1)!, edges: [1, 2, Infinity], upTo },
  ...more,
});

/** What the states of a histogram added. */
function keep(...states: readonly PrometheusSpread[]) {
  const keeper = keepSpread();
  for (const state of states) keeper.add(state, false);
  return { added: keeper.added(), resets: keeper.resets() };
}

Deno.test("keepSpread: what cannot be a state says nothing", () => {
  const [before, after] = [spread([1, 2, 3]), spread([2, 4, 6])];
  const added = { count: 3, sum: 30, edges: [1, 2], counts: [1, 1, 1] };
  const broken = [{ count: NaN }, { sum: Infinity }, { count: -1 }, { upTo: [NaN, 1, 4] }];
  for (const fields of broken) {
    assertEquals(keep(before, spread([1, 3, 4], fields), after), { added, resets: 0 });
  }
  assertEquals(keep(spread([1, 2, 3], { count: NaN })).added, undefined);
});

Deno.test("keepSpread: a bucket that fell is a new beginning, and one below all values is none", () => {
  // As many values as before, but others.
  assertEquals(keep(spread([3, 3, 6]), spread([1, 2, 6])), {
    added: { count: 6, sum: 60, edges: [1, 2], counts: [1, 1, 4] },
    resets: 1,
  });
  const open = { edges: [-Infinity, 2, Infinity] };
  assertEquals(keep(spread([0, 3, 6], open), spread([0, 4, 8], open)), {
    added: { count: 2, sum: 20, edges: [], counts: [] },
    resets: 0,
  });
});

Deno.test("keepSpread: of other edges only count and sum are known, for the rest of the load, too", () => {
  const other = { edges: [1, 3, Infinity] };
  assertEquals(keep(spread([1, 2, 3]), spread([2, 3, 4], other), spread([4, 5, 6], other)), {
    added: { count: 3, sum: 30, edges: [], counts: [] },
    resets: 0,
  });
});

Deno.test("keepSpread: without a sum or a count what there is counts", () => {
  const bare = (upTo: readonly number[]): PrometheusSpread => ({ edges: [1, Infinity], upTo });
  // The reader of the format takes the count from the infinite edge.
  assertEquals(keep({ ...bare([1, 4]), count: 4 }, { ...bare([3, 9]), count: 9 }).added, {
    ...{ count: 5, sum: 0, edges: [1], counts: [2, 3] },
  });
  // Buckets that contradict each other are no reason for negative numbers.
  assertEquals(keep(spread([1, 1, 1]), spread([9, 4, 6])).added?.counts, [8, 0, 2]);
});
