import { assert, assertEquals } from "@std/assert";
import { histogram, roundStep } from "../metrics/stat_histogram.ts";
import { exactValues, sortValues } from "../metrics/stat_quantile.ts";

Deno.test("roundStep takes the next of 1, 2, 5 × 10ⁿ", () => {
  const table: [number, number][] = [[1, 1], [1.1, 2], [2.5, 5], [5.1, 10], [0.03, 0.05]];
  for (const [least, step] of table) assertEquals(roundStep(least), step);
});

Deno.test("histogram has equal bars for values of one size", () => {
  const { scale, edges, counts } = histogram(sortValues([100, 100.5, 101, 159]));
  assertEquals(scale, "linear");
  assertEquals(edges.slice(0, 3), [100, 101, 102]);
  assertEquals([counts[0], counts[1], counts.at(-1)], [2, 1, 1]);
});

Deno.test("histogram has bars of equal ratio when values span more than a factor of 20", () => {
  const { scale, edges, counts } = histogram(sortValues([0.01, 1, 100, 1000]));
  assertEquals(scale, "log");
  assertEquals([edges[0], edges.at(-1)], [0.01, 1000]);
  assertEquals(counts.at(-1), 1);
});

Deno.test("histogram counts every value once in at most 60 bars", () => {
  for (const spread of [0, 0.3, 7, 1000, 1e6]) {
    for (const offset of [0, 0.007, 3, 1e4]) {
      const values = Array.from(
        { length: 200 },
        (_, i) => offset + spread * ((i * 37) % 200) / 199,
      );
      const { edges, counts } = histogram(sortValues(values));
      // Searched or walked through, they are the same.
      const { sorted: _, ...walked } = exactValues(sortValues(values));
      assertEquals(histogram(walked).counts, counts);
      assert(counts.length <= 60, `${counts.length} bars`);
      assertEquals(edges.length, counts.length + 1);
      assertEquals(counts.reduce((sum, one) => sum + one, 0), 200);
      assert(edges.every((edge, i) => i === 0 || edge > edges[i - 1]!), "edges grow");
    }
  }
});

Deno.test("values that differ by rounding alone are in one bar", () => {
  for (const value of [0.3, 1 / 3, 1e-7, 1.7e12, -0.3]) {
    const next = value + Math.abs(value) * 2 ** -52;
    const { edges, counts } = histogram(sortValues([value, next, next]));
    assertEquals(counts.filter((count) => count > 0), [3], `${value}`);
    assert(edges.length < 20 && edges.every((edge, i) => i === 0 || edge > edges[i - 1]!));
  }
});

Deno.test("histogram of no values has no bars (T13)", () => {
  assertEquals(histogram(sortValues([])), { scale: "linear", edges: [], counts: [] });
});
