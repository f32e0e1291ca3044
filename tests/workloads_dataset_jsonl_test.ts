import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { jsonl } from "../workloads/dataset_jsonl.ts";
import { readLines } from "../workloads/line_stream.ts";
import type { Dataset, DatasetOptions } from "../workloads/prompt.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";

async function load(
  content: string | Uint8Array,
  options: Partial<DatasetOptions> = {},
): Promise<Dataset> {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(path, bytes);
    const base = { path, count: 100, seed: 0, counter: estimateCounter, turns: 1, extra: {} };
    return await jsonl.load({ ...base, ...options });
  } finally {
    await Deno.remove(path);
  }
}

function lines(...rows: unknown[]): string {
  return rows.map((row) => JSON.stringify(row) + "\n").join("");
}

Deno.test("jsonl reads each kind of line", async () => {
  const { prompts, read } = await load(lines(
    { prompt: "four", output_tokens: 7 },
    { id: "x", text: "eight by", max_tokens: 9 },
    { id: 3, prompt: "p", completion: "12 letters .", ignored: true },
    { messages: [{ role: "user", content: "hi" }], output_tokens: 1 },
    {
      messages: [
        { role: "developer", content: "be brief" },
        { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
        { role: "assistant", content: "eight by" },
      ],
    },
  ));
  assertEquals(read, 5);
  assertEquals(prompts.map(({ id }) => id), ["1", "x", "3", "4", "5"]);
  assertEquals(prompts.map(({ outputTokens }) => outputTokens), [7, 9, 3, 1, 2]);
  assertEquals(prompts.map(({ promptTokens }) => promptTokens.tokens), [1, 2, 1, 1, 3]);
  assertEquals(prompts[1]?.messages, [{ role: "user", content: "eight by" }]);
  assertEquals(prompts[4]?.messages, [
    { role: "developer", content: "be brief" },
    { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
  ]);
});

Deno.test("jsonl keeps the file's order and takes the first ones", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => ({ id: `r${i}`, prompt: "p", max_tokens: 1 }));
  const { prompts, read, duplicates, note } = await load(lines(...rows), { count: 3 });
  assertEquals(prompts.map(({ id }) => id), ["r0", "r1", "r2"]);
  assertEquals([read, duplicates, note], [30, 2, undefined]);
  assertEquals((await load(lines(...rows))).note, "100 prompts wanted, 30 found");
});

Deno.test("jsonl shuffles by seed when asked to", async () => {
  const rows = Array.from(
    { length: 30 },
    (_, i) => ({ id: `r${i}`, prompt: `é${i}`, max_tokens: 1 }),
  );
  const draw = async (seed: number) =>
    (await load(lines(...rows), { count: 5, seed, extra: { order: "seeded" } })).prompts;
  const first = await draw(1);
  assertEquals(await draw(1), first);
  assertEquals(
    first.map(({ id }) => id.slice(1)),
    first.map(({ messages }) => `${messages[0]?.content}`.slice(1)),
  );
  assertEquals(
    (await draw(2)).map(({ id }) => id).join() === first.map(({ id }) => id).join(),
    false,
  );
});

Deno.test("jsonl order api-bench-tools shuffles with seed 0 and joins messages", async () => {
  const rows = Array.from({ length: 10 }, (_, i) => ({
    id: i,
    messages: [{ content: `m${i}` }, { content: "n" }],
  }));
  const { prompts } = await load(lines(...rows), { extra: { order: "api-bench-tools" }, seed: 5 });
  assertEquals(prompts.map(({ id }) => Number(id)), [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
  assertEquals(prompts[0]?.messages, [{ role: "user", content: "m7\nn" }]);
  assertEquals(prompts[0]?.outputTokens, 200);
});

Deno.test("T24 jsonl puts the system prompt in front and takes lengths from outside", async () => {
  const content = lines(
    { prompt: "p", output_tokens: 5 },
    { messages: [{ role: "system", content: "own" }, { role: "user", content: "u" }] },
  );
  const { prompts } = await load(content, { systemPrompt: "sys", outputTokens: (i) => 50 + i });
  assertEquals(prompts.map(({ outputTokens }) => outputTokens), [50, 51]);
  assertEquals(prompts.map(({ messages }) => messages[0]), [
    { role: "system", content: "sys" },
    { role: "system", content: "sys\n\nown" },
  ]);
  assertEquals(prompts.map(({ messages }) => messages.length), [2, 2]);
});

Deno.test("jsonl reads CRLF, blank lines, a byte order mark and a last line without its break", async () => {
  const content =
    '\ufeff{"id":"a","prompt":"x","max_tokens":1}\r\n\r\n  \n{"id":"b","prompt":"y","max_tokens":1}';
  assertEquals((await load(content)).prompts.map(({ id }) => id), ["a", "b"]);
});

Deno.test("jsonl leaves out rows that it cannot use, and says where they stand and why", async () => {
  const good = '{"prompt":"p","max_tokens":1}\n';
  const rows: [line: string, says: string][] = [
    ["{", "is not JSON"],
    ["7", "is neither an object nor a text"],
    ["null", "is neither an object nor a text"],
    ["{}", "has no field that is known as a prompt"],
    [
      '{"prompt":"p","messages":[{"role":"user","content":"x"}]}',
      "has messages and prompt: say which",
    ],
    ['{"prompt":""}', "has a prompt that is empty or no text"],
    ['{"prompt":7}', "has a prompt that is empty or no text"],
    ['{"prompt":["a","b"]}', "has several prompts in one request"],
    ['{"messages":[]}', "has a messages that is empty or no text"],
    ['{"messages":[{"role":"robot","content":"x"}]}', 'has messages with the role "robot"'],
    ['{"messages":[null]}', "with a message that is no object"],
    ['{"messages":[{"role":"user","content":null}]}', "with a message that is not text"],
    ['{"messages":[{"role":"user","content":5}]}', "with a message that is not text"],
    ['{"messages":[{"role":"user","content":""}]}', "has messages without any text"],
    ['{"prompt":"p","max_tokens":0}', "has a max_tokens that is no whole number above 0"],
    ['{"prompt":"p","output_tokens":1.5}', "has a output_tokens that is no whole number above 0"],
    ['{"custom_id":"a","url":"/v1/embeddings","body":{"input":"x"}}', "for another call than"],
    ['{"custom_id":"a","method":"GET","body":{"prompt":"x"}}', "is no POST"],
    ['{"custom_id":"a","body":{"model":"x"}}', "has a body without messages and prompt"],
    ["[".repeat(100_000) + "]".repeat(100_000), "is nested deeper than 200 levels"],
  ];
  for (const [line, says] of rows) {
    const { prompts, read, skipped, bad } = await load(`${good}${line}\n${good}`);
    assertEquals([prompts.length, read], [2, 3], line.slice(0, 80));
    const [[reason, count]] = Object.entries(skipped) as [[string, number]];
    assertStringIncludes(reason, says);
    assertStringIncludes(reason, "(line 2)");
    assertEquals(count, 1);
    assertStringIncludes(bad ?? "", "1 of 3 lines left out: it ");
  }
  const latin1 = new Uint8Array([...new TextEncoder().encode(good), 0x22, 0xe9, 0x22]);
  assertStringIncludes((await load(latin1)).bad ?? "", "it is not UTF-8");
});

Deno.test("jsonl refuses a file of which more than half is bad, with the reasons", async () => {
  const good = '{"prompt":"p","max_tokens":1}\n';
  const error = await assertRejects(() => load(good.repeat(3) + "{\n".repeat(4)), UserError);
  assertStringIncludes(error.message, "4 of 7 lines left out: it is not JSON (lines 4, 5, 6 …)");
  assertEquals((await load(good.repeat(4) + "{\n".repeat(4))).prompts.length, 4);
  const roles = Array.from(
    { length: 50 },
    (_, i) => ({ messages: [{ role: `r${i}`, content: "x" }] }),
  );
  const { skipped } = await load(good.repeat(60) + lines(...roles));
  assertEquals(Object.keys(skipped).length, 9);
  assertEquals(skipped["cannot be used for other reasons (lines 69, 70, 71 …)"], 42);
});

Deno.test("jsonl counts bad rows also behind those that it sends", async () => {
  const content = '{"prompt":"p","max_tokens":1}\n'.repeat(3) + "oops\n";
  assertEquals((await load(content, { count: 1 })).skipped, { "is not JSON (line 4)": 1 });
});

Deno.test("jsonl lists the fields of an unknown shape and names --prompt-key", async () => {
  const content = lines({ utterance: "hi", reply: "ho" }, { utterance: "ha", "\x1b[2J": 1 });
  const error = await assertRejects(() => load(content), UserError);
  assertStringIncludes(error.message, 'the fields found are "utterance", "reply", "\\u001b[2J"');
  assertStringIncludes(error.message, "--prompt-key NAME");
  const extra = { promptKey: "utterance", outputKey: "reply" };
  const named = await load(lines({ utterance: "hi", reply: "twelve chars" }), { extra });
  assertEquals(named.prompts[0]?.messages, [{ role: "user", content: "hi" }]);
  assertEquals(named.prompts[0]?.outputTokens, 3);
  const deep = { a: { b: [{ role: "user", content: "x" }] }, n: 9 };
  const { prompts } = await load(lines(deep), { extra: { promptKey: "a.b", outputKey: "n" } });
  assertEquals(prompts[0]?.messages, [{ role: "user", content: "x" }]);
  assertEquals(prompts[0]?.outputTokens, 9);
  const wrong = await assertRejects(
    () => load(content, { extra: { promptKey: "uterance" } }),
    UserError,
  );
  assertStringIncludes(wrong.message, "it has no uterance (lines 1, 2); the fields found are");
});

Deno.test("jsonl says when there is no file, nothing in it, or an option without effect", async () => {
  await assertRejects(() => load("", { path: "nowhere" }), UserError, "output_tokens");
  await assertRejects(() => load(" \n\n"), UserError, "it is empty");
  await assertRejects(() => load(""), UserError, "it is empty");
  await assertRejects(() => load("{}", { turns: 2 }), UserError, "Cannot take 2 turns");
  await assertRejects(() => load("{}", { extra: { order: "up" } }), UserError, "give one of file");
});

Deno.test("readLines gives the same wherever the bytes are cut", async () => {
  const bytes = new TextEncoder().encode("a\r\n\né🚀\nlast");
  const expected = [
    { text: "a", number: 1, offset: 0, length: 1, whole: true },
    { text: "", number: 2, offset: 3, length: 0, whole: true },
    { text: "é🚀", number: 3, offset: 4, length: 6, whole: true },
    { text: "last", number: 4, offset: 11, length: 4, whole: false },
  ];
  for (let cut = 0; cut <= bytes.length; cut++) {
    const chunks = [bytes.slice(0, cut), bytes.slice(cut)];
    assertEquals(await Array.fromAsync(readLines(chunks)), expected, `cut at ${cut}`);
  }
  await assertRejects(
    () => Array.fromAsync(readLines([bytes], { maxLineBytes: 5 })),
    SyntaxError,
    "Line 3 is longer than 5 bytes",
  );
});
