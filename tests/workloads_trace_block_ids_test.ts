import { assertEquals } from "@std/assert";
import { blockIds, NO_BLOCKS, sharedLength } from "../workloads/trace_block_ids.ts";

const listed = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

Deno.test("blockIds gives back its ids, whatever it shares them with", () => {
  const a = blockIds(listed(0, 10));
  const b = blockIds([...listed(0, 8), 90, 91, 92], { list: a, shared: 8 });
  const c = blockIds([...listed(0, 8), 90, 70], { list: b, shared: 9 });
  // It keeps what b only passes on.
  const d = blockIds([...listed(0, 3), 60], { list: b, shared: 3 });
  const e = blockIds([...listed(0, 3)], { list: d, shared: 3 });
  assertEquals([...a.toArray()], listed(0, 10));
  assertEquals([...b.toArray()], [...listed(0, 8), 90, 91, 92]);
  assertEquals([...c.toArray()], [...listed(0, 8), 90, 70]);
  assertEquals([...d.toArray()], [0, 1, 2, 60]);
  assertEquals([...e.toArray()], [0, 1, 2]);
  assertEquals([a, b, c, d, e].map(({ length }) => length), [10, 11, 10, 4, 3]);
  assertEquals([...blockIds([2 ** 32 - 1]).toArray()], [2 ** 32 - 1]);
});

Deno.test("blockIds of nothing are no blocks", () => {
  assertEquals(blockIds([]), NO_BLOCKS);
  assertEquals([...NO_BLOCKS.toArray()], []);
  assertEquals([...blockIds([4], { list: NO_BLOCKS, shared: 0 }).toArray()], [4]);
});

Deno.test("blockIds of a long conversation take the memory of what is new in each turn", () => {
  const ids = new Uint32Array(20_000).map((_, i) => i);
  const before = Deno.memoryUsage().external;
  let list = blockIds(ids.subarray(0, 1));
  for (let turn = 1; turn < ids.length; turn++) {
    list = blockIds(ids.subarray(0, turn + 1), { list, shared: turn });
  }
  // All of them apart are 800 MB.
  assertEquals(list.toArray(), ids);
  assertEquals(Deno.memoryUsage().external - before < 20e6, true);
});

Deno.test("sharedLength counts from the front", () => {
  assertEquals(sharedLength([1, 2, 3], [1, 2, 4]), 2);
  assertEquals(sharedLength([1, 2], [1, 2, 4]), 2);
  assertEquals(sharedLength([], [1]), 0);
});
