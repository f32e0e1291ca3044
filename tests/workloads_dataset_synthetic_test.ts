import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { synthetic } from "../workloads/dataset_synthetic.ts";
import type { Dataset, DatasetOptions, Prompt, TokenCounter } from "../workloads/prompt.ts";
import { estimateCounter, loadTokenizer } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";

const FIXTURES = new URL("./fixtures/tokenizers/", import.meta.url).pathname;

function make(
  { salt = "run-1", ...extra }: Record<string, unknown> & { readonly salt?: string },
  options: Partial<DatasetOptions> = {},
) {
  return synthetic.load({
    count: 20,
    seed: 1,
    counter: estimateCounter,
    turns: 1,
    salt,
    extra,
    ...options,
  });
}

function textOf({ messages }: Prompt): string {
  return messages.map(({ content }) => content).join("\n");
}

function texts(dataset: Dataset): string[] {
  return dataset.prompts.map(textOf);
}

async function counters(): Promise<TokenCounter[]> {
  const loaded = ["byte_level", "bpe", "unigram"].map((name) => loadTokenizer(FIXTURES + name));
  return [estimateCounter, ...await Promise.all(loaded)];
}

Deno.test("T33 synthetic prompts re-encode to exactly the length wanted", async () => {
  for (const counter of await counters()) {
    for (const tokens of [1, 2, 3, 5, 8, 16, 33, 128, 1000]) {
      const dataset = await make({ inputTokens: String(tokens) }, { counter, count: 8 });
      for (const prompt of dataset.prompts) {
        assertEquals(counter.count(textOf(prompt)), tokens, `${counter.name} ${tokens}`);
        assertEquals(prompt.promptTokens, { tokens, source: counter.source });
      }
    }
  }
});

Deno.test("synthetic prompts follow the distribution wanted", async () => {
  const counter = await loadTokenizer(`${FIXTURES}byte_level`);
  const { prompts } = await make({ inputTokens: "uniform:10:12" }, { counter, count: 60 });
  const lengths = prompts.map((prompt) => counter.count(textOf(prompt)));
  assertEquals([...new Set(lengths)].sort(), [10, 11, 12]);
});

Deno.test("synthetic prompts share no beginning, within a run and between runs", async () => {
  const counter = await loadTokenizer(`${FIXTURES}byte_level`);
  const sets = [
    await make({ inputTokens: "64" }, { counter, count: 100 }),
    await make({ inputTokens: "64", salt: "run-2" }, { counter, count: 100 }),
    await make({ inputTokens: "64" }, { counter, count: 100, seed: 2 }),
  ];
  const beginnings = sets.flatMap(texts).map((text) => text.slice(0, 8));
  assertEquals(new Set(beginnings).size, 300);
  for (const beginning of beginnings) assertMatch(beginning, /^[a-z]{8}$/);
  assertEquals(sets.map(({ duplicates }) => duplicates), [0, 0, 0]);
});

Deno.test("synthetic prompts are the same for the same seed and salt, however many", async () => {
  const few = texts(await make({}, { count: 5 }));
  assertEquals(texts(await make({}, { count: 9 })).slice(0, 5), few);
  assertNotEquals(texts(await make({ salt: "other" }, { count: 5 })), few);
});

Deno.test("synthetic counts prompts that are too short to differ", async () => {
  const counter = await loadTokenizer(`${FIXTURES}byte_level`);
  const { prompts, duplicates } = await make({ inputTokens: "1" }, { counter, count: 500 });
  assertEquals(duplicates, 500 - new Set(prompts.map(textOf)).size);
  assert(duplicates > 0);
});

Deno.test("synthetic puts a common prefix of exact length in front", async () => {
  for (const counter of await counters()) {
    const dataset = await make({ inputTokens: "20", prefixTokens: 40 }, { counter, count: 6 });
    const [first = "", ...others] = texts(dataset);
    for (const text of [first, ...others]) assertEquals(counter.count(text), 60, counter.name);
    let common = 0;
    while (others.every((text) => text[common] === first[common])) common++;
    const prefix = first.slice(0, common).trimEnd();
    // The next word's first letters may happen to be equal.
    assert(Math.abs(counter.count(prefix) - 40) <= 1, `${counter.name} ${counter.count(prefix)}`);
  }
  const run = async (salt: string) =>
    texts(await make({ prefixTokens: 40, salt }))[0]?.slice(0, 30);
  assertNotEquals(await run("a"), await run("b"), "another run, another prefix");
});

Deno.test("T30 synthetic token ids are seeded and distinct", async () => {
  const extra = { inputTokens: "16", tokenIds: true, vocab: 32_000 };
  const dataset = await make(extra, { count: 50 });
  const ids = dataset.prompts.map(({ tokenIds }) => tokenIds ?? []);
  assertEquals(ids.map((list) => list.length), Array(50).fill(16));
  assertEquals(new Set(ids.map((list) => list.join())).size, 50);
  assertEquals(dataset.duplicates, 0);
  // An eighth at each end is left to special tokens.
  assert(ids.flat().every((id) => id >= 4000 && id < 28_000));
  assertEquals((await make(extra, { count: 50 })).prompts, dataset.prompts);
  assertNotEquals((await make(extra, { seed: 2 })).prompts[0]?.tokenIds, ids[0]);
  assertEquals(dataset.prompts[0]?.promptTokens, { tokens: 16, source: "ids" });
  assertEquals(dataset.prompts[0]?.messages, []);
});

Deno.test("synthetic token ids of a tokenizer are those of the text", async () => {
  const counter = await loadTokenizer(`${FIXTURES}bpe`);
  const extra = { inputTokens: "24", prefixTokens: 8, tokenIds: true };
  const { prompts } = await make(extra, { counter });
  for (const prompt of prompts) {
    assertEquals(prompt.tokenIds, counter.encode?.(textOf(prompt)));
    assertEquals(prompt.promptTokens, { tokens: 32, source: "ids" });
  }
  const random = (await make({ ...extra, vocab: 1200 }, { counter })).prompts;
  const starts = new Set(random.map(({ tokenIds }) => tokenIds?.slice(0, 8).join()));
  assertEquals(starts.size, 1);
});

Deno.test("T24 synthetic answers have the length given, else 128 tokens", async () => {
  const lengths = (dataset: Dataset) => dataset.prompts.map(({ outputTokens }) => outputTokens);
  assertEquals(lengths(await make({}, { count: 2 })), [128, 128]);
  assertEquals(
    lengths(await make({}, { count: 3, outputTokens: (index) => 10 + index })),
    [10, 11, 12],
  );
});

Deno.test("synthetic puts a system prompt in front and counts it", async () => {
  const { prompts } = await make({ inputTokens: "10" }, { systemPrompt: "x".repeat(39) });
  assertEquals(prompts[0]?.messages.map(({ role }) => role), ["system", "user"]);
  // 39 bytes and the line break are 10 estimated tokens.
  assertEquals(prompts[0]?.promptTokens, { tokens: 20, source: "estimate" });
});

Deno.test("synthetic names its recipe", async () => {
  const { source, read, skipped } = await make({ inputTokens: "uniform:5:9", prefixTokens: 3 });
  assertEquals(source, "synthetic, uniform:5:9 tokens after 3 in common, salt run-1");
  assertEquals([read, skipped], [20, {}]);
});

Deno.test("synthetic tells progress to the end", async () => {
  const told: number[] = [];
  const onProgress = (done: number) => void told.push(done);
  await make({ inputTokens: "5000" }, { count: 50, onProgress });
  assertEquals(told.at(-1), 50);
  assertEquals(told, told.toSorted((a, b) => a - b));
  assert(told.length > 1, "a long load pauses");
});

Deno.test("synthetic makes its first prompt alone as with others, and gives up when told to", async () => {
  const extra = { inputTokens: "30", prefixTokens: 4, salt: "s" };
  const { prompts: [alone] } = await make(extra, { count: 1 });
  assertEquals(alone, (await make(extra, { count: 20 })).prompts[0]);
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => make({ inputTokens: "5000" }, { count: 50, signal }), Error, "enough");
});

Deno.test("synthetic refuses what has no effect or cannot be made", async () => {
  const rows: [extra: Record<string, unknown>, options: Partial<DatasetOptions>, says: string][] = [
    [{}, { turns: 2 }, "Cannot make synthetic prompts of 2 turns"],
    [{ tokenIds: true }, {}, "give --tokenizer PATH, or --vocab N"],
    [{ vocab: 100 }, {}, "without --token-ids"],
    [{ vocab: 5, tokenIds: true }, {}, "at least 16"],
    [{ tokenIds: true, vocab: 100 }, { systemPrompt: "x" }, "system prompt"],
    [{ inputTokens: "few" }, {}, 'Cannot use --input-tokens "few"'],
    [{ prefixTokens: -1 }, {}, "--prefix-tokens -1"],
  ];
  for (const [extra, options, says] of rows) {
    await assertRejects(() => make(extra, options), UserError, says);
  }
  const stubborn: TokenCounter = {
    source: "tokenizer",
    name: "pairs",
    count: (text) => 2 * Math.ceil(text.length / 2),
  };
  await assertRejects(
    () => make({ inputTokens: "7" }, { counter: stubborn }),
    UserError,
    "Cannot make a prompt of exactly 7 tokens with the tokenizer pairs",
  );
});

/** Counters of tokenizers that join words across blanks, each in its way. */
const MELTING: Readonly<Record<string, (text: string) => number>> = {
  /** The same word again costs nothing, so that words look cheap when they are measured. */
  repeats(text) {
    const words = text.split(" ");
    return words.filter((word, i) => word !== words[i - 1]).length;
  },
  /** Pairs of words whose letters add up to an even number are one token, and letters are two. */
  pairs(text) {
    const words = text.split(" ").filter((word) => word !== "");
    let tokens = 0;
    for (let i = 0; i < words.length; i++) {
      const next = words[i + 1];
      if (next !== undefined && (words[i]! + next).length % 2 === 0) i++;
      tokens += words[i]!.length === 1 ? 2 : 1;
    }
    return tokens;
  },
  /** Runs of words melt by their first letters, up to five at once. */
  runs(text) {
    const words = text.split(" ").filter((word) => word !== "");
    let tokens = 0;
    for (let i = 0; i < words.length; tokens++) {
      const last = Math.min(words.length, i + 1 + words[i]!.charCodeAt(0) % 5);
      i = last;
    }
    return tokens;
  },
};

Deno.test("synthetic prompts are exact where a tokenizer melts words across blanks", async (t) => {
  for (const [name, count] of Object.entries(MELTING)) {
    await t.step(name, async () => {
      const counter: TokenCounter = { source: "tokenizer", name, count };
      for (const inputTokens of ["1", "2", "17", "128", "1000"]) {
        const { prompts } = await make({ inputTokens }, { counter, count: 10 });
        assertEquals(
          prompts.map((prompt) => count(textOf(prompt))),
          Array(10).fill(Number(inputTokens)),
        );
      }
      const common = await make({ inputTokens: "40", prefixTokens: 30 }, { counter, count: 5 });
      assertEquals(common.prompts.map((prompt) => count(textOf(prompt))), Array(5).fill(70));
    });
  }
});
