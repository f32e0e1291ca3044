import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  BLOCKS,
  type BlockSpread,
  blockSpread,
  chanceReach,
  meanReach,
  shareReach,
  STUDENT,
} from "../metrics/stat_blocks.ts";
import { studentQuantile } from "../metrics/stat_student.ts";
import { alone } from "./bench/coverage_methods.ts";
import { autocorrelated, cover, LAWS, ours } from "./bench/coverage_series.ts";

const spreadOf = (amount: readonly number[]): BlockSpread => {
  const spread = blockSpread({
    amount: Float64Array.from(amount),
    size: new Float64Array(amount.length).fill(1),
  });
  assert(!("absent" in spread));
  return spread;
};

Deno.test("blockSpread: the t that it is used with is that of its blocks", () => {
  assertAlmostEquals(STUDENT, studentQuantile(0.025, BLOCKS - 1), 1e-9);
});

Deno.test("blockSpread: batch means by hand", () => {
  // 20 blocks of four cells with sums that are 0 or 4; neighbors are more often alike than not.
  const sums = [0, 0, 0, 4, 4, 4, 0, 0, 0, 4, 4, 4, 0, 0, 0, 4, 4, 4, 0, 4];
  const spread = spreadOf(sums.flatMap((sum) => [sum, 0, 0, 0]));
  assertEquals([spread.ratio, spread.blockCells], [0.5, 4]);
  // Each block is 2 off; 19 degrees of freedom; 80 cells.
  const neighbors = sums.slice(1).reduce((sum, one, i) => sum + (one - 2) * (sums[i]! - 2), 0) / 80;
  const common = neighbors + 0.05;
  assert(common > 0.1);
  const variance = 20 * 4 * 20 / 19 * (1 + common) / (1 - common);
  assertAlmostEquals(spread.error, Math.sqrt(variance) / 80, 1e-12);
  assertAlmostEquals(spread.skewness, 0, 1e-12);
});

Deno.test("blockSpread: empty cells at the ends are no part of the series, equal ones have no error", () => {
  const one = spreadOf(new Array<number>(60).fill(3));
  assertEquals([one.ratio, one.error, one.alikeCells], [3, 0, 0]);
  const size = Float64Array.from({ length: 100 }, (_, i) => i < 20 || i >= 80 ? 0 : 2);
  const amount = size.map((n) => 3 * n);
  assertEquals(blockSpread({ amount, size }), one);
});

Deno.test("blockSpread: too few cells, an empty block, and values alike for too long have none", () => {
  const cells = (
    length: number,
    of: (i: number) => number,
    size: (i: number) => number = () => 1,
  ) =>
    blockSpread({
      amount: Float64Array.from({ length }, (_, i) => of(i)),
      size: Float64Array.from({ length }, (_, i) => size(i)),
    });
  assertEquals(cells(39, (i) => i % 3), { absent: "few" });
  assertEquals(cells(60, (i) => i % 3, (i) => i >= 30 && i < 36 ? 0 : 1), { absent: "few" });
  const wave = cells(400, (i) => Math.sin(i / 40));
  assert("absent" in wave && wave.absent === "alike" && wave.alikeCells > 10);
  // A trend that goes on for all of it.
  assertEquals("absent" in cells(400, (i) => i), true);
});

Deno.test("meanReach: Student's t without skewness, the longer side where the larger terms are", () => {
  const even = meanReach({ error: 2, skewness: 0 });
  assertAlmostEquals(even.below, 2 * STUDENT, 1e-9);
  assertAlmostEquals(even.above, 2 * STUDENT, 1e-9);
  const right = meanReach({ error: 2, skewness: 1 });
  const left = meanReach({ error: 2, skewness: -1 });
  assert(right.above > 2 * STUDENT && right.below < 2 * STUDENT);
  assertAlmostEquals(left.above, right.below, 1e-9);
  assertAlmostEquals(left.below, right.above, 1e-9);
});

Deno.test("shareReach is never narrower than of independent values, and open on the side of the tail", () => {
  const median = shareReach(0.5, { error: 0, count: 100 });
  assertAlmostEquals(median.high - 0.5, STUDENT * 0.05, 1e-9);
  assertAlmostEquals(0.5 - median.low, STUDENT * 0.05, 1e-9);
  const tail = shareReach(0.99, { error: 0, count: 1000 });
  assert(0.99 - tail.low > tail.high - 0.99);
  assertEquals(shareReach(0.5, { error: 0.2, count: 100 }).error, 0.2);
});

Deno.test("chanceReach: all of so many is no certainty", () => {
  const all = chanceReach(1, { error: 0, count: 100 });
  assertEquals(all.high, 1);
  assertAlmostEquals(all.low, 100 / (100 + STUDENT ** 2), 1e-9);
  assertEquals(chanceReach(0, { error: 0, count: 100 }).low, 0);
  // Dependence counts as fewer values.
  const half = chanceReach(0.5, { error: 0.1, count: 1000 });
  assert(half.low > 0.3 && half.low < 0.32 && half.high > 0.68);
});

Deno.test("intervals hold the truth of values that stay alike, and naive ones do not", () => {
  const options = { length: 2000, count: 300, seed: 3 };
  const series = autocorrelated(LAWS.lognormal, 10);
  const found = cover(series, { ...options, method: ours });
  for (const name of ["mean", "p50", "p90"] as const) {
    // Four standard errors of 300 below what the table of docs/intervals.md says.
    assert(found[name]!.held > 0.88, `${name}: ${found[name]!.held}`);
    assert(found[name]!.width < 1.6, `${name}: ${found[name]!.width}`);
  }
  const naive = cover(series, { ...options, method: alone });
  assert(naive.mean!.held < 0.6, `${naive.mean!.held}`);
  assert(naive.p50!.held < 0.6, `${naive.p50!.held}`);
});

Deno.test("the interval of a median between two modes reaches over the gap", () => {
  const found = cover(autocorrelated(LAWS.bimodal, 0), {
    ...{ method: ours, length: 1000, count: 300, seed: 4 },
  });
  assert(found.p50!.held > 0.9, `${found.p50!.held}`);
});
