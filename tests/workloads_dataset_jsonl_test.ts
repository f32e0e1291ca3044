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
    { role: "system", content: "be brief" },
    { role: "user", content: "ab" },
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
    first.map(({ messages }) => messages[0]?.content.slice(1)),
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

Deno.test("jsonl names the line and what it lacks", async () => {
  const good = '{"prompt":"p","max_tokens":1}\n';
  const rows: [line: string, says: string][] = [
    ["{", "line 2"],
    ["[]", "it is not a JSON object"],
    ["{}", "it has no prompt, text or messages"],
    ['{"prompt":"p","messages":[]}', "it has prompt and messages: give one of them"],
    ['{"prompt":""}', "is not text"],
    ['{"prompt":7}', "is not text"],
    ['{"messages":[]}', "at least one message"],
    ['{"messages":[{"role":"tool","content":"x"}]}', 'message 1 has the role "tool"'],
    ['{"messages":[null]}', "is not text"],
    ['{"messages":[{"content":[{"type":"image_url"}]}]}', "is not text"],
    ['{"prompt":"p"}', "add output_tokens, or give --output-tokens"],
    ['{"prompt":"p","max_tokens":0}', "its answer length is 0"],
    ['{"prompt":"p","output_tokens":1.5}', "its answer length is 1.5"],
    ['{"prompt":"p","completion":5}', "its completion is not text"],
  ];
  for (const [line, says] of rows) {
    const error = await assertRejects(() => load(good + line), UserError);
    assertStringIncludes(error.message, "Cannot read line 2 of");
    assertStringIncludes(error.message, says);
  }
  const latin1 = new Uint8Array([...new TextEncoder().encode(good), 0x22, 0xe9, 0x22]);
  await assertRejects(() => load(latin1), UserError, "it is not UTF-8");
});

Deno.test("jsonl checks also the lines that it does not send", async () => {
  const content = '{"prompt":"p","max_tokens":1}\n'.repeat(3) + "oops\n";
  await assertRejects(() => load(content, { count: 1 }), UserError, "line 4");
});

Deno.test("jsonl says when there is no file, nothing in it, or an option without effect", async () => {
  await assertRejects(() => load("", { path: "nowhere" }), UserError, "output_tokens");
  await assertRejects(() => load(" \n\n"), UserError, "it is empty");
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
