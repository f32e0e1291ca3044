/** Files as people have them: which dataset takes them, and the texts that are read. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createRandom, uniformInteger } from "../backends/random.ts";
import { chooseDataset } from "../workloads/datasets.ts";
import { type Dataset, joinContents } from "../workloads/prompt.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";

/** The dataset that is chosen for a file, and what it reads. */
async function loadFile(
  path: string,
  extra: Record<string, unknown> = {},
): Promise<Dataset & { readonly kind: string }> {
  const kind = await chooseDataset("sample", path, extra as Record<string, string>);
  const common = { path, count: 100, seed: 0, turns: 1, counter: estimateCounter };
  return { kind: kind.name, ...await kind.load({ ...common, extra }) };
}

async function loadContent(
  name: string,
  content: string | Uint8Array,
  extra?: Record<string, unknown>,
): Promise<Dataset & { readonly kind: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/${name}`;
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    return await loadFile(path, extra);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function lines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

function textsOf({ prompts }: Dataset): string[] {
  return prompts.map(({ messages }) => joinContents(messages)).sort();
}

const QUESTIONS = ["Which river is the longest", "Which mountain is the highest"];
const ANSWER = "It depends on how one measures";
const BY_FROM = QUESTIONS.map((
  value,
) => [{ from: "human", value }, { from: "gpt", value: ANSWER }]);
const BY_ROLE = QUESTIONS.map((content) => [
  { role: "user", content },
  { role: "assistant", content: ANSWER },
]);

Deno.test("conversations are read in each form and under each name", async (t) => {
  const rows = (key: string, lists: readonly unknown[] = BY_FROM) =>
    lists.map((list, i) => ({ id: `${i}`, [key]: list }));
  const files: [name: string, content: string][] = [
    ["a.json", JSON.stringify(rows("conversations"))],
    ["a.json", JSON.stringify(rows("conversations"), null, 2)],
    ["a.json", JSON.stringify(rows("conversations", BY_ROLE), null, "\t")],
    ["a.jsonl", lines(rows("conversations"))],
    ["a.json", lines(rows("conversations"))],
    ["a.jsonl", JSON.stringify(rows("conversations"))],
    ...["data", "items", "conversation", "conversations"].map((key): [string, string] => [
      `under-${key}.json`,
      JSON.stringify({ version: "1", notes: ["]", "\\"], [key]: rows("conversations") }, null, 1),
    ]),
    ["one-line.json", JSON.stringify({ a: { b: [1] }, data: rows("conversations", BY_ROLE) })],
    ...["items", "conversation", "data", "dialog"].map((key): [string, string] => [
      `turns-${key}.json`,
      JSON.stringify(rows(key, key === "data" ? QUESTIONS.map((q) => [q, ANSWER]) : BY_ROLE)),
    ]),
    ["one.json", JSON.stringify({ conversations: [...BY_FROM[0]!, ...BY_FROM[1]!] }, null, 2)],
    ["null.json", JSON.stringify({ data: [null, ...rows("conversations")] })],
  ];
  for (const [name, content] of files) {
    await t.step(`${name} ${content.slice(0, 40)}`, async () => {
      const windows = await loadContent(name, `\ufeff${content.replaceAll("\n", "\r\n")}`);
      const dataset = await loadContent(name, content);
      assertEquals(windows.prompts, dataset.prompts);
      assertEquals(dataset.kind, "sharegpt");
      assertEquals(textsOf(dataset), name === "one.json" ? [QUESTIONS[0]!] : QUESTIONS.toSorted());
      assertEquals(dataset.prompts[0]!.outputTokens, estimateCounter.count(ANSWER));
      if (name !== "null.json") assertEquals([dataset.bad, dataset.skipped], [undefined, {}]);
    });
  }
});

Deno.test("prompts are read from each field, whatever the file's name", async (t) => {
  const fields = ["prompt", "question", "input", "instruction", "query", "content", "text"];
  for (const field of [...fields, "text_input", "inputs"]) {
    const rows = QUESTIONS.map((text) => ({ [field]: text, source: "a book" }));
    for (const content of [lines(rows), JSON.stringify(rows), JSON.stringify({ data: rows })]) {
      for (const name of ["a.jsonl", "a.json", "a"]) {
        const dataset = await loadContent(name, content);
        assertEquals([dataset.kind, textsOf(dataset)], ["jsonl", QUESTIONS.toSorted()], field);
        assert(dataset.remarks?.includes('fields of the file that are not sent: "source"'));
      }
    }
  }
  const forms: [what: string, content: string, texts: string[], answer?: number][] = [
    ["strings", JSON.stringify(QUESTIONS), QUESTIONS],
    ["a string a line", lines(QUESTIONS), QUESTIONS],
    ["a list of messages a line", lines(BY_ROLE.map((list) => list.slice(0, 1))), QUESTIONS],
    ["a list with an answer a line", lines(BY_FROM), QUESTIONS, 8],
    ["Alpaca", lines([{ instruction: "Add", input: "1, 2", output: "three", text: "###" }]), [
      "Add\n\n1, 2",
    ], 2],
    ["Alpaca without input", lines([{ instruction: "Add", input: "", output: "three" }]), ["Add"]],
    ["Dolly", lines([{ instruction: "Sum up", context: "A tale", response: "Short" }]), [
      "Sum up\n\nA tale",
    ], 2],
    ["MT-Bench", lines([{ question_id: 81, turns: ["First", "Then"] }]), ["First"]],
    ["a file that is one list of messages", JSON.stringify(BY_ROLE[0]), [QUESTIONS[0]!], 8],
    ["the same over lines", JSON.stringify(BY_ROLE[0], null, 2), [QUESTIONS[0]!], 8],
    ["null beside", lines([{ prompt: "x", messages: null, output: null }]), ["x"]],
    ["under prompts", JSON.stringify({ prompts: QUESTIONS }), QUESTIONS],
    ["one object over lines", JSON.stringify({ prompt: "x" }, null, 2), ["x"]],
    ["a first broken line", `{"prompt": \n${lines([{ prompt: "x" }, { prompt: "y" }])}`, [
      "x",
      "y",
    ]],
    ["a comment above", `# mine\n${lines([{ prompt: "x" }, { prompt: "y" }])}`, ["x", "y"]],
  ];
  for (const [what, content, texts, answer] of forms) {
    await t.step(what, async () => {
      const dataset = await loadContent("a.json", content);
      assertEquals(textsOf(dataset), texts.toSorted());
      if (answer !== undefined) assertEquals(dataset.prompts[0]!.outputTokens, answer);
    });
  }
});

Deno.test("rows longer than what is looked at are read", async () => {
  const url = `data:image/png;base64,${"A".repeat(2 ** 21)}`;
  const message = { role: "user", content: [{ type: "image_url", image_url: { url } }] };
  const row = (text: string) => ({
    messages: [message, { role: "user", content: text }],
    max_tokens: 1,
  });
  const rows = QUESTIONS.map(row);
  const lists = rows.map(({ messages }) => messages);
  const forms = [lines(rows), JSON.stringify(rows), JSON.stringify({ data: rows }), lines(lists)];
  for (const content of [...forms, JSON.stringify(rows, null, 1)]) {
    const dataset = await loadContent("a.json", content);
    assertEquals([dataset.kind, dataset.prompts.length], ["jsonl", 2], content.slice(0, 60));
    assertEquals(dataset.prompts[1]!.messages, rows[1]!.messages);
  }
});

Deno.test("CSV is read by its header, plain text line by line", async () => {
  const table =
    '\ufeffid,question,answer\r\n7,"What, is ""it""?",two words\r\n8,"two\r\nlines",\r\n';
  const csv = await loadContent("a.csv", table);
  assertEquals(
    csv.prompts.map(({ id, messages, outputTokens }) => [id, messages[0]?.content, outputTokens]),
    [
      ["7", 'What, is "it"?', 3],
      ["8", "two\r\nlines", 128],
    ],
  );
  const ragged = await loadContent("a.csv", "prompt,n\na,1\nb\nc,2\n", { outputKey: "n" });
  assertEquals(ragged.prompts.map(({ outputTokens }) => outputTokens), [1, 2]);
  assertStringIncludes(ragged.bad ?? "", "another number of cells than the header (2) (row 2)");
  const shuffled = await loadContent("a.csv", "prompt\na\nb\nc\n", { order: "seeded" });
  assertEquals(textsOf(shuffled), ["a", "b", "c"]);

  const text = await loadContent("a.txt", "\ufeffone\r\n\r\n  two \r\nthree");
  assertEquals([text.kind, text.prompts.map(({ messages }) => messages[0]?.content)], [
    "text",
    ["one", "  two ", "three"],
  ]);
  assertEquals(text.prompts.map(({ id }) => id), ["1", "3", "4"]);
  assertEquals((await loadContent("prompts", "one\ntwo")).kind, "text");
  // By content, not by name.
  assertEquals((await loadContent("a.txt", lines([{ prompt: "x" }]))).kind, "jsonl");
});

Deno.test("encodings: UTF-16 is read and said, Latin-1 refused by name", async () => {
  const text = lines([{ prompt: "né 🚀" }]);
  for (const littleEndian of [true, false]) {
    for (const mark of ["\ufeff", ""]) {
      const units = [...`${mark}${text}`].flatMap((char) =>
        Array.from({ length: char.length }, (_, i) => char.charCodeAt(i))
      );
      const view = new DataView(new ArrayBuffer(2 * units.length));
      units.forEach((unit, i) => view.setUint16(2 * i, unit, littleEndian));
      const dataset = await loadContent("a.jsonl", new Uint8Array(view.buffer));
      assertEquals(textsOf(dataset), ["né 🚀"]);
      assertEquals(dataset.remarks?.[0], "the file is UTF-16 and was read as such");
    }
  }
  const latin1 = Uint8Array.from(text.replace("🚀", ""), (char) => char.charCodeAt(0));
  for (const name of ["a.jsonl", "a.json", "a.txt"]) {
    const error = await assertRejects(() => loadContent(name, latin1), UserError);
    assertStringIncludes(error.message, "is not UTF-8 (convert Latin-1 with iconv");
  }
});

Deno.test("turns that are null crash nothing", async () => {
  const talk = [{ from: "human", value: "w ".repeat(20) }, { from: "gpt", value: ANSWER }];
  const rows = [null, { id: 1, conversations: null }, { id: 2, conversations: [null, ...talk] }, {
    id: 3,
    conversations: [{ from: null, value: null }, ...talk],
  }];
  const good = Array.from({ length: 3 }, (_, i) => ({ id: `good${i}`, conversations: talk }));
  for (const requireHuman of [true, false]) {
    const content = JSON.stringify([...rows, ...good]);
    const { prompts, skipped } = await loadContent("a.json", content, { requireHuman });
    assertEquals(prompts.map(({ id }) => id).sort(), ["good0", "good1", "good2"]);
    assertEquals(skipped, {
      "has no list of messages (elements 0, 1)": 2,
      "empty message": 2,
    });
  }
});

Deno.test("files that are no text say what they are and what to do", async () => {
  await inTempFolder(async (folder) => {
    const cases: [content: string | Uint8Array, says: string][] = [
      ["", "it is empty"],
      ["\n \n", "it is empty"],
      [Uint8Array.of(0x1f, 0x8b, 8, 0), "packed with gzip: unpack it first"],
      ["PK\x03\x04....", "a ZIP archive"],
      ["PAR1....", "a Parquet file: export it"],
      ["version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"],
      ["\n<!DOCTYPE html><html>", "an HTML page"],
      [Uint8Array.from({ length: 999 }, (_, i) => i % 7), "NUL bytes"],
      ["Just some words", "for a prompt on each line use --dataset text"],
      ['{"a": 1,\n"b": }\n', "write one object on each line (jq -c .)"],
      ['[{"prompt": "x"}, {"prompt": "y"', "it looks cut off"],
      [`{"prompt": "${"x".repeat(65 * 2 ** 20)}`, "longer than 67108864 bytes"],
    ];
    for (const [content, says] of cases) {
      const path = `${folder}/file.json`;
      if (typeof content === "string") await Deno.writeTextFile(path, content);
      else await Deno.writeFile(path, content);
      const error = await assertRejects(() => loadFile(path), UserError, says);
      assert(error.message.length < 600, error.message);
    }
    // Of folders only recordings are made.
    assertEquals((await chooseDataset("sample", folder)).name, "trace");
    const { success } = await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    if (success) {
      await assertRejects(() => loadFile(`${folder}/pipe`), UserError, "not a regular file");
    }
  });
});

/** Files of all kinds, to be broken at random. */
const SEEDS: readonly string[] = [
  JSON.stringify(BY_FROM.map((conversations, id) => ({ id, conversations }))),
  JSON.stringify({ data: BY_ROLE.map((conversation, id) => ({ id, conversation })) }, null, 1),
  lines([{ prompt: "x\ud83d", max_tokens: 3 }, { messages: BY_ROLE[0], tools: [{ a: null }] }]),
  lines([{ custom_id: "a", url: "/v1/completions", body: { prompt: [1, 2], n: 1 } }]),
  lines([[{ role: "user", content: [{ type: "text", text: "x" }, { type: "image_url" }] }]]),
  'id,prompt\r\n1,"a ""b"""\r\n2,c\r\n',
  "one\ntwo\r\n\nthree",
];

Deno.test("files broken at random are read or refused, and never crash", async () => {
  await inTempFolder(async (folder) => {
    const random = createRandom(20261130, "broken files");
    const below = (high: number) => uniformInteger(random, { low: 0, high: high - 1 });
    const marks = ["{", "}", "[", "]", '"', "\\", ",", ":", "\n", "null", "\\ud800", "\0", "\xff"];
    let read = 0;
    for (let i = 0; i < 500; i++) {
      let bytes = new TextEncoder().encode(SEEDS[i % SEEDS.length]);
      for (let change = 0; change <= below(3); change++) {
        const at = below(bytes.length + 1);
        const mark = marks[below(marks.length)]!;
        const put = mark === "\xff" ? [0xff] : [...new TextEncoder().encode(mark)];
        const rest = bytes.slice(at + below(4));
        bytes = Uint8Array.of(...bytes.slice(0, at), ...put, ...rest);
      }
      const path = `${folder}/${["a.json", "a.jsonl", "a.txt", "a.csv", "a"][below(5)]}`;
      await Deno.writeFile(path, bytes);
      try {
        const { prompts, read: rows } = await loadFile(path);
        assert(prompts.length > 0 && prompts.length <= rows);
        JSON.stringify(prompts, (_, value) => {
          assert(typeof value !== "string" || value.isWellFormed(), "half of a pair is sent");
          return value;
        });
        read++;
      } catch (error) {
        const text = new TextDecoder().decode(bytes);
        assert(error instanceof UserError, `${error} ${(error as Error).stack} of ${text}`);
      }
    }
    // Neither all nor none: else nothing was tried.
    assert(read > 100 && read < 450, `${read} were read`);
  });
});
