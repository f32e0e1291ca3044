/** What of a file reaches the server, seen by the server, and what the report says of it. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { renderTable } from "../metrics/report_table.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { summarize } from "../metrics/summary.ts";
import { UserError } from "../workloads/user_error.ts";
import { startCompletionsServer } from "./support/completions_server.ts";

/** Measures with a file of these rows; the bodies are those of the load alone. */
async function measureRows(
  rows: readonly unknown[],
  options: BenchOptions = {},
  name = "a.jsonl",
) {
  const folder = await Deno.makeTempDir();
  const server = startCompletionsServer();
  try {
    const path = `${folder}/${name}`;
    const content = rows.map((row) => typeof row === "string" ? row : JSON.stringify(row));
    await Deno.writeTextFile(path, content.join("\n"));
    const run = await measureBench(server.url, {
      datasetPath: path,
      once: true,
      concurrency: [1],
      witness: false,
      gpu: "off",
      // What the file says, and nothing more.
      saltScope: "none",
      ...options,
    });
    // The first request is the check.
    return { run, bodies: server.bodies.slice(1), text: renderTable(summarize(run)) };
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

const TOOLS = [{
  type: "function",
  function: { name: "f", parameters: { properties: { a: { default: null, enum: [null, 1] } } } },
}];

Deno.test("whole requests are sent as they are", async () => {
  const own = {
    model: "row-model",
    temperature: 0.3,
    tools: TOOLS,
    tool_choice: "auto",
    response_format: { type: "json_schema", json_schema: { schema: { default: null } } },
    chat_template_kwargs: { enable_thinking: false },
    reasoning_effort: "low",
  };
  const messages = [
    { role: "developer", content: "Be brief", name: "boss" },
    { role: "user", content: "Weather?" },
    { role: "assistant", content: null, tool_calls: [{ id: "1", type: "function" }] },
    { role: "tool", tool_call_id: "1", content: "Sun" },
  ];
  const row = { ...own, messages, max_tokens: 3 };
  const { bodies, run } = await measureRows([row, { ...row, model: "other", stream: false }]);
  const sent = { max_tokens: 3, stream: true, stream_options: { include_usage: true } };
  assertEquals(bodies, [{ ...own, messages, ...sent }, {
    ...own,
    messages,
    ...sent,
    model: "other",
  }]);
  assertEquals(run.header.model, "row-model, other");
  assertEquals(run.header.dataset.remarks, ['fields of the file that are not sent: "stream"']);

  const given = { model: "mine", temperature: 0, extraBody: { reasoning_effort: "high" } };
  const overruled = await measureRows([row], given);
  assertEquals(overruled.bodies, [{
    ...own,
    messages,
    ...sent,
    model: "mine",
    temperature: 0,
    reasoning_effort: "high",
  }]);
});

Deno.test("notes in rows are not sent, and named in the report", async () => {
  const row = {
    ...{ prompt: "x", response: "two words", model: "gpt-4", reasoning: "so", tools: null },
    ...{ category: "c", metadata: { a: 1 }, "\u202eodd\n": 1 },
  };
  const { bodies, run } = await measureRows([row]);
  assertEquals(Object.keys(bodies[0]!).sort(), [
    ...["ignore_eos", "max_tokens", "messages", "min_tokens", "model", "stream"],
    "stream_options",
  ]);
  assertEquals(bodies[0]!.model, "m");
  assertEquals(run.header.dataset.remarks, [
    'fields of the file that are not sent: "model", "reasoning", "category", "metadata", "?odd\\n"',
  ]);
});

Deno.test("whole requests are to end by themselves, unless a length is forced", async () => {
  const text = { prompt: "x", max_tokens: 2 };
  const batch = {
    custom_id: "a",
    url: "/v1/chat/completions",
    body: { messages: [{ content: "x" }] },
  };
  const cases: [row: unknown, given: BenchOptions, forced: boolean][] = [
    [text, {}, true],
    [{ ...text, temperature: 0 }, {}, false],
    [{ ...text, temperature: 0 }, { length: "forced" }, true],
    [{ ...text, temperature: 0 }, { dataset: "jsonl" }, false],
    [batch, {}, false],
    [{ ...text, note: "mine" }, { length: "cap" }, false],
  ];
  for (const [row, { length, ...given }, forced] of cases) {
    const { bodies, run } = await measureRows([row], { ...given, length: length! });
    assertEquals(["ignore_eos" in bodies[0]!, run.header.length], [
      forced,
      forced ? "forced" : "cap",
    ]);
  }
});

Deno.test("batch files are sent as they are, over the call that they are for", async () => {
  const line = (body: Record<string, unknown>, url = "/v1/chat/completions") => ({
    ...{ custom_id: "request-1", method: "POST", url },
    body: { model: "m", ...body },
  });
  const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Well" }];
  const body = { messages, a_new_field: { x: null }, metadata: { y: 1 } };
  const { bodies, run } = await measureRows([line({ ...body, max_completion_tokens: 4 })]);
  assertEquals(bodies, [{
    ...{ model: "m", ...body, max_completion_tokens: 4, stream: true },
    stream_options: { include_usage: true },
  }]);
  assertEquals(run.records.map(({ promptId }) => promptId), ["request-1"]);

  const ids = [line({ prompt: [1, 2, 3], max_tokens: 2, echo: true }, "/v1/completions")];
  await assertRejects(() => measureRows(ids), UserError, "openai-completions");
  const flat = () => measureRows([{ prompt: [1, 2], max_tokens: 1 }]);
  await assertRejects(flat, UserError, "Cannot send token ids to openai-chat");
  const sent = await measureRows(ids, { protocol: "openai-completions" });
  assertEquals([sent.bodies[0]?.prompt, sent.bodies[0]?.echo], [[1, 2, 3], true]);
});

Deno.test("each prompt keeps its own length under --max-completion-tokens", async () => {
  const rows = [3, 5, 7].map((n) => ({ prompt: `say ${n} words`, max_tokens: n }));
  const { bodies } = await measureRows([...rows, { prompt: "more", max_completion_tokens: 9 }]);
  assertEquals(
    bodies.map(({ max_tokens, max_completion_tokens }) => [
      max_tokens,
      max_completion_tokens,
    ]),
    [[3, undefined], [5, undefined], [7, undefined], [undefined, 9]],
  );
  const newer = await measureRows(rows, { maxCompletionTokens: true });
  assertEquals(newer.bodies.map((body) => body.max_completion_tokens), [3, 5, 7]);
  assertEquals(newer.run.records.map(({ requestedTokens }) => requestedTokens), [3, 5, 7]);
});

Deno.test("parts of messages are passed through unread, or refused by name", async () => {
  const parts = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: null } },
    { type: "input_audio", input_audio: { data: "AA", format: "wav" } },
    { type: "of_tomorrow", x: [{ y: 1 }] },
  ];
  const row = { messages: [{ role: "user", content: parts }], max_tokens: 2 };
  const { bodies, run } = await measureRows([row]);
  assertEquals(bodies[0]?.messages, row.messages);
  assertEquals(run.header.dataset.remarks, undefined);
  const protocols = ["openai-completions", "tgi", "sglang", "lightllm", "llamacpp", "lmdeploy-nul"];
  for (const protocol of protocols) {
    const error = await assertRejects(
      () => measureRows([row], { protocol, model: "m" }),
      UserError,
    );
    assertStringIncludes(error.message, "Cannot send image_url, input_audio, of_tomorrow");
  }
  const text = { prompt: "x", max_tokens: 2, tools: TOOLS, top_p: 0.5 };
  const refused = () => measureRows([text], { protocol: "tgi", model: "m" });
  await assertRejects(refused, UserError, "Cannot send tools, top_p of prompt 1");
  const message = { role: "user", content: "x", name: "boss", tool_calls: null };
  const completions = { protocol: "openai-completions" };
  const named = () => measureRows([{ messages: [message], max_tokens: 1 }], completions);
  await assertRejects(named, UserError, "Cannot send name of a message");
  const unnamed = { messages: [{ ...message, name: null }], max_tokens: 1 };
  assertEquals((await measureRows([unnamed], completions)).bodies[0]?.prompt, "x");
  assertEquals((await measureRows([unnamed])).bodies[0]?.messages, unnamed.messages);
  // Parts of text alone need no protocol of chats.
  const joined = [{ ...row, messages: [{ role: "user", content: [parts[0], parts[0]] }] }];
  const plain = await measureRows(joined, { protocol: "openai-completions" });
  assertEquals(plain.bodies[0]?.prompt, "What is this?What is this?");
});

Deno.test("half a surrogate pair reaches the server as U+FFFD", async () => {
  const { bodies } = await measureRows([
    '{"prompt": "a \\ud83d b \\ud83d\\ude00", "max_tokens": 1}',
  ]);
  assertEquals(bodies[0]?.messages, [{ role: "user", content: "a \ufffd b 😀" }]);
});

Deno.test("--once sends each prompt of a file once, in each load", async () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({ prompt: `number ${i}`, max_tokens: 1 }));
  const { run, bodies, text } = await measureRows(rows, { concurrency: [3, 60] });
  const contents = bodies.map(({ messages }) => JSON.stringify(messages));
  assertEquals([contents.length, new Set(contents).size], [80, 40]);
  assertEquals(run.header.loads.map(({ stopRequests }) => stopRequests), [40, 40]);
  assertEquals(run.header.dataset.prompts, 40);
  assert(!text.includes("each was sent"), text);
  const few = await measureRows(rows, { requests: 5, warmup: 2 });
  assertEquals(few.bodies.length, 7);
});

Deno.test("a pool smaller than the run and bad rows are in every report", async () => {
  const rows = [{ prompt: "a", max_tokens: 1 }, "{broken", { prompt: "b" }, { prompt: "c" }];
  const { run, text } = await measureRows(rows, { once: false, requests: 10, warmup: 0 });
  const summary = summarize(run);
  const flat = text.replace(/\s+/g, " ");
  assertStringIncludes(flat, "3 prompts for 10 requests: each was sent 3.33 times on average");
  assertStringIncludes(flat, "1 of 4 lines left out: it is not JSON (line 2)");
  assertEquals(run.header.dataset.skipped, { "is not JSON (line 2)": 1 });
  assertEquals(run.header.dataset.remarks, [
    "10 prompts wanted, 3 found",
    "2 prompts without a length: 128 tokens asked for (--output-tokens)",
  ]);
  const page = reportHtml.render(summary);
  for (
    const says of [
      "each was sent 3.33 times on average",
      "it is not JSON (line 2)",
      "10 prompts wanted",
    ]
  ) {
    assertStringIncludes(page, says);
  }
  const pool = summary.loads[0]!.checks.find(({ name }) => name === "prompt_pool");
  assertStringIncludes(pool!.message, "each was sent 3.33 times on average");
});
