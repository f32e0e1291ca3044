import { assert, assertEquals } from "@std/assert";
import { sample } from "../workloads/dataset_sample.ts";
import conversations from "../workloads/dataset_sample.json" with { type: "json" };
import { estimateCounter } from "../workloads/tokenizer.ts";

const OPTIONS = { count: 1000, seed: 0, counter: estimateCounter, turns: 1, extra: {} };

Deno.test("sample holds 50 conversations in ShareGPT's format", () => {
  assertEquals(conversations.length, 50);
  assertEquals(new Set(conversations.map(({ id }) => id)).size, 50);
  for (const { id, conversations: turns } of conversations) {
    assert(turns.length >= 2 && turns.length % 2 === 0 && turns.length <= 6, id);
    turns.forEach(({ from, value }, i) => {
      assertEquals(from, i % 2 === 0 ? "human" : "gpt", id);
      assert(value.trim() !== "", id);
    });
  }
});

Deno.test("sample gives prompts without a file, all different", async () => {
  const dataset = await sample.load(OPTIONS);
  const left = Object.values(dataset.skipped).reduce((sum, times) => sum + times, 0);
  assertEquals(dataset.prompts.length + left, 50);
  assert(dataset.prompts.length >= 45, JSON.stringify(dataset.skipped));
  assertEquals(dataset.duplicates, 0);
  assertEquals(dataset.note, `1000 prompts wanted, ${dataset.prompts.length} found`);
  assertEquals(dataset.prompts[0]?.promptTokens.source, "estimate");
  assertEquals(dataset.sha256?.length, 64);
});

Deno.test("sample has conversations of two and three turns", async () => {
  const two = await sample.load({ ...OPTIONS, turns: 2 });
  const three = await sample.load({ ...OPTIONS, turns: 3 });
  assertEquals(two.prompts.every(({ messages }) => messages.length === 3), true);
  assertEquals([two.prompts.length, three.prompts.length], [9, 2]);
});

Deno.test("sample draws by seed", async () => {
  const draw = async (seed: number) =>
    (await sample.load({ ...OPTIONS, count: 5, seed })).prompts.map(({ id }) => id);
  assertEquals(await draw(1), await draw(1));
  assert((await draw(1)).join() !== (await draw(2)).join());
});
