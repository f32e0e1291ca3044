import { assert, assertEquals } from "@std/assert";
import { createHeat } from "../metrics/summary_heat.ts";
import type { HeatMap } from "../metrics/load_heat.ts";

const METRIC = { name: "ttft", title: "TTFT", unit: "ms", per: "request" } as const;

function heatOf(
  values: readonly (readonly [ms: number, value: number])[],
  durationMs: number,
): HeatMap | undefined {
  const heat = createHeat(METRIC);
  for (const [ms, value] of values) heat.add(ms, value);
  return heat.result(durationMs);
}

/** Count of the cell that holds a value. */
function countAt({ columnMs, edges, counts }: HeatMap, ms: number, value: number): number {
  const row = edges.findIndex((edge, i) => value >= edge && value < (edges[i + 1] ?? 0));
  return counts[Math.floor(ms / columnMs)]![row]!;
}

function total({ counts }: HeatMap): number {
  return counts.flat().reduce((sum, count) => sum + count, 0);
}

Deno.test("createHeat counts values where they are, by time and size", () => {
  const map = heatOf([[10, 20], [20, 20.5], [910, 20], [930, 400]], 1000)!;
  assertEquals([map.columnMs, map.counts.length], [50, 20]);
  assertEquals([countAt(map, 0, 20), countAt(map, 910, 20), countAt(map, 910, 400)], [2, 1, 1]);
  assertEquals(countAt(map, 500, 20), 0);
  assert(map.edges[0]! <= 20 && map.edges.at(-1)! > 400);
  assert(map.edges.every((edge, i) => i === 0 || edge > map.edges[i - 1]!));
});

Deno.test("createHeat doubles its columns in a long load and loses nothing", () => {
  const values = Array.from({ length: 1000 }, (_, i) => [i * 60, 5 + i % 3] as const);
  const map = heatOf(values, 60_000)!;
  assertEquals(map.columnMs, 800);
  assertEquals(map.counts.length, 75);
  assertEquals(total(map), 1000);
  assertEquals(map.counts[0]!.reduce((a, b) => a + b, 0), 14);
});

Deno.test("createHeat does not depend on the order of the values", () => {
  const values = Array.from({ length: 500 }, (_, i) => [i * 97 % 20_000, 1 + i % 50] as const);
  assertEquals(heatOf(values.toReversed(), 20_000), heatOf(values, 20_000));
});

Deno.test("createHeat joins rows of values that are far apart", () => {
  const map = heatOf([[0, 0], [0, 0.0001], [1, 1e-3], [2, 1e9]], 100)!;
  assert(map.edges.length <= 29, `${map.edges.length} edges`);
  assertEquals(total(map), 4);
});

Deno.test("createHeat has no map without values, and one column at least with one", () => {
  assertEquals(heatOf([], 1000), undefined);
  assertEquals(heatOf([[0, 7]], 0)!.counts, [[1]]);
});
