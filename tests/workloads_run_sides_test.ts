import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { Run } from "../metrics/run.ts";
import { type BenchOptions, measureBench, planBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { type CompletionsServer, startCompletionsServer } from "./support/completions_server.ts";

const OPTIONS: BenchOptions = {
  protocol: "openai-completions",
  concurrency: [1, 2],
  requests: 4,
  outputTokens: 2,
  warmup: 0,
  repeat: 2,
  witness: false,
  noCalibration: true,
  gpu: "off",
};

/** Requests by the server that they went to, in the order of the loads. */
function sidesOf({ header, records }: Run): readonly string[] {
  return header.loads.map(({ label, side, repeat }, load) =>
    `${label} = ${side} ${repeat}: ${records.filter((one) => one.load === load).length}`
  );
}

async function withServers<T>(use: (a: CompletionsServer, b: CompletionsServer) => Promise<T>) {
  const [a, b] = [startCompletionsServer(), startCompletionsServer({ models: ["other"] })];
  try {
    return await use(a, b);
  } finally {
    await a.stop();
    await b.stop();
  }
}

Deno.test("two servers are measured by turns, each asked by its own loads alone", async () => {
  await withServers(async (a, b) => {
    const run = await measureBench(a.url, { ...OPTIONS, against: b.url });
    const { header } = run;
    assertEquals(header.sides, [
      { name: "a", url: a.url },
      { name: "b", url: b.url, differs: "model other" },
    ]);
    assertEquals([header.repeats, header.url, header.loads.length], [2, a.url, 8]);
    for (const line of sidesOf(run)) {
      assert(/^\d users?, (a = 0|b = 1), repeat \d 4$|: 4$/.test(line), line);
      assertEquals(line.includes(", a, "), line.includes("= 0"));
    }
    const models = [a, b].map(({ bodies }) => new Set(bodies.map(({ model }) => model)));
    assertEquals(models.map((one) => [...one]), [["m"], ["other"]]);
    // A check, and four loads of four requests.
    assertEquals([a.bodies.length, b.bodies.length], [17, 17]);
    // The same prompts on both sides, but for their marks.
    const ids = header.loads.map((_, load) =>
      run.records.filter((one) => one.load === load).map(({ promptId }) => promptId).toSorted()
    );
    for (const users of ["1 user", "2 users"]) {
      const own = ids.filter((_, i) => header.loads[i]!.label.startsWith(users));
      assertEquals(new Set(own.map((one) => one.join())).size, 1);
    }
  });
});

Deno.test("two bodies, models or protocols of one server are sides, too", async () => {
  const server = startCompletionsServer();
  try {
    const run = await measureBench(server.url, {
      ...OPTIONS,
      concurrency: [1],
      extraBody: { n: 1 },
      againstBody: { n: 2, key: "secret-of-b" },
      againstModel: "tuned",
    });
    const bodies = server.bodies.slice(2);
    assertEquals(bodies.filter(({ n, model }) => n === 1 && model === "m").length, 8);
    assertEquals(bodies.filter(({ n, model }) => n === 2 && model === "tuned").length, 8);
    const [a, b] = run.header.sides!;
    assertEquals([a?.url, a?.differs], [server.url, undefined]);
    assertStringIncludes(b!.differs!, '--model tuned --extra-body {"n":2');
    assert(!JSON.stringify(run.header).includes("secret-of-b"), "a secret in the record");
  } finally {
    await server.stop();
  }
});

Deno.test("both sides are checked before anything is measured", async () => {
  const server = startCompletionsServer();
  try {
    await assertRejects(
      () => measureBench(server.url, { ...OPTIONS, against: "http://127.0.0.1:9" }),
      UserError,
      "http://127.0.0.1:9",
    );
    assertEquals(server.bodies.length, 1);
  } finally {
    await server.stop();
  }
});

Deno.test("sides have six repeats unless told otherwise, and a limit of loads", async () => {
  const url = "http://127.0.0.1:9";
  const plan = await planBench(url, { against: "http://127.0.0.1:10", concurrency: [4] });
  assertEquals([plan.order?.length, plan.other?.plan.url], [12, "http://127.0.0.1:10"]);
  assertEquals(plan.other?.plan.salt, plan.salt);
  const once = await planBench(url, { againstBody: {}, concurrency: [4], repeat: 1 });
  assertEquals(once.order?.map(({ side, repeat }) => [side, repeat]).toSorted(), [
    [0, undefined],
    [1, undefined],
  ]);
  await assertRejects(
    () => planBench(url, { againstBody: {}, concurrency: [1, 2], repeat: 300 }),
    UserError,
    "Cannot measure 1200 loads in one run (2 loads, 300 times, on two sides): 1000 is the most",
  );
  await assertRejects(() => planBench(url, { against: "ftp://x" }), UserError, "ftp://x");
});

Deno.test("Ctrl-C in a later repeat keeps what there is", async () => {
  const server = await startSimServer({ ttft: "5", itl: "1" });
  const stop = new AbortController();
  try {
    const run = await measureBench(server.url, {
      ...OPTIONS,
      protocol: "openai-chat",
      againstBody: {},
      concurrency: [1],
      repeat: 3,
    }, {
      stopSignal: stop.signal,
      onLoadEnd: ({ load }) => void (load === 2 && stop.abort()),
    });
    assertEquals(run.ends.map(({ skipped = false }) => skipped), [
      ...[false, false, false],
      ...[true, true, true],
    ]);
  } finally {
    await server.stop();
  }
});
