import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createHash } from "node:crypto";
import { sharegpt } from "../workloads/dataset_sharegpt.ts";
import type { Dataset, DatasetOptions, TokenCounter } from "../workloads/prompt.ts";
import { UserError } from "../workloads/user_error.ts";

/** One token a word; a BOS where a script counts it. */
const wordCounter: TokenCounter = {
  source: "tokenizer",
  name: "words",
  specialTokens: 1,
  count: (text) => text.split(/\s+/).filter((word) => word !== "").length,
};

function words(count: number, word = "w"): string {
  return Array(count).fill(word).join(" ");
}

/** A conversation: roles by letter, then the turns. */
function talk(id: unknown, roles: string, ...values: unknown[]) {
  const from: Record<string, string> = { h: "human", g: "gpt", s: "system" };
  return {
    id,
    conversations: values.map((value, i) => ({ from: from[roles[i] ?? ""], value })),
  };
}

async function withFile(
  content: unknown,
  run: (path: string, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const bytes = new TextEncoder().encode(text);
  try {
    await Deno.writeFile(path, bytes);
    await run(path, bytes);
  } finally {
    await Deno.remove(path);
  }
}

async function load(
  content: unknown,
  extra: Record<string, unknown> = {},
  options: Partial<DatasetOptions> = {},
): Promise<Dataset> {
  let dataset: Dataset | undefined;
  await withFile(content, async (path) => {
    const base = { path, count: 100, seed: 0, counter: wordCounter, turns: 1 };
    dataset = await sharegpt.load({ ...base, extra, ...options });
  });
  return dataset as Dataset;
}

function ids({ prompts }: Dataset): string[] {
  return prompts.map(({ id }) => id);
}

/** `n` usable conversations: ids "0", "1", …, one more word of prompt for each. */
function usable(n: number) {
  return Array.from({ length: n }, (_, i) => talk(String(i), "hg", words(4 + i % 50), words(5)));
}

Deno.test("sharegpt keeps the limits and leaves out what is beyond them", async () => {
  const dataset = await load([
    talk("shortest", "hg", words(4), words(4)),
    talk("prompt-3", "hg", words(3), words(4)),
    talk("answer-3", "hg", words(4), words(3)),
    talk("prompt-1024", "hg", words(1024), words(1024)),
    talk("prompt-1025", "hg", words(1025), words(4)),
    talk("total-2049", "hg", words(1000), words(1049)),
    talk("alone", "h", words(9)),
    talk("empty", "hg", "", words(9)),
    talk("number", "hg", 5, words(9)),
    { id: "none" },
  ]);
  assertEquals(ids(dataset).sort(), ["prompt-1024", "shortest"]);
  assertEquals(dataset.read, 10);
  assertEquals(dataset.skipped, {
    "prompt under 4 tokens": 1,
    "answer under 4 tokens": 1,
    "prompt over 1024 tokens": 1,
    "prompt and answer over 2048 tokens": 1,
    "has no list of messages (element 9)": 1,
    "fewer than 2 messages": 1,
    "empty message": 2,
  });
  assertEquals(dataset.note, "100 prompts wanted, 2 found");
  const shortest = dataset.prompts.find(({ id }) => id === "shortest");
  assertEquals(shortest, {
    id: "shortest",
    messages: [{ role: "user", content: "w w w w" }],
    promptTokens: { tokens: 4, source: "tokenizer" },
    outputTokens: 4,
  });
});

Deno.test("T24 sharegpt: each limit changes what is taken", async () => {
  const content = [talk("a", "hg", words(10), words(20)), talk("b", "hg", words(5), words(6))];
  const rows: [extra: Record<string, unknown>, expected: string[]][] = [
    [{}, ["a", "b"]],
    [{ minPromptTokens: 6 }, ["a"]],
    [{ minOutputTokens: 7 }, ["a"]],
    [{ maxPromptTokens: 9 }, ["b"]],
    [{ maxTotalTokens: 29 }, ["b"]],
    [{ maxTotalTokens: 30 }, ["a", "b"]],
  ];
  for (const [extra, expected] of rows) {
    assertEquals(ids(await load(content, extra)).sort(), expected, JSON.stringify(extra));
  }
});

Deno.test("sharegpt draws the same prompts for the same seed, in seeded order", async () => {
  const content = usable(50);
  const first = ids(await load(content, {}, { count: 10, seed: 4 }));
  assertEquals(ids(await load(content, {}, { count: 20, seed: 4 })).slice(0, 10), first);
  assert(ids(await load(content, {}, { count: 10, seed: 5 })).join() !== first.join());
  assertEquals(new Set(first).size, 10);
});

Deno.test("T31 sharegpt takes only conversations that a human begins, unless told otherwise", async () => {
  const content = [
    talk("good", "hg", words(5), words(6)),
    talk("gpt-first", "gh", words(5), words(6)),
    talk("two-humans", "hh", words(5), words(6)),
  ];
  const strict = await load(content);
  assertEquals(ids(strict), ["good"]);
  assertEquals(strict.skipped, { "roles not human, gpt, …": 2 });
  const loose = await load(content, { requireHuman: false });
  assertEquals(ids(loose).sort(), ["good", "gpt-first", "two-humans"]);
  for (const { messages } of loose.prompts) assertEquals(messages[0]?.role, "user");
  assertEquals((await load(content, { sampler: "lmdeploy" })).prompts.length, 3);
});

Deno.test("sharegpt keeps roles as messages over several turns", async () => {
  const content = [
    talk("two", "hghg", words(4, "a"), words(4, "b"), words(4, "c"), words(7, "d")),
    talk("one", "hg", words(4), words(4)),
  ];
  const { prompts, skipped } = await load(content, {}, { turns: 2 });
  assertEquals(skipped, { "fewer than 4 messages": 1 });
  assertEquals(prompts[0]?.messages, [
    { role: "user", content: "a a a a" },
    { role: "assistant", content: "b b b b" },
    { role: "user", content: "c c c c" },
  ]);
  assertEquals([prompts[0]?.promptTokens.tokens, prompts[0]?.outputTokens], [12, 7]);
});

Deno.test("sharegpt puts a system prompt in front without changing the choice", async () => {
  const content = [
    talk("a", "hg", words(1024), words(6)),
    talk("own", "shg", "be kind", words(5), words(6)),
  ];
  const { prompts } = await load(content, {}, { systemPrompt: words(10, "s") });
  const byId = Object.fromEntries(prompts.map((prompt) => [prompt.id, prompt]));
  assertEquals(byId.a?.messages.map(({ role }) => role), ["system", "user"]);
  assertEquals(byId.a?.promptTokens.tokens, 1034);
  assertEquals(byId.own?.messages.map(({ content }) => content), [
    words(10, "s"),
    "be kind",
    words(5),
  ]);
});

Deno.test("sharegpt takes answer lengths from outside when they are given", async () => {
  const content = [talk("a", "hg", words(5), words(1)), talk("b", "hg", words(6), words(9))];
  const { prompts } = await load(content, {}, { outputTokens: (index) => 30 + index });
  assertEquals(prompts.map(({ outputTokens }) => outputTokens), [30, 31]);
  const sampled = await load(content, { sampler: "lmdeploy", minOutputTokens: 0 }, {
    outputTokens: (index) => 30 + index,
  });
  assertEquals(sampled.prompts.map(({ outputTokens }) => outputTokens), [30, 31]);
});

Deno.test("sharegpt sampler lmdeploy filters all, then samples as Python does", async () => {
  // 30 pass out of 31; random.seed(0); random.sample(range(30), 10).
  const content = [talk("short", "hg", "w", "w"), ...usable(30)];
  const dataset = await load(content, { sampler: "lmdeploy" }, { count: 10 });
  assertEquals(ids(dataset), ["27", "12", "24", "13", "1", "8", "16", "15", "28", "9"]);
  assertEquals(dataset.skipped, { "prompt under 4 tokens": 1 });
});

Deno.test("sharegpt sampler lmdeploy-presample draws twice from one generator", async () => {
  const dataset = await load(usable(1200), { sampler: "lmdeploy-presample" }, { count: 3 });
  // CPython: random.seed(0); s = random.sample(range(1200), 1000); random.sample(s, 3)
  assertEquals(ids(dataset), ["752", "155", "708"]);
  assertEquals(dataset.note, undefined);
});

Deno.test("T28 sharegpt says when a script would have stopped for lack of samples", async () => {
  const dataset = await load(usable(30), { sampler: "lmdeploy-presample" }, { count: 40 });
  assertEquals(dataset.prompts.length, 30);
  assertEquals(
    dataset.note,
    "40 prompts wanted, 30 found; the script would stop here: it needs 1000 conversations",
  );
});

Deno.test("sharegpt sampler api-bench-tools shuffles with seed 0 and joins turns", async () => {
  const content = Array.from(
    { length: 10 },
    (_, i) => talk(String(i), "hghg", `p${i} a`, "b", "c d", words(1500)),
  );
  const dataset = await load(content, { sampler: "api-bench-tools" }, {
    turns: 2,
    seed: 99,
    systemPrompt: "sys",
  });
  assertEquals(ids(dataset), ["7", "8", "1", "5", "3", "4", "2", "0", "9", "6"]);
  const [first] = dataset.prompts;
  assertEquals(first?.messages, [{ role: "user", content: "sys\np7 a\nb\nc d\n" }]);
  // Six words and BOS; the answer's BOS is counted too, and nothing is too long.
  assertEquals([first?.promptTokens.tokens, first?.outputTokens], [7, 1501]);
});

Deno.test("sharegpt sampler request-rate takes the first turn as it is, with limits", async () => {
  const content = [...usable(9), talk("9", "hg", words(1200), words(9))];
  const dataset = await load(content, { sampler: "request-rate" }, { count: 4, seed: 7 });
  assertEquals(ids(dataset), ["7", "8", "1", "5"]);
  assertEquals(dataset.prompts[0]?.messages, [{ role: "user", content: words(11) }]);
  assertEquals(ids(await load(content, { sampler: "request-rate" })).includes("9"), false);
});

Deno.test("sharegpt counts prompts that repeat an earlier one", async () => {
  const content = ["a", "b", "c"].map((id) => talk(id, "hg", words(5), words(6)));
  assertEquals((await load(content)).duplicates, 2);
});

Deno.test("sharegpt hashes the file and tells progress in bytes", async () => {
  await withFile(usable(20), async (path, bytes) => {
    const told: [number, number][] = [];
    const dataset = await sharegpt.load({
      path,
      count: 3,
      seed: 0,
      counter: wordCounter,
      turns: 1,
      extra: {},
      onProgress: (done, total) => void told.push([done, total]),
    });
    assertEquals(dataset.source, path);
    assertEquals(dataset.sha256, createHash("sha256").update(bytes).digest("hex"));
    assertEquals(told, [[bytes.length, bytes.length], [1, 3], [2, 3], [3, 3]]);
  });
});

Deno.test("sharegpt reads places right in a file of several chunks", async () => {
  // Multi-byte text before each, so that counting characters instead of bytes would go wrong.
  const content = Array.from(
    { length: 3000 },
    (_, i) => talk(`é${i}`, "hg", `${"日本語 ".repeat(60)}number ${i}`, words(40, "🚀")),
  );
  await withFile(content, async (path, bytes) => {
    assert(bytes.length > 2 ** 21, "more than two chunks");
    const { prompts } = await sharegpt.load({
      path,
      count: 50,
      seed: 0,
      counter: wordCounter,
      turns: 1,
      extra: {},
    });
    for (const { id, messages } of prompts) {
      assertMatch(`${messages[0]?.content}`, new RegExp(` number ${id.slice(1)}$`));
    }
  });
});

Deno.test("sharegpt ids come from the file, else from the position", async () => {
  const content = [
    talk(undefined, "hg", words(5), words(6)),
    talk(17, "hg", words(6), words(6)),
    talk("x", "hg", words(7), words(6)),
  ];
  assertEquals(ids(await load(content)).sort(), ["0", "17", "x"]);
});

Deno.test("sharegpt says what is wrong with a file", async () => {
  const rows: [content: unknown, says: string][] = [
    ["", "it is empty"],
    ['{"a": 1}', 'has no list of messages (line 1); the fields found are "a"; for prompts'],
    ["plain words", "use --dataset text"],
    ['[{"id": "a", "conversations": [', "it looks cut off"],
    [[{ prompt: "x" }], 'the fields found are "prompt"; for prompts without answers use --dataset'],
    [[], "it is empty"],
    [[talk("a", "hg", "w", "w")], "it holds 1 conversations, left out: 1 prompt under 4 tokens"],
  ];
  for (const [content, says] of rows) {
    await assertRejects(() => load(content), UserError, says);
  }
  const missing = await assertRejects(() => load([], {}, { path: "nowhere.json" }), UserError);
  assertStringIncludes(missing.message, 'Cannot find the file "nowhere.json"');
  assertStringIncludes(missing.message, "anon8231489123/ShareGPT_Vicuna_unfiltered");
  await assertRejects(() => load([], {}, { path: "." }), UserError, "not a regular file");
});

Deno.test("sharegpt refuses options that a sampler cannot follow", async () => {
  const rows: [extra: Record<string, unknown>, options: Partial<DatasetOptions>, says: string][] = [
    [{ sampler: "random" }, {}, "give one of seeded, lmdeploy"],
    [{ sampler: "lmdeploy" }, { turns: 2 }, "Cannot take 2 turns with --sampler lmdeploy"],
    [{ sampler: "request-rate" }, { outputTokens: () => 3 }, "refuses fewer than 4"],
    [{ maxPromptTokens: 0 }, {}, "--max-prompt-tokens 0"],
    [{}, { turns: 0 }, "0 turns"],
  ];
  for (const [extra, options, says] of rows) {
    await assertRejects(() => load(usable(3), extra, options), UserError, says);
  }
});

const SAMPLES = Deno.env.get("TOKOMETER_SAMPLES");

Deno.test({
  name: "sharegpt gives the ids of the scripts on samples_1024.json (TOKOMETER_SAMPLES)",
  ignore: SAMPLES === undefined,
  fn: async () => {
    const options = { count: 1024, seed: 0, counter: wordCounter, turns: 1, path: SAMPLES ?? "" };
    const extra = { sampler: "api-bench-tools", minPromptTokens: 0, minOutputTokens: 0 };
    const dataset = await sharegpt.load({ ...options, extra });
    assertEquals(ids(dataset).slice(0, 8), [
      "pPMy8dx_64",
      "T2wNcTe_212",
      "7jieDoc_0",
      "Fr5QYZK_0",
      "T01Qw9j_0",
      "ICh5F4Z_0",
      "yXgLvCA_38",
      "fnr3hzP_147",
    ]);
    assertEquals([dataset.read, dataset.prompts.length, dataset.duplicates], [1024, 1024, 10]);
    assertEquals(
      dataset.sha256,
      "7348c8016ee3cbc3d2ecbd4fc8671130166223337d2fd373112f69ff0e34fa37",
    );
  },
});
