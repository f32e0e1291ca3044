import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { findSteady } from "../metrics/stat_steady.ts";
import { findTrend } from "../metrics/stat_steady_trend.ts";
import { warmupLength } from "../metrics/stat_steady_warmup.ts";
import { KNOWN_COURSES, scoreSteady } from "./support/steady_courses.ts";

for (const course of KNOWN_COURSES) {
  Deno.test(`findSteady: ${course.name}`, () => {
    assertEquals(scoreSteady(course, { cells: 100, noise: 0, correlation: 0 }, 1).right, 1);
    const { right } = scoreSteady(course, { cells: 100, noise: 0.03, correlation: 0 }, 40);
    assert(right >= 0.9, `${right}`);
  });
}

const WARMUP = { negligibleShare: 0.05, negligible: 0 };

Deno.test("warmupLength cuts what the marginal standard error rule cuts (White, 1997)", () => {
  // By hand: of these, leaving out three gives the smallest sum of squares ÷ n².
  const values = [10, 8, 4, 1, 2, 1, 2, 1, 2, 1, 2, 1];
  assertEquals(warmupLength(values, { negligibleShare: 0, negligible: 0 }).cut, 3);
  assertEquals(warmupLength([], WARMUP), { length: 0, cut: 0 });
  assertEquals(warmupLength([1, 1, 1], WARMUP).length, 0);
});

Deno.test("warmupLength takes one spike for no warm-up", () => {
  const values = Array.from({ length: 60 }, (_, i) => i === 25 ? 1000 : 100 + i % 3);
  assertEquals(warmupLength(values, WARMUP).length, 0);
});

Deno.test("findTrend agrees with the test of Mann and Kendall on independent values", () => {
  // S = 30, Var(S) = 125, z = 29 ÷ √125 where nothing is added for dependence.
  const { change, pValue } = findTrend([1, 2, 4, 3, 6, 5, 8, 7, 10, 9]);
  assertAlmostEquals(change, 9, 1);
  assert(pValue < 0.01, `${pValue}`);
  assertEquals(findTrend([3, 3, 3, 3, 3, 3]), { change: 0, pValue: 1 });
  assertEquals(findTrend([1, 2]), { change: 0, pValue: 1 });
});

Deno.test("findTrend needs more where values follow each other", () => {
  const wave = Array.from({ length: 60 }, (_, i) => i + 40 * Math.sin(i / 5));
  const alone = Array.from({ length: 60 }, (_, i) => i + 40 * Math.sin(i * 5));
  assert(findTrend(wave).pValue > 10 * findTrend(alone).pValue);
});

Deno.test("findTrend tells the height of a step", () => {
  const { change, pValue } = findTrend(Array.from({ length: 40 }, (_, i) => i < 28 ? 60 : 100));
  assertEquals(change, 40);
  assert(pValue < 0.01);
});

Deno.test("findSteady: a course with too few values, or gaps", () => {
  const flat = { values: new Array<number>(40).fill(5), negligible: 0 };
  const few = { values: flat.values.map((value, i) => i < 9 ? value : undefined), negligible: 0 };
  assertEquals(findSteady([flat, few]).from, undefined);
  const gaps = { values: flat.values.map((value, i) => i % 2 ? value : undefined), negligible: 0 };
  assertEquals(findSteady([flat, gaps]).from, 0);
});

Deno.test("findSteady: what is negligible in its unit is no trend", () => {
  const values = Array.from({ length: 50 }, (_, i) => 2 + i / 100);
  assertEquals(findSteady([{ values, negligible: 1 }]).from, 0);
  assertEquals(findSteady([{ values, negligible: 0 }]).from, undefined);
});
