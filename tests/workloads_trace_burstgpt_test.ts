import { assert, assertEquals } from "@std/assert";
import { turnsInOrder } from "../workloads/trace_sharing.ts";
import { assertRefused, readWritten, turnLines } from "./support/trace_files.ts";

Deno.test("burstgpt: rows of all models, failed ones left out and counted", async () => {
  const trace = await readWritten(
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n" +
      "5,ChatGPT,472,18,490,Conversation log\n" +
      "45,GPT-4,1087,230,1317,API log\n" +
      "118,ChatGPT,417,0,417,Conversation log\n" +
      '20.5,"ChatGPT",3,4,7,"API log, other"\n',
    { name: "BurstGPT.csv" },
  );
  const turns = [...turnsInOrder(trace)].map(({ session, turn }) => [
    turn.atMs,
    turn.prompt.kind === "blocks" && turn.prompt.inputTokens,
    turn.outputTokens,
    session.models[turn.model!],
  ]);
  assertEquals(turns, [
    [0, 472, 18, "ChatGPT"],
    [15_500, 3, 4, "ChatGPT"],
    [40_000, 1087, 230, "GPT-4"],
  ]);
  assertEquals(trace.skipped, { "no response tokens: the request failed": 1 });
  assertEquals([trace.format, trace.hasSessions], ["burstgpt", false]);
});

Deno.test("burstgpt: sessions of newer files wait for the ends of their requests", async () => {
  const trace = await readWritten(
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n" +
      "100,a,7.5,M,10,1,11,x\n" +
      "120,a,30,M,20,1,21,x\n" +
      "130,a,2,N,30,1,31,x\n" +
      "160,a,,M,40,1,41,x\n" +
      "90,,1,M,5,1,6,x\n",
    { name: "BurstGPT.csv" },
  );
  assert(trace.hasSessions);
  assertEquals(trace.sessions.map((session) => [session.id, ...turnLines(session)]), [
    ["row 1", "main0 1 at 0 after - +0"],
    [
      "a",
      "main0 1 at 10000 after - +0",
      "main0 2 at 30000 after 0 +12500",
      // It overlaps the one before.
      "parallel1 1 at 40000 after - +30000",
      "parallel1 2 at 70000 after 2 +28000",
    ],
  ]);
  assertEquals(trace.sessions[1]!.models, ["M", "N"]);
});

Deno.test("burstgpt: what does not fit is named by line and column", async () => {
  const header = "Timestamp,Model,Request tokens,Response tokens\n";
  await assertRefused(`${header}x,M,1,1\n`, 'line 2: Timestamp is "x"', "burstgpt");
  await assertRefused(`${header}1,M,1,-1\n`, 'line 2: Response tokens is "-1"', "burstgpt");
  await assertRefused(`${header}1,M,1,0\n`, "no response tokens: the request failed", "burstgpt");
});
