import { assertEquals, assertLess } from "@std/assert";
import { LruTable } from "../backends/sim_lru_table.ts";

Deno.test("LruTable tells keys apart by both halves", () => {
  const table = new LruTable(10);
  const entry = table.add(1, 2);
  assertEquals([table.find(1, 2), table.size], [entry, 1]);
  for (const [high, low] of [[2, 2], [1, 1], [1, 2 + 1024], [2, 1]] as const) {
    assertLess(table.find(high, low), 0);
  }
  const other = table.add(2, 2);
  assertEquals([table.find(1, 2), table.find(2, 2)], [entry, other]);
});

Deno.test("LruTable grows, and keeps its keys and their order", () => {
  const table = new LruTable(5000);
  for (let key = 0; key < 5000; key++) table.add(key * 7, key % 40);
  for (let key = 0; key < 5000; key++) assertEquals(table.find(key * 7, key % 40), key);
  table.touch(table.find(0, 0));
  // The oldest is now the second, whose place the next one takes.
  assertEquals([table.add(1, 1), table.size], [1, 5000]);
  assertLess(table.find(7, 1), 0);
  assertEquals([table.find(0, 0), table.find(1, 1)], [0, 1]);
});

Deno.test("LruTable drops keys of a bucket that has others", () => {
  const table = new LruTable(3);
  for (const high of [1, 2, 3]) table.add(high, 9);
  table.touch(table.find(1, 9));
  for (const high of [4, 5]) table.add(high, 9);
  assertEquals([1, 2, 3, 4, 5].map((high) => table.find(high, 9) >= 0), [
    true,
    false,
    false,
    true,
    true,
  ]);
});
