import { assert, assertAlmostEquals } from "@std/assert";
import {
  chiSquareQuantile,
  noncentralTail,
  normalQuantile,
  normalTail,
  studentQuantile,
  studentTail,
} from "../metrics/stat_student.ts";

Deno.test("quantiles and tails agree with published tables", () => {
  // Critical values as printed in every table of t and chi-square.
  for (
    const [tail, freedom, value] of [
      [0.025, 1, 12.7062047364],
      [0.025, 2, 4.3026527299],
      [0.025, 4, 2.7764451052],
      [0.0005, 4, 8.6103015814],
      [0.025, 30, 2.0422724563],
      [0.025, 2.5, 3.5746],
      [0.975, 4, -2.7764451052],
    ] as const
  ) {
    assertAlmostEquals(studentQuantile(tail, freedom), value, 1e-4);
    assertAlmostEquals(studentTail(studentQuantile(tail, freedom), freedom), tail, 1e-9);
  }
  assertAlmostEquals(normalQuantile(0.025), 1.959963985, 1e-8);
  assertAlmostEquals(normalTail(3), 0.001349898032, 1e-12);
  assertAlmostEquals(normalTail(-1), 0.841344746, 1e-9);
  assertAlmostEquals(normalTail(8), 6.22096e-16, 1e-20);
  assertAlmostEquals(chiSquareQuantile(0.05, 1), 3.8414588207, 1e-8);
  assertAlmostEquals(chiSquareQuantile(0.8, 4), 1.6487766, 1e-6);
  assertAlmostEquals(chiSquareQuantile(0.05, 100), 124.342113, 1e-5);
});

Deno.test("the power of a t-test agrees with published sample sizes", () => {
  // Cohen (1988): two groups of 17 find one standard deviation with 80 % at 5 % on both sides.
  const power = (n: number, effect: number) => {
    const freedom = 2 * n - 2;
    const shift = effect * Math.sqrt(n / 2);
    return noncentralTail(studentQuantile(0.025, freedom), { freedom, shift });
  };
  assert(power(17, 1) >= 0.8 && power(16, 1) < 0.8, `${power(17, 1)}, ${power(16, 1)}`);
  assert(power(64, 0.5) >= 0.8 && power(62, 0.5) < 0.8, `${power(64, 0.5)}, ${power(62, 0.5)}`);
});
