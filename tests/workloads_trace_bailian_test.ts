import { assert, assertEquals } from "@std/assert";
import { assertRefused, readWritten, turnLines } from "./support/trace_files.ts";

const row = (chat: number, parent: number, timestamp: number, fields: object = {}) => ({
  chat_id: chat,
  parent_chat_id: parent,
  timestamp,
  input_length: 40,
  output_length: 5,
  type: "text",
  turn: 1,
  hash_ids: [1, 2, 3],
  ...fields,
});

Deno.test("bailian: parents make sessions, a second answer to one is a branch", async () => {
  const trace = await readWritten([
    row(10, -1, 61.114),
    row(11, 10, 70, { hash_ids: [1, 2, 7] }),
    row(20, -1, 65),
    row(12, 10, 80, { hash_ids: [1, 8] }),
    row(13, 12, 95.5),
    // Its parent is not in the file.
    row(30, 999, 99),
  ]);
  assertEquals(trace.sessions.map((session) => [session.id, ...turnLines(session)]), [
    [
      "10",
      "main0 1 at 0 after - +0",
      "main0 2 at 8886 after 0 +8886",
      "branch1 1 at 18886 after 0 +18886",
      "branch1 2 at 34386 after 2 +15500",
    ],
    ["20", "main0 1 at 3886 after - +0"],
    ["30", "main0 1 at 37886 after - +0"],
  ]);
  const [session] = trace.sessions;
  assertEquals(session!.chains[1], { name: "branch", parent: 0, depth: 1, systemTokens: 0 });
  assertEquals(
    session!.turns.map(({ prompt }) => prompt.kind === "blocks" && [...prompt.blocks.toArray()]),
    [[1, 2, 3], [1, 2, 7], [1, 8], [1, 2, 3]],
  );
  const { format, blockTokens, hasSessions, hasInstants } = trace;
  assertEquals([format, blockTokens, hasSessions, hasInstants], ["bailian", 16, true, true]);
  assert(trace.remarks[0]?.startsWith("the file has no ends of requests"));
});

Deno.test("bailian: an answer stands behind what it answers, whatever the instants, circles or not", async () => {
  const { sessions } = await readWritten([
    row(1, 2, 5),
    row(2, -1, 9),
    row(5, 6, 20),
    row(6, 5, 21),
  ]);
  assertEquals(sessions.map((session) => [session.id, ...turnLines(session)]), [
    ["2", "main0 1 at 4000 after - +4000", "main0 2 at 0 after 0 +0"],
    ["6", "main0 1 at 16000 after - +1000", "main0 2 at 15000 after 0 +0"],
  ]);
});

Deno.test("bailian: left out and refused", async () => {
  const { skipped, sessions } = await readWritten([
    row(1, -1, 0, { output_length: 0 }),
    row(2, 1, 1),
  ]);
  assertEquals([skipped, sessions.length], [{ "no output tokens": 1 }, 1]);
  const refuse = (rows: readonly unknown[], words: string) => assertRefused(rows, words, "bailian");
  await refuse([row(1, -1, 0), row(1, -1, 1)], "line 2: chat_id is 1, as in line 1");
  await refuse([row(1, -2, 0)], "line 1: parent_chat_id is -2");
  await refuse([row(1, -1, 0, { hash_ids: [1, 2, 3, 4] })], "40 tokens are 3 blocks of 16");
});
