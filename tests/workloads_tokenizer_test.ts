import { assert, assertEquals, assertRejects } from "@std/assert";
import { estimateCounter, loadTokenizer, splitLongText } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";
import golden from "./fixtures/tokenizers/golden.json" with { type: "json" };

const FIXTURES = new URL("./fixtures/tokenizers/", import.meta.url).pathname;

/** Runs with a temporary folder that holds these files. */
async function inFolder(
  files: Record<string, string | Uint8Array>,
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("loadTokenizer counts tokenizer.json as the reference library does", async () => {
  const counter = await loadTokenizer(`${FIXTURES}byte_level`);
  assertEquals([counter.source, counter.name], ["tokenizer", "byte_level"]);
  golden.texts.forEach((text, i) => {
    const ids = golden.byte_level.ids[i] as number[];
    assertEquals(counter.encode?.(text), ids, JSON.stringify(text));
    assertEquals(counter.count(text), ids.length);
    assertEquals(counter.decode?.(ids), golden.byte_level.decoded[i]);
  });
});

Deno.test("loadTokenizer counts folders with only tokenizer.model", async () => {
  for (const name of ["bpe", "unigram"] as const) {
    const counter = await loadTokenizer(`${FIXTURES}${name}/`);
    assertEquals([counter.source, counter.name], ["tokenizer", name]);
    golden.texts.forEach((text, i) => {
      assertEquals(counter.count(text), golden[name].ids[i]?.length, JSON.stringify(text));
    });
  }
});

Deno.test("loadTokenizer takes the file itself, with or without a configuration", async () => {
  for (const name of ["byte_level/tokenizer.json", "bpe/tokenizer.model"]) {
    const counter = await loadTokenizer(FIXTURES + name);
    assertEquals(counter.name, name.split("/")[0]);
    assert(counter.count("Hello world") >= 2);
  }
  const json = await Deno.readTextFile(`${FIXTURES}byte_level/tokenizer.json`);
  await inFolder({ "my.json": json }, async (folder) => {
    const counter = await loadTokenizer(`${folder}/my.json`);
    assertEquals([counter.name, counter.count("Hello world")], ["my.json", 5]);
  });
});

Deno.test("T29 loadTokenizer counts without BOS and says how many tokens it would add", async () => {
  const counter = await loadTokenizer(`${FIXTURES}byte_level`);
  // The fixture's template puts one <|begin|> in front.
  assertEquals([counter.count(""), counter.specialTokens], [0, 1]);
  const model = await Deno.readFile(`${FIXTURES}bpe/tokenizer.model`);
  const rows: [config: Record<string, unknown>, special: number][] = [
    [{}, 0],
    [{ tokenizer_class: "LlamaTokenizer" }, 1],
    [{ tokenizer_class: "LlamaTokenizer", add_bos_token: false }, 0],
    [{ add_bos_token: true, add_eos_token: true }, 2],
  ];
  for (const [config, special] of rows) {
    const files = { "tokenizer.model": model, "tokenizer_config.json": JSON.stringify(config) };
    await inFolder(files, async (folder) => {
      assertEquals((await loadTokenizer(folder)).specialTokens, special, JSON.stringify(config));
    });
  }
});

Deno.test("loadTokenizer says which file is missing or broken", async () => {
  const rows: [files: Record<string, string>, path: string, says: string][] = [
    [{}, "", "Cannot find tokenizer.json or tokenizer.model in"],
    [{ "vocab.json": "{}" }, "", "save it as tokenizer.json"],
    [{}, "/nowhere", "nothing is downloaded"],
    [{ "vocab.txt": "a" }, "/vocab.txt", "give a folder, a tokenizer.json or a tokenizer.model"],
    [{ "tokenizer.json": "{" }, "", 'tokenizer.json": '],
    [{ "tokenizer.json": "[]" }, "", "it holds no JSON object"],
    [{ "tokenizer.json": "{}" }, "", 'it has no "model"'],
    [{ "tokenizer.json": "{}", "tokenizer_config.json": "x" }, "", "tokenizer_config.json"],
    [
      { "tokenizer.json": "version https://git-lfs.github.com/spec/v1\noid" },
      "",
      "Git LFS pointer",
    ],
    [{ "tokenizer.json": '{"model": {"type": "Nope"}}' }, "", "Cannot use the tokenizer"],
    [{ "tokenizer.model": "nonsense" }, "", "broken or cut off"],
    [{ "tokenizer.model": "IQ== 0\nIg== 1\n" }, "", "tiktoken vocabulary"],
  ];
  for (const [files, path, says] of rows) {
    await inFolder(files, async (folder) => {
      const error = await assertRejects(() => loadTokenizer(folder + path), UserError, says);
      assert(!error.message.endsWith("."), error.message);
    });
  }
});

Deno.test("loadTokenizer counts long texts as the sum of their words", async () => {
  const words = "one two three four five six seven eight nine ten ".repeat(2500);
  for (const name of ["byte_level", "bpe", "unigram"]) {
    const counter = await loadTokenizer(FIXTURES + name);
    const text = words.trim();
    const block = counter.count("x one two three four five six seven eight nine ten") -
      counter.count("x");
    const first = counter.count("one") - (counter.count("x one") - counter.count("x"));
    assertEquals(counter.count(text), 2500 * block + first, name);
  }
});

Deno.test("loadTokenizer counts 140,000 tokens with a unigram tokenizer.json", async () => {
  // In one piece this overflows the stack of the library.
  const vocab = [["<unk>", 0], ["▁", -2], ["▁a", -1], ["b", -2], ["ab", -3]];
  const json = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    post_processor: null,
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    model: { type: "Unigram", unk_id: 0, vocab },
  };
  await inFolder({ "tokenizer.json": JSON.stringify(json) }, async (folder) => {
    const counter = await loadTokenizer(folder);
    assertEquals(counter.count("a a b"), 4);
    // Nine pieces, and without a space to cut at each begins with a space of its own.
    assertEquals(counter.count("b".repeat(140_000)), 140_000 + 9);
  });
});

Deno.test("splitLongText loses nothing but the spaces that it may drop", () => {
  const prose = "word and, more. ".repeat(10_000);
  assertEquals(splitLongText("short text", true), ["short text"]);
  const kept = splitLongText(prose, false);
  assertEquals(kept.join(""), prose);
  assertEquals(splitLongText(prose, true).join(" "), prose);
  for (const piece of kept.slice(1)) assert(/^ [a-z]/.test(piece), piece.slice(0, 10));
  // Without spaces it cuts hard, but never inside a character.
  for (const pad of ["", "x"]) {
    const rockets = pad + "🚀".repeat(60_000);
    const pieces = splitLongText(rockets, false);
    assertEquals(pieces.join(""), rockets);
    for (const piece of pieces) assert(piece.isWellFormed() && piece.length <= 16_000);
  }
});

Deno.test("estimateCounter counts a token for each four bytes begun", () => {
  const rows: [text: string, tokens: number][] = [
    ["", 0],
    ["a", 1],
    ["four", 1],
    ["fives", 2],
    ["é", 1],
    ["日本語", 3],
    ["🚀", 1],
    ["🚀!", 2],
    ["\ud800", 1],
  ];
  for (const [text, tokens] of rows) {
    assertEquals(estimateCounter.count(text), tokens, JSON.stringify(text));
    assertEquals(tokens, Math.ceil(new TextEncoder().encode(text).length / 4));
  }
  assertEquals(estimateCounter.source, "estimate");
  assertEquals(estimateCounter.encode, undefined);
});
