import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import {
  LARGEST_PACKED,
  packNumbers,
  packSparse,
  unpackNumbers,
  unpackSparse,
} from "../metrics/state_numbers.ts";

Deno.test("packNumbers: whole numbers come back, small ones take a character", () => {
  const random = createRandom(1, "numbers");
  const numbers = [0, 1, -1, 15, 16, -16, 511, 512, 2 ** 31, -(2 ** 32), LARGEST_PACKED];
  for (let i = 0; i < 2000; i++) {
    numbers.push(Math.round((random.next() - 0.5) * 2 ** (52 * random.next())) + 0);
  }
  assertEquals([...unpackNumbers(packNumbers(numbers), 5000)], numbers);
  assertStrictEquals(packNumbers([0, 1, -1, 15, -15]), "ACDef");
  assertStrictEquals(packNumbers([16]).length, 2);
  assertEquals([...unpackNumbers("", 0)], []);
});

Deno.test("packNumbers: what is no such number becomes the nearest", () => {
  const near = [...unpackNumbers(packNumbers([0.4, -0.4, 2.6, NaN, 1e300, -Infinity]), 6)];
  assertEquals(near, [0, 0, 3, 0, LARGEST_PACKED, -LARGEST_PACKED]);
});

Deno.test("unpackNumbers takes no other text, and no more than it was told of", () => {
  for (
    const [wrong, said] of [
      [5, "no text"],
      ["A-", "no text"],
      ["é", "no text"],
      ["\uD800", "no text"],
      // More digits are to follow.
      ["g", "no text"],
      ["g".repeat(40), "no text"],
      ["AAAA", "more than 3"],
      ["//////////f", "too large"],
    ] as const
  ) {
    assertThrows(() => unpackNumbers(wrong, 3), TypeError, said, String(wrong));
  }
});

Deno.test("packSparse: counts at their positions, nothing for the others", () => {
  const counts = new Float64Array(1000);
  counts[0] = 3;
  counts[7] = 0.25;
  counts[999] = -2;
  const text = packSparse(counts, 4);
  assertEquals([...unpackSparse(text, 1000)], [0, 12, 7, 1, 999, -8]);
  assertThrows(() => unpackSparse(text, 999), TypeError, "not below 999");
  assertThrows(() => unpackSparse(packNumbers([3, 1, 0, 1]), 9), TypeError, "do not ascend");
  assertThrows(() => unpackSparse(packNumbers([-1, 1]), 9), TypeError, "do not ascend");
  assertThrows(() => unpackSparse(packNumbers([1]), 9), TypeError, "missing");
  assertStrictEquals(packSparse(new Float64Array(5)), "");
});
