import { assert, assertAlmostEquals, assertEquals, assertLessOrEqual } from "@std/assert";
import { linearScale, logScale, tickLabel, timeUnit } from "../metrics/chart_scale.ts";

const labels = ({ ticks }: { ticks: readonly { label: string }[] }) =>
  ticks.map(({ label }) => label);

Deno.test("linearScale puts ticks at round numbers", () => {
  assertEquals(labels(linearScale(0, 100)), ["0", "20", "40", "60", "80", "100"]);
  assertEquals(labels(linearScale(13, 47)), ["20", "30", "40"]);
  assertEquals(labels(linearScale(0, 1)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  assertEquals(labels(linearScale(-30, 30)), ["-20", "0", "20"]);
});

Deno.test("linearScale keeps the ends, or widens them to round numbers", () => {
  const exact = linearScale(13, 47);
  assertEquals([exact.min, exact.max], [13, 47]);
  const rounded = linearScale(13, 47, { round: true });
  assertEquals([rounded.min, rounded.max], [10, 50]);
  // 0.07 ÷ 0.01 is 7.000000000000001 in binary; the axis must not grow by a step for it.
  assertAlmostEquals(linearScale(0, 0.07, { round: true, ticks: 8 }).max, 0.07, 1e-9);
});

Deno.test("linearScale places values from 0 to 1 and moves values outside to the ends", () => {
  const { at } = linearScale(10, 20);
  assertEquals([10, 15, 20, 0, 99].map(at), [0, 0.5, 1, 0, 1]);
});

Deno.test("linearScale gives a single value and an empty range some width", () => {
  for (const [min, max] of [[0, 0], [5, 5], [-5, -5], [1e-9, 1e-9], [1e12, 1e12]] as const) {
    const scale = linearScale(min, max, { round: true });
    assert(scale.max > scale.min, `${min}`);
    assert(scale.at(min) >= 0 && scale.at(min) <= 1);
    assert(scale.ticks.length >= 2);
  }
});

Deno.test("linearScale counts in whole numbers on request", () => {
  assertEquals(labels(linearScale(0, 1, { whole: true })), ["0", "1"]);
  assertEquals(labels(linearScale(0, 3, { whole: true, ticks: 4 })), ["0", "1", "2", "3"]);
});

Deno.test("linearScale and logScale never give more ticks than requested", () => {
  for (const scale of [linearScale, logScale]) {
    for (let max = 0.07; max < 1e9; max *= 1.37) {
      for (const ticks of [2, 4, 7]) {
        for (const min of [max / 1.5, max / 30, max / 1e5]) {
          const { ticks: { length } } = scale(min, max, { ticks });
          assertLessOrEqual(length, ticks, `${min} to ${max}`);
        }
      }
    }
  }
});

Deno.test("logScale puts ticks at 1, 2, 5 where they fit, else at powers of ten", () => {
  assertEquals(labels(logScale(1, 20)), ["1", "2", "5", "10", "20"]);
  assertEquals(labels(logScale(1, 100)), ["1", "3", "10", "30", "100"]);
  assertEquals(labels(logScale(1, 1e4)), ["1", "10", "100", "1,000", "10k"]);
  assertEquals(labels(logScale(0.001, 1e6, { ticks: 5 })), ["0.01", "1", "100", "10k", "1M"]);
  assertEquals(logScale(3, 80, { round: true }).min, 2);
  assertAlmostEquals(logScale(3, 80, { round: true }).max, 100, 1e-9);
});

Deno.test("a range that is one value but for rounding has a few ticks, and comes to an end", () => {
  for (const value of [0.3, 1 / 3, 1e-7, 42, 1.7e12, -0.3]) {
    const next = value + Math.abs(value) * 2 ** -52;
    for (const scale of [linearScale, logScale]) {
      for (const round of [false, true]) {
        const { ticks, at } = scale(value, next, { round });
        assert(ticks.length > 0 && ticks.length < 20, `${value}: ${ticks.length}`);
        assert(at(value) >= 0 && at(value) <= 1);
      }
    }
  }
});

Deno.test("logScale places equal ratios at equal distances, and falls back for zero", () => {
  const { at } = logScale(1, 10_000);
  assertEquals([1, 100, 10_000, 0, -5, 1e9].map(at), [0, 0.5, 1, 0, 0, 1]);
  assertEquals(logScale(0, 10).kind, "linear");
  assertEquals(logScale(10, 10).kind, "linear");
});

Deno.test("tickLabel prints as many digits as the step needs", () => {
  for (
    const [value, step, label] of [
      [0, 0.5, "0"],
      [0.25, 0.05, "0.25"],
      [1.5, 0.5, "1.5"],
      [1500, 500, "1,500"],
      [20_000, 5000, "20k"],
      [22_500, 500, "22.5k"],
      [1_500_000, 500_000, "1.5M"],
      [2e9, 1e9, "2G"],
      [-40, 20, "-40"],
      [0.00002, 0.00001, "2e-5"],
    ] as const
  ) assertEquals(tickLabel(value, step), label);
});

Deno.test("timeUnit grows with the axis", () => {
  assertEquals([0, 4999, 5000, 899_999, 900_000].map((ms) => timeUnit(ms).name), [
    "ms",
    "ms",
    "s",
    "s",
    "min",
  ]);
});
