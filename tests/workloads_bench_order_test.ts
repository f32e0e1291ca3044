import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { baseLabel } from "../metrics/load_repeats.ts";
import { planOrder } from "../workloads/bench_order.ts";
import { type BenchOptions, measureBench, planBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { startCompletionsServer } from "./support/completions_server.ts";
import { agentFile } from "./support/recordings.ts";
import { inTempFolder } from "./support/run_cli.ts";

const URL = "http://127.0.0.1:9";

function shown(order: ReturnType<typeof planOrder>): string {
  return (order ?? []).map(({ base, side, repeat }) =>
    `${base}${side === undefined ? "" : "ab"[side]}${repeat ?? ""}`
  ).join(" ");
}

Deno.test("each round of repeats begins with the next load", () => {
  const order = (loads: number, repeats: number) =>
    shown(planOrder({ loads, repeats, sides: 1, seed: 0 }));
  assertEquals(order(3, 1), "");
  assertEquals(order(1, 3), "01 02 03");
  assertEquals(order(3, 4), "01 11 21 12 22 02 23 03 13 04 14 24");
});

Deno.test("of two repeats in a row one has the sides a b, the other b a, and chance says which", () => {
  const starts = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const order = planOrder({ loads: 2, repeats: 4, sides: 2, seed })!;
    assertEquals(order.length, 16);
    for (const base of [0, 1]) {
      const sides = order.filter((one) => one.base === base).map(({ side }) => side).join("");
      assert(/^(0110|1001){2}$/.test(sides), sides);
      starts.add(sides);
    }
    // The two sides of a repeat stand next to each other.
    for (let i = 0; i < order.length; i += 2) {
      const [one, other] = [order[i]!, order[i + 1]!];
      assertEquals([one.base, one.repeat], [other.base, other.repeat]);
    }
    assertEquals(order, planOrder({ loads: 2, repeats: 4, sides: 2, seed }));
  }
  assertEquals(starts.size, 4);
});

Deno.test("where a change of sides is dear, all loads of a side follow each other", () => {
  const order = planOrder({ loads: 2, repeats: 2, sides: 2, seed: 1, together: true });
  const expected = ["0a1 1a1 0b1 1b1 1b2 0b2 1a2 0a2", "0b1 1b1 0a1 1a1 1a2 0a2 1b2 0b2"];
  assert(expected.includes(shown(order)), shown(order));
});

/** Measures on a server that keeps what it was sent. */
async function measured(options: BenchOptions) {
  const server = startCompletionsServer();
  const notes: string[] = [];
  try {
    const run = await measureBench(server.url, {
      protocol: "openai-completions",
      outputTokens: 2,
      witness: false,
      noCalibration: true,
      gpu: "off",
      ...options,
    }, { note: (line) => notes.push(line) });
    const prompts = server.bodies.map(({ prompt }) => String(prompt));
    return { run, prompts, notes };
  } finally {
    await server.stop();
  }
}

Deno.test("repeats send the same prompts at the same instants, each with a mark of its own", async () => {
  const { run, prompts } = await measured({
    ...{ rate: [200, 400], requests: 6, repeat: 3, salt: "abc", warmup: 0 },
    transport: "fetch",
  });
  const { header, records } = run;
  assertEquals(header.repeats, 3);
  assertEquals(header.options.repeat, 3);
  assertEquals(header.loads.map(({ label }) => label), [
    "200 req/s poisson, repeat 1",
    "400 req/s poisson, repeat 1",
    "400 req/s poisson, repeat 2",
    "200 req/s poisson, repeat 2",
    "200 req/s poisson, repeat 3",
    "400 req/s poisson, repeat 3",
  ]);
  const sent = header.loads.map((plan, load) => ({
    base: baseLabel(plan),
    requests: records.filter((one) => one.load === load)
      .toSorted((a, b) => a.index - b.index)
      .map(({ promptId, intendedMs }) => `${promptId} ${intendedMs.toFixed(3)}`),
  }));
  for (const base of ["200 req/s poisson", "400 req/s poisson"]) {
    const [first, ...others] = sent.filter((one) => one.base === base);
    assertEquals(first?.requests.length, 6);
    for (const other of others) assertEquals(other.requests, first?.requests);
  }
  assertNotEquals(sent[0]?.requests, sent[1]?.requests);
  // The check, and 36 requests of 6 loads: no two share their beginning unless they are of one load.
  const marks = prompts.slice(1).map((prompt) => prompt.slice(0, 8));
  assertEquals(new Set(marks).size, 6);
});

Deno.test("with a mark for each request no repeat sends one again", async () => {
  const { prompts } = await measured({
    ...{ concurrency: [2], requests: 5, repeat: 2, saltScope: "request", warmup: 0 },
  });
  assertEquals(new Set(prompts.map((prompt) => prompt.slice(0, 8))).size, 11);
});

Deno.test("repeats without marks are told to be warm, unless the cache is emptied", async () => {
  const options = { concurrency: [1], requests: 2, warmup: 0, saltScope: "none" } as const;
  const warm = "Repeats send the same prompts without marks: a prefix cache may know them from " +
    "the repeat before (--reset-cache empties it)";
  const notes = async (more: BenchOptions) => (await measured({ ...options, ...more })).notes;
  assert((await notes({ repeat: 2 })).includes(warm));
  assert(!(await notes({ repeat: 1 })).includes(warm));
  assert(!(await notes({ repeat: 2, resetCache: `${URL}/reset` })).includes(warm));
});

Deno.test("a pool is as large as for one repeat, and measurements are limited", async () => {
  const one = await planBench(URL, { concurrency: [2, 4], requests: 10 });
  const three = await planBench(URL, { concurrency: [2, 4], requests: 10, repeat: 3 });
  assertEquals(three.prompts, one.prompts);
  assertEquals([one.order, three.order?.length], [undefined, 6]);
  await assertRejects(
    () => planBench(URL, { concurrency: [1, 2], repeat: 501 }),
    UserError,
    "Cannot measure 1002 loads in one run (2 loads, 501 times): 1000 is the most",
  );
});

Deno.test("repeats of a recording have its sessions in the same order, each use with a mark", async () => {
  await inTempFolder(async (folder) => {
    for (const id of ["a", "b", "c"]) {
      await Deno.writeTextFile(`${folder}/${id}.json`, agentFile(id));
    }
    const server = await startSimServer({ ttft: "1", itl: "0" });
    const notes: string[] = [];
    const replayed = async (saltScope: "load" | "session") =>
      await measureBench(server.url, {
        ...{
          gpu: "off",
          witness: false,
          warmup: 0,
          idleCap: "1ms",
          noCalibration: true,
          saltScope,
        },
        ...{ dataset: "trace", datasetPath: folder, concurrency: [1], repeat: 2 },
      }, { note: (line) => notes.push(line) });
    try {
      const { header, records, sessions = [] } = await replayed("load");
      assert(!notes.some((line) => line.startsWith("Repeats")));
      assertEquals(header.loads.map(({ label }) => label), [
        "1 session, repeat 1",
        "1 session, repeat 2",
      ]);
      const orderOf = (load: number) =>
        records.filter((one) => one.load === load).toSorted((a, b) => a.index - b.index)
          .map(({ session, chain, turn }) => `${session} ${chain}.${turn}`);
      assert(orderOf(0).length > 10);
      assertEquals(orderOf(1).toSorted(), orderOf(0).toSorted());
      const ends = (load: number) =>
        sessions.filter((one) => one.load === load).map(({ session }) => session);
      assertEquals(ends(0).length, 3);
      assertEquals(ends(1), ends(0));
      // A perfect cache knows nothing of the first repeat in the second.
      const expected = (load: number) =>
        records.filter((one) => one.load === load)
          .reduce((sum, { expectedCachedTokens = 0 }) => sum + expectedCachedTokens, 0);
      assertEquals(expected(1), expected(0));
      await replayed("session");
      assert(notes.some((line) => line.startsWith("Repeats share the system prompts")));
    } finally {
      await server.stop();
    }
  });
});
