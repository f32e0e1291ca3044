import { assert, assertEquals, assertLess } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { PrefixCache, type PrefixCacheOptions } from "../backends/sim_prefix_cache.ts";
import { simPromptTokens } from "../backends/sim_prompt.ts";

const ids = (...promptIds: number[]) => ({ promptTokens: promptIds.length, promptIds });
const texts = (...promptTexts: string[]) => ({
  promptTokens: simPromptTokens(...promptTexts),
  promptTexts,
});
/** `count` ids from `first` on. */
const run = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

function createCache(given: Partial<PrefixCacheOptions> = {}): PrefixCache {
  return new PrefixCache({ cacheTokens: 0, cacheBlock: 4, ...given });
}

Deno.test("PrefixCache counts whole blocks that an earlier prompt began with", () => {
  const cache = createCache();
  assertEquals(cache.lookUp(ids(...run(0, 11))), 0);
  assertEquals(cache.lookUp(ids(...run(0, 11))), 8);
  // The third block was cut then, and is whole now.
  assertEquals(cache.lookUp(ids(...run(0, 13))), 8);
  assertEquals(cache.lookUp(ids(...run(0, 13))), 12);
  // The same tokens elsewhere are not the same block.
  assertEquals(cache.lookUp(ids(9, 9, 9, 9, ...run(4, 9))), 0);
  assertEquals(cache.lookUp(ids(...run(0, 4), 9, 9, 9, 9, ...run(8, 4))), 4);
  assertEquals(cache.lookUp(ids(1, 2, 3)), 0);
});

Deno.test("PrefixCache leaves at least one token to compute", () => {
  const cache = createCache();
  const asked = [8, 8, 9, 4, 4].map((count) => cache.lookUp(ids(...run(0, count))));
  assertEquals(asked, [0, 4, 8, 0, 0]);
});

Deno.test("PrefixCache takes four bytes of UTF-8 for a token", () => {
  const cache = createCache();
  assertEquals(cache.lookUp(texts("é".repeat(16) + "a")), 0);
  assertEquals(cache.lookUp(texts("é".repeat(16) + "b")), 8);
  assertEquals(cache.lookUp(texts("é".repeat(12) + "cccc" + "é")), 4);
  // Ids are no text, whatever their values.
  assertEquals(cache.lookUp(ids(...new Uint32Array(16).fill(0xa9c3a9c3))), 0);
});

Deno.test("PrefixCache shares the front of a message that goes on", () => {
  const cache = createCache();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((letter) => letter.repeat(16)) as [
    string,
    string,
    string,
    string,
  ];
  assertEquals(cache.lookUp(texts(a + b)), 0);
  // It ends within a block, and at the end of one.
  assertEquals(cache.lookUp(texts(a + b.slice(0, 8), b.slice(8) + c)), 8);
  assertEquals(cache.lookUp(texts(a, b + c)), 4);
  // From the border on, all blocks know it.
  assertEquals(cache.lookUp(texts(a + b.slice(0, 8), b.slice(8) + c + d)), 12);
  assertEquals(cache.lookUp(texts(a + b + c + d)), 8);
  assertEquals(cache.lookUp(texts(a, b + c + d)), 12);
  assertEquals(cache.lookUp(texts(a, "", b + c + d)), 4);
});

Deno.test("PrefixCache drops the blocks used longest ago, the ends of prompts first", () => {
  const cache = createCache({ cacheTokens: 16 });
  const [one, two, three] = [run(0, 13), run(100, 5), run(200, 5)] as const;
  assertEquals(cache.lookUp(ids(...one)), 0);
  assertEquals(cache.lookUp(ids(...two)), 0);
  assertEquals(cache.blocks, 4);
  // The last of its three blocks gave way.
  assertEquals(cache.lookUp(ids(...three)), 0);
  assertEquals(cache.lookUp(ids(...one)), 8);
  // That took the place of `two`, which was used longest ago.
  assertEquals(cache.lookUp(ids(...two)), 0);
  assertEquals(cache.blocks, 4);
});

Deno.test("PrefixCache keeps the front of a prompt that is larger than it", () => {
  const cache = createCache({ cacheTokens: 8 });
  assertEquals(cache.lookUp(ids(...run(0, 40))), 0);
  assertEquals(cache.lookUp(ids(...run(0, 40))), 8);
  assertEquals([cache.lookUp(ids(...run(50, 5))), cache.blocks], [0, 2]);
  assertEquals(cache.lookUp(ids(...run(0, 40))), 4);
});

Deno.test("PrefixCache takes prompts of hundreds of thousands of tokens", () => {
  const cache = createCache({ cacheBlock: 16 });
  const text = "0123456789abcdef".repeat(150_000);
  const other = `${text.slice(0, -100)}é${text.slice(-98)}`;
  assertEquals(cache.lookUp(texts(text)), 0);
  assertEquals(cache.lookUp(texts(text)), 600_000 - 16);
  assertEquals(cache.lookUp(texts(other)), 600_000 - 32);
  assertEquals(cache.blocks, 37_500 + 2);
  // A short one after it is none the worse.
  assertEquals([cache.lookUp(texts("short")), cache.lookUp(texts(text))], [0, 600_000 - 16]);
  assertEquals(cache.lookUp(ids(...run(0, 100_000))), 0);
  assertEquals(cache.lookUp(ids(...run(0, 100_001))), 100_000);
});

Deno.test("PrefixCache forgets on demand", () => {
  const cache = createCache();
  cache.lookUp(ids(...run(0, 9)));
  cache.clear();
  assertEquals([cache.blocks, cache.lookUp(ids(...run(0, 9))), cache.blocks], [0, 0, 2]);
});

/** The same cache, simple and slow: blocks by all that stands before them, in the order of use. */
class PlainCache {
  readonly #blocks = new Set<string>();

  constructor(readonly most: number) {}

  lookUp(prompt: readonly number[]): number {
    const keys: string[] = [];
    for (let end = 4; end <= prompt.length; end += 4) keys.push(prompt.slice(0, end).join());
    const missing = keys.findIndex((key) => !this.#blocks.has(key));
    const found = missing < 0 ? keys.length : missing;
    for (const key of keys.slice(0, this.most).reverse()) {
      this.#blocks.delete(key);
      this.#blocks.add(key);
    }
    // A set remembers the order in which its members came.
    for (const key of this.#blocks) if (this.#blocks.size > this.most) this.#blocks.delete(key);
    const cached = 4 * found;
    return cached < prompt.length ? cached : Math.max(0, cached - 4);
  }
}

Deno.test("PrefixCache does what a simple one does, through thousands of prompts", () => {
  const random = createRandom(1, "prompts");
  for (const most of [3, 40, 2000]) {
    const cache = createCache({ cacheTokens: 4 * most });
    const plain = new PlainCache(most);
    let hits = 0;
    for (let i = 0; i < 1500; i++) {
      // A tree of prompts: every eighth token has two ways to go on.
      const length = 1 + Math.floor(random.next() * 90);
      const prompt = run(0, length).map((at) =>
        at % 8 === 0 ? at + 1000 * (random.uint32() & 1) : at
      );
      const cached = cache.lookUp(ids(...prompt));
      assertEquals(cached, plain.lookUp(prompt), `${most} blocks, prompt ${i}`);
      hits += cached;
      assert(cache.blocks <= most);
    }
    assertLess(0, hits);
  }
});
