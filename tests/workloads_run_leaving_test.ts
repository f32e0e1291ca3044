/** Users who think, who leave, and who are held back, from the options to the records. */
import { assert, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { startSimServer } from "../backends/sim_server.ts";
import type { SimServer } from "../backends/sim_server.ts";
import type { LoadEnd } from "../metrics/run.ts";
import { summarize } from "../metrics/summary.ts";
import { leaversOf, parseCancel } from "../workloads/load_cancel.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

/** A load of few requests, for a server of a known pace. */
const SHORT: BenchOptions = {
  ...{ transport: "socket", warmup: 0, outputTokens: 40, seed: 3 },
};

async function measured(
  options: BenchOptions,
  sim: Parameters<typeof startSimServer>[0] = { ttft: "40", itl: "10" },
) {
  const server = await startSimServer({ ...sim, port: 0 });
  try {
    const run = await measureBench(server.url, { ...SHORT, ...options });
    const records = run.records.filter(({ phase }) => phase === "measure");
    return { run, records, truth: await settled(server), url: server.url };
  } finally {
    await server.stop();
  }
}

/** The server's log of the load, once it has noticed who is gone. */
async function settled(server: SimServer) {
  while (server.truth().some(({ end }) => end === "running")) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return server.truth();
}

const kindOf = ({ outcome }: RequestRecord) => outcome.kind;

for (const [transport, workers] of [["socket", 2], ["fetch", 0], ["epoll", 1]] as const) {
  Deno.test({
    name: `--cancel over ${transport}: the server sees who leaves, and their tokens count`,
    ignore: transport === "epoll" && Deno.build.os !== "linux",
    async fn() {
      const { run, records, truth } = await measured({
        ...{
          transport,
          workers,
          concurrency: [6],
          requests: 18,
          outputTokens: 60,
          cancel: "50%:after=ttft+50ms",
        },
      });
      const left = records.filter((one) => kindOf(one) === "cancelled_as_planned");
      assert(left.length > 3 && left.length < 15, `${left.length}`);
      assertEquals(new Set(records.map(kindOf)), new Set(["ok", "cancelled_as_planned"]));
      // The check request is in the log, too.
      const gone = truth.filter(({ end }) => end === "gone");
      assertEquals(gone.length, left.length);
      for (const { outputTokens, tickMs, outcome } of left) {
        // About five of 60 tokens had come; how many, a busy machine decides.
        assert(outputTokens!.tokens > 0 && outputTokens!.tokens < 60, `${outputTokens?.tokens}`);
        assert(tickMs.length > 0);
        assert(outcome.kind !== "ok" && outcome.message.includes("50 ms after the first bytes"));
      }
      const [load] = summarize(run).loads;
      assertEquals(load!.counts.cancelledAsPlanned, left.length);
      assertEquals([load!.counts.failed, load!.counts.cancelled], [0, 0]);
      assertEquals(load!.plan.cancel, "50%:after=ttft+50ms");
      // Whoever leaves follows from the seed, whatever the transport and the threads.
      const leaves = leaversOf(parseCancel(load!.plan.cancel!), { seed: 3, loadNumber: 0 });
      const meant = records.filter(({ index }) =>
        leaves({ index, user: 0, item: 0, intendedMs: 0 })
      );
      assertEquals(left, meant);
    },
  });
}

Deno.test("--cancel after sending, in an open loop: whoever was answered before has a record as usual", async () => {
  const { records, truth } = await measured({
    ...{ rate: [100], arrival: "constant", requests: 20, cancel: "100%:after=50ms" },
  }, { ttft: "1500", itl: "1" });
  assertEquals(records.map(kindOf), Array(20).fill("cancelled_as_planned"));
  // Before their first token: nothing to count.
  assert(records.every(({ outputTokens }) => outputTokens === undefined));
  // A machine that is busy may not have connected yet.
  const ends = truth.filter(({ requestedTokens }) => requestedTokens === 40).map(({ end }) => end);
  assertEquals(new Set(ends), new Set(["gone"]));
  const { records: quick } = await measured({
    ...{ concurrency: [2], requests: 8, outputTokens: 4, cancel: "100%:after=30" },
  });
  assertEquals(quick.map(kindOf), Array(8).fill("ok"));
});

Deno.test("--cancel in sessions: the same turns whatever the threads, and their sessions go on", async () => {
  await inTempFolder(async (folder) => {
    const turn = { messages: [{ role: "user", content: "Go on." }], output_tokens: 40 };
    const path = `${folder}/talks.jsonl`;
    const talks = ["a", "b", "c", "d", "e"].map((id) => ({ id, turns: [turn, turn] }));
    await Deno.writeTextFile(path, talks.map((one) => JSON.stringify(one)).join("\n"));
    const leavers: string[][] = [];
    for (const workers of [1, 2]) {
      const { records } = await measured({
        ...{ dataset: "trace", datasetPath: path, concurrency: [5], workers, outputTokens: 40 },
        cancel: "50%:after=ttft+50ms",
      });
      assertEquals(records.length, 10);
      const left = records.filter((one) => kindOf(one) === "cancelled_as_planned");
      assert(left.length > 0 && left.length < 10, `${left.length}`);
      leavers.push(left.map(({ session, turn }) => `${session} ${turn}`).toSorted());
    }
    assertEquals(leavers[0], leavers[1]);
  });
});

Deno.test("--max-prefill: no more than so many are before their first token at the server", async () => {
  const { run, records, truth } = await measured({
    ...{ concurrency: [8], requests: 24, maxPrefill: 2, workers: 4, outputTokens: 20 },
  }, { ttft: "30", itl: "5" });
  const spans = truth.filter(({ requestedTokens }) => requestedTokens === 20)
    .map(({ arrivalMs, writeMs }) => [arrivalMs, writeMs[0]!] as const);
  assertEquals(spans.length, 24);
  for (const [fromMs] of spans) {
    const before = spans.filter(([from, to]) => from <= fromMs && fromMs < to).length;
    assert(before <= 2, `${before} before their first token`);
  }
  const held = records.filter(({ heldMs }) => heldMs !== undefined);
  assert(held.length > 0);
  for (const { heldMs, intendedMs, sentMs } of held) assert(heldMs! <= sentMs! - intendedMs + 0.01);
  assertEquals(run.header.loads[0]!.maxPrefill, 2);
  // Each thread has a part of it.
  assertEquals(run.header.workers, 2);
});

Deno.test("--think-time: users pause between answers, and nothing of it is lateness", async () => {
  const { run, records } = await measured({
    ...{ concurrency: [3], requests: 12, thinkTime: "uniform:20ms:60ms", outputTokens: 3 },
  }, { ttft: "10", itl: "1" });
  assertEquals(records.map(kindOf), Array(12).fill("ok"));
  const { thinkTime, users } = run.header.loads[0]!;
  assertEquals([thinkTime, users], ["uniform:20:60", 3]);
  const [{ durationMs, sendingEndMs }] = run.ends as [LoadEnd];
  assert(sendingEndMs <= durationMs, `${sendingEndMs} of ${durationMs}`);
  for (const user of [0, 1, 2]) {
    const own = records.filter((one) => one.user === user)
      .toSorted((a, b) => a.intendedMs - b.intendedMs);
    for (const [i, { intendedMs }] of own.entries()) {
      if (i > 0) assert(intendedMs >= own[i - 1]!.endMs! + 20, `${intendedMs}`);
    }
  }
});

Deno.test("options of users who think and leave are refused where they cannot work", async () => {
  const refused = async (words: readonly string[], ...says: readonly string[]) => {
    const { code, err } = await runCli(["bench", "http://127.0.0.1:1", ...words]);
    assertEquals(code, 2, err);
    for (const one of says) assert(err.includes(one), err);
  };
  await refused(["--cancel", "0%:after=1s"], '"0%:after=1s"', "above 0 %");
  await refused(["--cancel", "half"], "10%:after=ttft+500ms or 10%:after=200ms");
  await refused(["--max-prefill", "0"], "--max-prefill");
  await refused(["--think-time", "soon"], '"soon"', "uniform:1s:5s");
  await refused(["--rate", "4", "--think-time", "1s"], "--think-time", "only users");
});
