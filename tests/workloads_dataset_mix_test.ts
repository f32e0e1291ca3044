import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { loadMix, type MixClass } from "../workloads/dataset_mix.ts";
import { findDataset } from "../workloads/datasets.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";

function load(classes: readonly MixClass[], count: number, seed = 0) {
  return loadMix(classes, {
    ...{ count, seed, stretches: [count], find: findDataset, counter: estimateCounter },
    ...{ turns: 1, extra: {} },
  });
}

function lines(...texts: readonly string[]): string {
  return texts.map((prompt) => `${JSON.stringify({ prompt, output_tokens: 4 })}\n`).join("");
}

Deno.test("a mix takes each class's prompts in their order, and says what its files are", async () => {
  await inTempFolder(async (folder) => {
    const [chat, code] = [`${folder}/chat.jsonl`, `${folder}/code.jsonl`];
    await Deno.writeTextFile(chat, lines("one chat", "two chat", "three chat") + "broken\n");
    await Deno.writeTextFile(code, lines(...Array.from({ length: 20 }, (_, i) => `code ${i}`)));
    const classes: MixClass[] = [
      { name: "chat", weight: 70, dataset: "jsonl", path: chat, extra: {} },
      { name: "code", weight: 30, dataset: "jsonl", path: code, extra: {} },
    ];
    const mix = await load(classes, 30);
    const of = (name: string) => mix.prompts.filter((prompt) => prompt.class === name);
    assertEquals([mix.prompts.length, of("chat").length, of("code").length], [30, 21, 9]);
    // Too few: they are sent again from the first, in the same order.
    const ids = of("chat").map(({ id }) => id);
    assertEquals(ids.slice(0, 3), ids.slice(3, 6));
    assertEquals(new Set(ids).size, 3);
    assertEquals(new Set(of("code").map(({ id }) => id)).size, 9);
    assertEquals(ids.every((id) => id.startsWith("chat/")), true);
    assertEquals(mix.remarks?.some((text) => /^class chat: .*sent again/.test(text)), true);
    assertEquals(
      mix.parts?.map((part) => [part.class, part.source.endsWith(`${part.class}.jsonl`)]),
      [
        ["chat", true],
        ["code", true],
      ],
    );
    assertEquals(mix.parts?.map(({ prompts }) => prompts), [3, 9]);
    assertEquals(mix.parts?.every(({ sha256 }) => sha256?.length === 64), true);
    assertNotEquals(mix.parts?.[0]?.sha256, mix.sha256);
    // The same bytes and shares: the same hash.
    assertEquals((await load(classes, 10, 5)).sha256, mix.sha256);
    await Deno.writeTextFile(code, lines("other"));
    assertNotEquals((await load(classes, 10)).sha256, mix.sha256);
  });
});

Deno.test("classes of one generator send other prompts, and more of one changes no other", async () => {
  const synthetic = (name: string, weight: number): MixClass => ({
    ...{ name, weight, dataset: "synthetic", extra: { inputTokens: "32" } },
    ...{ outputTokens: "9" },
  });
  const { prompts } = await load([synthetic("a", 1), synthetic("b", 1)], 20);
  const texts = prompts.map(({ messages }) => messages[0]!.content);
  assertEquals(new Set(texts).size, 20);
  assertEquals(new Set(prompts.map(({ outputTokens }) => outputTokens)), new Set([9]));
  const more = await load([synthetic("a", 3), synthetic("b", 1)], 20);
  const firstOf = (list: typeof prompts) =>
    list.find((prompt) => prompt.class === "b")!.messages[0]!.content;
  assertEquals(firstOf(more.prompts), firstOf(prompts));
});

Deno.test("a class that few requests do not reach needs a good file, too", async () => {
  const classes: MixClass[] = [
    { name: "a", weight: 1e6, dataset: "sample", extra: {} },
    { name: "b", weight: 1, dataset: "jsonl", path: "/nowhere/b.jsonl", extra: {} },
  ];
  await assertRejects(() => load(classes, 2), UserError, "/nowhere/b.jsonl");
});
