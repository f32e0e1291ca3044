import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  atRankOfBoth,
  countBelow,
  describe,
  minimumSamples,
  quantile,
  sortLists,
  sortValues,
} from "../metrics/stat_quantile.ts";

Deno.test("quantile interpolates linearly between ranks (numpy's default, type 7)", () => {
  const values = sortValues([10, 4, 1, 3, 2]);
  const table: [p: number, value: number][] = [[0, 1], [25, 2], [50, 3], [75, 4], [90, 7.6], [
    99,
    9.76,
  ], [100, 10]];
  for (const [p, value] of table) assertAlmostEquals(quantile(values, p)!, value, 1e-12, `p${p}`);
  assertEquals(quantile(sortValues([7]), 99), 7);
  assertEquals(quantile(sortValues([1, 2]), 50), 1.5);
});

Deno.test("quantile of no values is absent, never 0 (T13)", () => {
  assertStrictEquals(quantile(sortValues([]), 50), undefined);
});

Deno.test("quantile refuses anything but a percentile", () => {
  for (const p of [-1, 101, NaN]) {
    assertThrows(() => quantile(sortValues([1]), p), RangeError, `percentile ${p}`);
  }
});

Deno.test("quantile never decreases with p and stays within the values", () => {
  // A fixed, irregular sequence: (i² mod 97) has repetitions, gaps and no order.
  for (let n = 1; n <= 60; n++) {
    const values = sortValues(Array.from({ length: n }, (_, i) => (i * i) % 97 - 20));
    let before = values[0]!;
    for (let p = 0; p <= 100; p += 2.5) {
      const value = quantile(values, p)!;
      assert(value >= before - 1e-9 && value <= values[n - 1]!, `n = ${n}, p = ${p}: ${value}`);
      before = value;
    }
  }
});

Deno.test("sortLists pools lists and leaves them as they were", () => {
  const lists = [[3, 1], [], [2]];
  assertEquals([...sortLists(lists)], [1, 2, 3]);
  assertEquals(lists, [[3, 1], [], [2]]);
});

Deno.test("sortValues refuses a value that is not finite, wherever it is", () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    assertThrows(() => sortValues([1, bad, 2]), RangeError, `${bad}`);
  }
});

Deno.test("minimumSamples is 100 ÷ (100 − N), also where that is not exact in binary", () => {
  const table: [p: number, samples: number][] = [
    [0, 1],
    [50, 2],
    [75, 4],
    [90, 10],
    [95, 20],
    [
      99,
      100,
    ],
    [99.5, 200],
    [99.9, 1000],
    [99.99, 10_000],
    [66, 3],
  ];
  for (const [p, samples] of table) assertEquals(minimumSamples(p), samples, `p${p}`);
  assertThrows(() => minimumSamples(100), RangeError, `"max"`);
});

Deno.test("describe gives the population std, and percentiles only with enough samples", () => {
  const five = describe(sortValues([1, 2, 3, 4, 10]), [50, 90]);
  assertEquals(five.count, 5);
  assertEquals([five.min, five.max, five.mean, five.median], [1, 10, 4, 3]);
  assertAlmostEquals(five.std!, 3.16228, 5e-6);
  assertEquals(five.percentiles, [{ p: 50, value: 3 }, { p: 90, value: undefined }]);
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  assertAlmostEquals(describe(sortValues(values), [99]).percentiles[0]!.value!, 99.01);
  assertEquals(describe(sortValues(values.slice(1)), [99]).percentiles[0]!.value, undefined);
});

Deno.test("describe of no values has a count of 0 and nothing else (T14)", () => {
  assertEquals(describe(sortValues([]), [50]), {
    count: 0,
    min: undefined,
    max: undefined,
    mean: undefined,
    median: undefined,
    std: undefined,
    percentiles: [{ p: 50, value: undefined }],
  });
});

Deno.test("describe keeps the mean of equal values within them", () => {
  const same = describe(sortValues(new Array(10).fill(0.1)), []);
  assertEquals([same.mean, same.std], [0.1, 0]);
});

Deno.test("searching in kept values finds what walking through them does", () => {
  for (let n = 0; n <= 40; n++) {
    const one = sortValues(Array.from({ length: n }, (_, i) => (i * i) % 23 - 5));
    const other = sortValues(Array.from({ length: (n * 7) % 19 }, (_, i) => (i * i * 3) % 29 - 8));
    for (let limit = -9; limit < 31; limit += 0.5) {
      assertEquals(countBelow(one, limit), one.filter((value) => value < limit).length);
    }
    for (let from = 0; from <= other.length; from++) {
      const both = Float64Array.of(...one, ...other.subarray(from)).sort();
      const found = Array.from(both, (_, rank) => atRankOfBoth(one, other, { rank, from }));
      assertEquals(found, Array.from(both));
    }
  }
});
