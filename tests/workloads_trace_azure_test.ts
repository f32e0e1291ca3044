import { assertEquals } from "@std/assert";
import { instantOf } from "../workloads/trace_azure.ts";
import { turnsInOrder } from "../workloads/trace_sharing.ts";
import { assertRefused, readWritten } from "./support/trace_files.ts";

const HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

Deno.test("azure: instants keep their 100 ns, with and without an offset, sorted", async () => {
  const trace = await readWritten(
    HEADER + "2023-11-16 18:17:03.9799601,4808,10\r\n" +
      "2023-11-16 18:17:03.9799600+00:00,5,6\n" +
      "2023-11-16 19:17:04+01:00,7,8\n\n" +
      "2023-11-17T00:00:00Z,9,1\n",
    { name: "trace.csv" },
  );
  const turns = [...turnsInOrder(trace)].map(({ turn }) => [
    turn.atMs,
    turn.prompt.kind === "blocks" && turn.prompt.inputTokens,
    turn.outputTokens,
  ]);
  assertEquals(turns, [
    [0, 5, 6],
    [0.0001, 4808, 10],
    [20.04, 7, 8],
    [20_576_020.04, 9, 1],
  ]);
  assertEquals([trace.format, trace.hasSessions, trace.blockTokens], ["azure", false, 0]);
});

Deno.test("azure: a file of 2024 and one without the ending .csv are read", async () => {
  const text = HEADER + "2024-05-10 00:00:00.009930+00:00,2162,5\n";
  assertEquals((await readWritten(text, { name: "trace.txt" })).sessions.length, 1);
});

Deno.test("instantOf refuses what is no instant", () => {
  assertEquals(instantOf("2023-11-16 18:17:03.5-05:30"), {
    seconds: Date.UTC(2023, 10, 16, 23, 47, 3) / 1000,
    nanoseconds: 500_000_000,
  });
  const wrong = ["", "2023-13-16 18:17:03", "2023-02-30 18:17:03", "18:17:03", "1700158623"];
  for (const text of wrong) assertEquals(instantOf(text), undefined, text);
});

Deno.test("azure: rows without tokens are counted, others that do not fit are named", async () => {
  const at = "2023-11-16 18:17:03.9799600";
  const { skipped } = await readWritten(`${HEADER}${at},0,3\n${at},3,0\n${at},1,1\n`);
  assertEquals(skipped, { "no input tokens": 1, "no output tokens": 1 });
  const refuse = (row: string, words: string) => assertRefused(HEADER + row, words, "azure");
  await refuse("yesterday,1,1\n", 'line 2: TIMESTAMP is "yesterday", not an instant like 2023');
  await refuse(`${at},x,1\n`, 'line 2: ContextTokens is "x", not a number');
  await refuse(`${at},,1\n`, 'line 2: ContextTokens is "", not a number');
  await refuse(`${at},1.5,1\n`, "line 2: ContextTokens is 1.5, not a whole number");
  await refuse(`${at},1\n`, "line 2: it has 2 cells, the header 3");
  await refuse(`${at},0,1\n`, "left out: 1: no input tokens");
  await assertRefused("TIMESTAMP,x\n", "line 1: the header has no column ContextTokens", "azure");
});
