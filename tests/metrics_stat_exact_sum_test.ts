import { assertEquals } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { createExactSum } from "../metrics/stat_exact_sum.ts";

/** Whole numbers of every size that a float can hold, and those where a carry begins. */
function terms(): readonly number[] {
  const random = createRandom(7, "terms");
  const sizes = Array.from({ length: 20_000 }, () => {
    const size = 2 ** (random.next() * 56 - 1);
    return Math.round((random.next() < 0.3 ? -1 : 1) * size);
  });
  const edges = [26, 46, 52, 53].flatMap((power) =>
    [-1, 0, 1].flatMap((by) => [2 ** power + by, -(2 ** power) + by])
  );
  return [...sizes, ...edges, ...Array(3000).fill(2 ** 52 - 1), 1e300, -1e300];
}

Deno.test("exact sum: as big integers add up, in any order", () => {
  const expected = terms().reduce((sum, term) => sum + BigInt(term), 0n);
  for (const order of [terms(), terms().toReversed(), terms().toSorted((a, b) => a - b)]) {
    const sum = createExactSum();
    for (const term of order) sum.add(term);
    assertEquals(sum.total(), expected);
  }
});

Deno.test("exact sum: squares too", () => {
  const expected = terms().reduce((sum, term) => sum + BigInt(term) ** 2n, 0n);
  const sum = createExactSum();
  for (const term of terms()) sum.addSquare(term);
  assertEquals(sum.total(), expected);
  sum.addTotal(-expected);
  assertEquals(sum.total(), 0n);
});

Deno.test("exact sum: the larger of its floats is carried when it is full", () => {
  const sum = createExactSum();
  const term = 2 ** 46 - 1;
  // Each adds 2⁴⁰ to the larger float, which has 52 bits.
  for (let i = 0; i < 10_000; i++) sum.addSquare(term);
  assertEquals(sum.total(), 10_000n * BigInt(term) ** 2n);
});
