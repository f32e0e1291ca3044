import { assert, assertEquals } from "@std/assert";
import { turnsInOrder } from "../workloads/trace_sharing.ts";
import { assertRefused, readWritten, turnLines } from "./support/trace_files.ts";

const row = (timestamp: number, fields: object = {}) => ({
  timestamp,
  input_length: 1000,
  output_length: 7,
  hash_ids: [1, 2],
  ...fields,
});
const user = (content: string) => ({ role: "user", content });

Deno.test("mooncake: rows are sorted, equal instants keep their order, the first is at 0", async () => {
  const trace = await readWritten([
    row(500, { input_length: 1, hash_ids: [9] }),
    row(300, { input_length: 2, hash_ids: undefined }),
    row(500, { input_length: 3, hash_ids: [] }),
  ]);
  const turns = [...turnsInOrder(trace)].map(({ session, turn }) => {
    assert(turn.prompt.kind === "blocks");
    const { inputTokens, blocks } = turn.prompt;
    return [session.id, session.scope, turn.atMs, inputTokens, ...blocks.toArray()];
  });
  assertEquals(turns, [
    ["1", "mooncake", 0, 2],
    ["2", "mooncake", 200, 1, 9],
    ["3", "mooncake", 200, 3],
  ]);
  const { format, hasSessions, hasInstants, history, blockTokens } = trace;
  assertEquals(
    [format, hasSessions, hasInstants, history, blockTokens],
    ["mooncake", false, true, "recorded", 512],
  );
});

Deno.test("mooncake: rows without use are left out and counted, those without a length are not", async () => {
  const { sessions, skipped } = await readWritten([
    row(0, { input_length: 0, hash_ids: [] }),
    row(1, { output_length: 0 }),
    row(2, { output_length: 0 }),
    row(3, { output_length: undefined }),
  ], { format: "mooncake" });
  assertEquals(skipped, { "no input tokens": 1, "no output tokens": 2 });
  assertEquals(sessions.map(({ turns: [turn] }) => turn!.outputTokens), [undefined]);
});

Deno.test("mooncake: fields of one request go along", async () => {
  const extra = { temperature: 0.5 };
  const { sessions } = await readWritten([row(0, { extra }), row(1)]);
  assertEquals(sessions.map(({ turns: [turn] }) => turn!.prompt.extra), [extra, undefined]);
});

Deno.test("mooncake: rows of a session wait for each other, by delay or by their instants", async () => {
  const trace = await readWritten([
    row(0, { session_id: "a" }),
    row(50, { session_id: 7 }),
    row(900, { session_id: "a", hash_ids: [1, 3] }),
    { session_id: "a", delay: 250, input_length: 600, output_length: 3, hash_ids: [1, 3] },
    row(60),
  ]);
  assertEquals(trace.sessions.map((session) => [session.id, ...turnLines(session)]), [
    [
      "a",
      "main0 1 at 0 after - +0",
      "main0 2 at 900 after 0 +900",
      "main0 3 at 1150 after 1 +250",
    ],
    ["7", "main0 1 at 50 after - +0"],
    ["row 1", "main0 1 at 60 after - +0"],
  ]);
  assert(trace.hasSessions);
  assert(trace.remarks[0]?.startsWith("the file has no ends of requests"), trace.remarks[0]);
  const ids = trace.sessions[0]!.turns.map(({ prompt }) =>
    prompt.kind === "blocks" && [...prompt.blocks.toArray()]
  );
  assertEquals(ids, [[1, 2], [1, 3], [1, 3]]);
});

Deno.test("mooncake: rows of a session are sorted where all have an instant", async () => {
  const { sessions } = await readWritten([
    row(900, { session_id: "a" }),
    row(100, { session_id: "a", input_length: 600 }),
  ]);
  assertEquals(turnLines(sessions[0]!), ["main0 1 at 0 after - +0", "main0 2 at 800 after 0 +800"]);
});

Deno.test("mooncake: without instants only sessions can be replayed", async () => {
  const { hasInstants, sessions, remarks } = await readWritten([
    { session_id: "a", text_input: "one", output_length: 3 },
    { session_id: "a", text_input: "two", output_length: 3, delay: 40 },
    { session_id: "a", text_input: "three", output_length: 3 },
  ], { format: "mooncake" });
  assertEquals([hasInstants, remarks], [false, []]);
  assertEquals(turnLines(sessions[0]!), [
    "main0 1 at 0 after - +0",
    "main0 2 at 40 after 0 +40",
    "main0 3 at 40 after 1 +0",
  ]);
});

Deno.test("mooncake: texts and messages are whole conversations, or what is new in a session", async () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const delta = { session_id: "d", message_mode: "delta", output_length: 3 };
  const trace = await readWritten([
    { timestamp: 0, text_input: "alone", output_length: 3 },
    {
      timestamp: 1,
      messages: [user("all"), { role: "assistant", content: "x" }],
      output_length: 3,
    },
    { timestamp: 2, ...delta, messages: [user("first")], tools },
    { timestamp: 9, ...delta, messages: [user("second")], extra: { seed: 1 } },
  ]);
  const prompts = trace.sessions.flatMap(({ turns }) => turns.map(({ prompt }) => prompt));
  assertEquals(prompts, [
    { kind: "messages", holds: "whole", messages: [user("alone")] },
    {
      kind: "messages",
      holds: "whole",
      messages: [user("all"), { role: "assistant", content: "x" }],
    },
    { kind: "messages", holds: "new", messages: [user("first")], tools },
    { kind: "messages", holds: "new", messages: [user("second")], tools, extra: { seed: 1 } },
  ]);
  assertEquals(trace.history, "live");
  const texts = await readWritten([
    { timestamp: 0, session_id: "a", text_input: "one", output_length: 3 },
    { timestamp: 5, session_id: "a", text_input: "two", output_length: 3 },
  ]);
  assertEquals(
    texts.sessions[0]!.turns.map(({ prompt }) => prompt.kind === "messages" && prompt.holds),
    ["new", "new"],
  );
});

Deno.test("mooncake: what does not fit is named by line and field", async () => {
  const refuse = (rows: readonly unknown[], words: string) =>
    assertRefused(rows, words, "mooncake");
  await refuse([row(0), row(0, { input_length: "x" })], 'line 2: input_length is "x", not a whole');
  await refuse([row(-1)], "line 1: timestamp is -1, not a number from 0");
  await refuse([row(0, { hash_ids: [1, 2 ** 32] })], "line 1: hash_ids[1] is 4294967296");
  await refuse(
    [row(0, { hash_ids: [1, 2, 3] })],
    "hash_ids has 3 ids, but 1000 tokens are 2 blocks",
  );
  await refuse([{ timestamp: 0, text_input: "x", input_length: 3 }], "input_length and text_input");
  await refuse([{ timestamp: 0 }], "it has none of input_length, text_input, messages");
  await refuse([{ timestamp: 0, text_input: "x", hash_ids: [1] }], "hash_ids needs input_length");
  await refuse([row(0, { tools: [] })], "tools needs messages");
  for (const session_id of ["", 1.5, null]) {
    await refuse(
      [row(0, { session_id })],
      `session_id is ${JSON.stringify(session_id)}, not a text`,
    );
  }
  await refuse([row(0, { message_mode: "delta" })], "which needs messages");
  await refuse([row(0, { message_mode: "x" })], 'message_mode is "x", not one of history, delta');
  await refuse([{ timestamp: 0, messages: [{ role: "x", content: "y" }] }], 'the role "x"');
  await refuse([{ timestamp: 0, messages: [] }], "line 1: it has an empty messages");
  await refuse([row(0), { input_length: 3, output_length: 2 }], "line 2: timestamp is missing");
  const part = { session_id: "a", output_length: 3 };
  await refuse([row(0), { ...part, text_input: "x" }], "missing in the first row of its session");
  await refuse([
    { ...part, timestamp: 0, message_mode: "delta", messages: [user("x")] },
    { ...part, timestamp: 1, messages: [user("x")] },
  ], "line 2: it holds the whole conversation");
  await refuse([
    { ...part, timestamp: 0, messages: [user("x")] },
    { ...part, timestamp: 1, message_mode: "delta", messages: [user("x")] },
  ], "line 2: it holds new messages only");
  const merged = { message_mode: "delta", messages: [user("x")], extra: { messages: [] } };
  await refuse([{ ...part, timestamp: 0, ...merged }], "extra.messages");
  await refuse(["text"], "line 1: it is not an object");
});
