import { assertEquals } from "@std/assert";
import { PerfectCache, sharingOf } from "../workloads/trace_sharing.ts";
import { blockIds } from "../workloads/trace_block_ids.ts";
import type { Trace } from "../workloads/trace.ts";

const request = (ids: readonly number[], inputTokens = 10 * ids.length, salt?: string) => ({
  scope: "s",
  blocks: Uint32Array.from(ids),
  blockTokens: 10,
  inputTokens,
  ...(salt === undefined ? {} : { salt }),
});

Deno.test("PerfectCache has what was seen from the front, in whole blocks", () => {
  const cache = new PerfectCache();
  assertEquals(cache.see(request([0, 1, 2])), 0);
  assertEquals(cache.see(request([0, 1, 2])), 30);
  // 7 was not seen, so 2 behind it does not count.
  assertEquals(cache.see(request([0, 7, 2])), 10);
  assertEquals(cache.see(request([0, 7, 2])), 30);
  // The last block is cut.
  assertEquals(cache.see(request([0, 1, 2], 25)), 20);
  assertEquals(cache.seeBlocks(request([0, 1, 2], 25)), 3);
  // It was never seen whole.
  assertEquals([cache.see(request([0, 8], 15)), cache.see(request([0, 8]))], [10, 10]);
  // Tokens behind the last id are nobody's.
  assertEquals(cache.see(request([0], 19)), 10);
  assertEquals(cache.see(request([], 5)), 0);
});

Deno.test("PerfectCache sees a list of blocks that shares its memory", () => {
  const cache = new PerfectCache();
  const list = blockIds([1, 2]);
  const longer = blockIds([1, 2, 3], { list, shared: 2 });
  const rest = { scope: "s", blockTokens: 10 };
  assertEquals(cache.see({ ...rest, blocks: list, inputTokens: 20 }), 0);
  assertEquals(cache.see({ ...rest, blocks: longer, inputTokens: 30 }), 20);
});

Deno.test("PerfectCache keeps scopes and salts apart, and can forget one", () => {
  const cache = new PerfectCache();
  cache.see(request([0, 1], 20, "a"));
  assertEquals(cache.see(request([0, 1], 20, "b")), 0);
  assertEquals(cache.see({ ...request([0, 1], 20, "a"), scope: "t" }), 0);
  assertEquals(cache.see(request([0, 1], 20, "a")), 20);
  cache.forget({ scope: "s", salt: "a" });
  assertEquals(cache.see(request([0, 1], 20, "a")), 0);
  assertEquals(cache.see(request([0, 1], 20, "b")), 20);
});

Deno.test("PerfectCache agrees with a set, for any ids and many of them", () => {
  const cache = new PerfectCache();
  const seen = new Set<number>();
  let state = 7;
  const draw = () => state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  for (let i = 0; i < 20_000; i++) {
    // A few small ids again and again, others of all sizes.
    const ids = [i % 2 === 0 ? draw() >>> 18 : draw(), draw()];
    let shared = 0;
    while (shared < 2 && seen.has(ids[shared]!)) shared++;
    assertEquals(cache.seeBlocks(request(ids)), shared);
    for (const id of ids) seen.add(id);
  }
});

Deno.test("sharingOf tells what is shared in a session from what is shared with others", () => {
  const turn = (atMs: number, ids: readonly number[], inputTokens: number) => ({
    atMs,
    waitsFor: [],
    delayMs: 0,
    chain: 0,
    number: 1,
    prompt: { kind: "blocks" as const, inputTokens, blocks: blockIds(ids) },
  });
  const session = (id: string, turns: Trace["sessions"][number]["turns"]) => ({
    id,
    scope: "all",
    chains: [],
    models: [],
    turns,
  });
  const trace: Trace = {
    format: "x",
    source: "x",
    sha256: "",
    blockTokens: 10,
    hasSessions: true,
    hasInstants: true,
    history: "recorded",
    skipped: {},
    remarks: [],
    sessions: [
      // The second turn is later than the other session's.
      session("a", [turn(0, [1, 2], 20), turn(9, [1, 2, 5], 30)]),
      session("b", [turn(5, [1, 5], 20)]),
    ],
  };
  assertEquals(sharingOf(trace), {
    requests: 3,
    blocks: 7,
    seenBlocks: 4,
    inputTokens: 70,
    cachedTokens: 10 + 30,
    cachedInSession: 20,
  });
});

Deno.test("what stands before a mark is shared by prompts of other marks", () => {
  const cache = new PerfectCache();
  const see = (salt: string, ids: readonly number[], saltAt = 20) =>
    cache.see({
      ...{ scope: "file", salt, saltAt, blocks: Uint32Array.from(ids), blockTokens: 8 },
      inputTokens: 8 * ids.length,
    });
  assertEquals(see("a", [1, 2, 3, 4]), 0);
  assertEquals(see("a", [1, 2, 3, 4, 5]), 32);
  // The mark stands in the third block.
  assertEquals(see("b", [1, 2, 3, 4, 5]), 16);
  assertEquals(see("b", [1, 2, 3, 4, 5]), 40);
  // At the very front nothing is shared.
  assertEquals(see("c", [1, 2, 3], 0), 0);
  cache.forget({ scope: "file", salt: "b" });
  assertEquals(see("b", [1, 2, 3, 4, 5]), 16);
  // Another system message shares nothing behind it either.
  assertEquals(see("a", [9, 2, 3, 4]), 0);
});
