import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { sharedHistograms } from "../metrics/compare_distribution.ts";
import type { CompareSide } from "../metrics/compare_result.ts";
import type { MetricHistogram } from "../metrics/load_summary.ts";
import { summarize } from "../metrics/summary.ts";
import { createSide } from "./support/create_repeats.ts";
import { createRun } from "./support/create_run.ts";

/** A side whose only run has these bars as TTFT. */
function sideOf(...bars: readonly Pick<MetricHistogram, "edges" | "counts">[]): CompareSide {
  const run = summarize(createRun([], { loads: [{ label: "1 user" }] }));
  return {
    name: "x",
    runs: bars.map((one, i) => ({
      ...run,
      header: { ...run.header, startedAt: `2026-01-02T12:0${i}:00.000Z` },
      loads: [{
        ...run.loads[0]!,
        histograms: [{ name: "ttft", title: "TTFT", unit: "ms", scale: "linear", ...one }],
      }],
    })),
  };
}

const ofTtft = (...sides: readonly CompareSide[]) =>
  sharedHistograms(sides, "1 user", ["ttft"])[0]!;
const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0);

Deno.test("all sides share the bars, and nothing of their values is lost", () => {
  const sides = [createSide("a", { ttftMs: 100 }), createSide("b", { ttftMs: 130, repeats: 2 })];
  const found = sharedHistograms(sides, "1 user", ["ttft", "none", "e2e"]);
  assertEquals(found.map(({ name }) => name), ["ttft", "e2e"]);
  for (const { edges, shares, counts } of found) {
    assertEquals(counts, [120, 60]);
    for (const bars of shares) {
      assertEquals(bars.length, edges.length - 1);
      assertAlmostEquals(sum(bars), 1, 1e-9);
    }
  }
  // Each side lies where its values are.
  const [a, b] = found[0]!.shares.map((bars) =>
    sum(bars.map((share, i) => share * (found[0]!.edges[i]! + found[0]!.edges[i + 1]!) / 2))
  );
  assertAlmostEquals(a!, 100, 1);
  assertAlmostEquals(b!, 130, 1);
});

Deno.test("bars that lie across shared ones are spread over them, repeats are put together", () => {
  const { edges, shares, counts, scale } = ofTtft(
    sideOf({ edges: [0, 30, 60], counts: [1, 3] }, { edges: [0, 60], counts: [4] }),
    sideOf({ edges: [10, 12], counts: [5] }),
  );
  assertEquals([scale, edges[0], edges.at(-1), edges.length], ["linear", 0, 60, 61]);
  assertEquals(counts, [8, 5]);
  assertAlmostEquals(sum(shares[0]!.slice(0, 30)), (1 + 2) / 8, 1e-9);
  assertAlmostEquals(shares[1]![10]!, 0.5, 1e-9);
  assertEquals(shares[1]!.filter((share) => share > 1e-9).length, 2);
});

Deno.test("a wide range gets bars of equal ratio, empty sides and single values have a place", () => {
  const wide = ofTtft(sideOf({ edges: [1, 10, 1000], counts: [2, 2] }), sideOf());
  assertEquals([wide.scale, wide.shares[1], wide.counts], ["log", [], [4, 0]]);
  assertAlmostEquals(wide.edges[1]! / wide.edges[0]!, wide.edges[2]! / wide.edges[1]!, 1e-9);
  const one = ofTtft(sideOf({ edges: [5, 5], counts: [3] }));
  assertEquals(sum(one.shares[0]!), 1);
  assert(one.edges.every(Number.isFinite));
  const none = ofTtft(sideOf({ edges: [], counts: [] }));
  assertEquals([none.edges, none.shares], [[], [[]]]);
});
