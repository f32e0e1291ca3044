import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { PromptSpec } from "../workloads/session.ts";
import { fillIds, fillUnits, layTokens, SALT_TOKENS } from "../workloads/session_prompt_blocks.ts";

function specOf(fields: Partial<PromptSpec> & { readonly ids?: readonly number[] }): PromptSpec {
  const { ids = [], inputTokens = 100, ...rest } = fields;
  return {
    inputTokens,
    blocks: Uint32Array.from(ids),
    blockTokens: 16,
    scope: "s",
    filler: "f",
    borders: [inputTokens],
    hasSystem: false,
    ...rest,
  };
}

const units = (spec: PromptSpec, seed = 1) =>
  layTokens(new Uint8Array(spec.inputTokens), { spec, seed, fill: fillUnits });
const ids = (spec: PromptSpec, size = 1000) =>
  layTokens(new Uint32Array(spec.inputTokens), { spec, seed: 1, fill: fillIds(size) });

Deno.test("layTokens gives the same block for the same id, wherever it stands", () => {
  for (const lay of [units, ids]) {
    const one = lay(specOf({ ids: [7, 8, 9], filler: "one" }));
    const other = lay(specOf({ ids: [9, 1, 7, 7], filler: "other", inputTokens: 64 }));
    assertEquals(other.slice(0, 16), one.slice(32, 48));
    assertEquals(other.slice(32, 48), one.slice(0, 16));
    assertEquals(other.slice(48), one.slice(0, 16));
    assertNotEquals(one.slice(0, 16), one.slice(16, 32));
  }
});

Deno.test("layTokens depends on seed, scope, and id of a block, on seed and name of a filler", () => {
  const base = units(specOf({ ids: [7], inputTokens: 32 }));
  const [block, filler] = [base.slice(0, 16), base.slice(16)];
  for (
    const other of [
      units(specOf({ ids: [7], inputTokens: 32 }), 2),
      units(specOf({ ids: [7], inputTokens: 32, scope: "t" })),
      units(specOf({ ids: [8], inputTokens: 32 })),
    ]
  ) assertNotEquals(other.slice(0, 16), block);
  assertEquals(units(specOf({ ids: [7], inputTokens: 32, filler: "g" })).slice(0, 16), block);
  assertNotEquals(units(specOf({ ids: [7], inputTokens: 32, filler: "g" })).slice(16), filler);
  assertEquals(units(specOf({ ids: [8, 7], inputTokens: 48, scope: "t" })).slice(32), filler);
});

Deno.test("layTokens cuts a last block to its first tokens", () => {
  for (const lay of [units, ids]) {
    const whole = lay(specOf({ ids: [1, 2], inputTokens: 32 }));
    for (const inputTokens of [1, 3, 15, 16, 17, 18, 19, 31]) {
      assertEquals(lay(specOf({ ids: [1, 2], inputTokens })), whole.slice(0, inputTokens));
      assertEquals(lay(specOf({ ids: [1, 2, 3], inputTokens })), whole.slice(0, inputTokens));
    }
  }
});

Deno.test("layTokens puts a mark in the place of tokens, and changes no other", () => {
  const plain = units(specOf({ ids: [1, 2, 3] }));
  for (const at of [0, 5, 16, 95, 99, 100, 120]) {
    const salted = units(specOf({ ids: [1, 2, 3], salt: { mark: "m", at } }));
    assertEquals(salted.length, 100);
    assertEquals(salted.slice(0, at), plain.slice(0, at));
    assertEquals(salted.slice(at + SALT_TOKENS), plain.slice(at + SALT_TOKENS));
    if (at < 95) assertNotEquals(salted, plain);
  }
  const marked = (mark: string, seed: number) =>
    units(specOf({ ids: [1], salt: { mark, at: 3 } }), seed).slice(3, 3 + SALT_TOKENS);
  // Of the mark alone: what is warmed with one seed and measured with another still meets.
  assertEquals(marked("m", 1), marked("m", 2));
  assertNotEquals(marked("m", 1), marked("n", 1));
});

Deno.test("layTokens draws all units alike, and ids away from the ends of the vocabulary", () => {
  const many = specOf({ ids: Array.from({ length: 4000 }, (_, i) => i), inputTokens: 64_000 });
  const counts = new Uint32Array(256);
  for (const unit of units(many)) counts[unit]!++;
  // Mean 250, standard deviation 15.8.
  assert(counts.every((count) => count > 160 && count < 340), counts.join());
  const drawn = ids(many, 160);
  assertEquals([Math.min(...drawn), Math.max(...drawn)], [20, 139]);
  const blocks = new Set(
    Array.from({ length: 4000 }, (_, i) => drawn.slice(16 * i, 16 * i + 8).join()),
  );
  assertEquals(blocks.size, 4000);
});

Deno.test("layTokens gives what it gave when this was written: a seed's prompts are the same for ever", () => {
  assertEquals(
    [...units(specOf({ ids: [3], inputTokens: 20, salt: { mark: "m", at: 2 } }), 42)],
    [103, 200, 251, 39, 45, 124, 68, 187, 74, 124, 41, 240, 57, 155, 217, 197, 199, 234, 98, 102],
  );
});
