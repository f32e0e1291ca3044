import { assertEquals, assertRejects } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { type BenchOptions, measureBench, planBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";

const URL = "http://127.0.0.1:9";

Deno.test("measureBench takes the options of the command line, typed", async () => {
  const server = await startSimServer({ ttft: "1", itl: "1" });
  try {
    const options = { concurrency: [2], requests: 4, outputTokens: 8 };
    const { header, records } = await measureBench(server.url, options);
    assertEquals(records.filter(({ phase }) => phase === "measure").length, 4);
    assertEquals(records[0]?.requestedTokens, 8);
    // Stored under the names of the command line, so that --config repeats the run.
    assertEquals(header.options["output-tokens"], "8");
    assertEquals(header.options.url, server.url);
  } finally {
    await server.stop();
  }
});

Deno.test("an unknown or wrong option neither compiles nor runs", async () => {
  const refused = async (options: BenchOptions) =>
    (await assertRejects(() => planBench(URL, options), UserError)).message;
  assertEquals(
    // @ts-expect-error: a slip of the pen.
    await refused({ concurency: [1] }),
    'Cannot use "concurency" in the options: "bench" has no such option; ' +
      'did you mean "concurrency"?',
  );
  // @ts-expect-error: a list.
  assertEquals((await planBench(URL, { concurrency: 2 })).loads.length, 1);
  // @ts-expect-error: no such arrival.
  await refused({ rate: [1], arrival: "poison" });
  // @ts-expect-error: measureBench starts no server.
  await refused({ launch: "vllm" });
});

Deno.test("options that the load would not use are refused, defaults are not", async () => {
  await assertRejects(() => planBench(URL, { maxInFlight: 4 }), UserError, "add --rate");
  await assertRejects(
    () => planBench(URL, { rate: [1], burstiness: 2 }),
    UserError,
    "Cannot use --burstiness without --arrival gamma: other arrivals have no shape",
  );
  const { loads } = await planBench(URL, { rate: [1], arrival: "gamma", burstiness: 2 });
  assertEquals(loads, [{
    kind: "open",
    arrival: "gamma",
    ratePerSec: 1,
    shape: 2,
    maxInFlight: 0,
    overflow: "wait",
  }]);
});

Deno.test("warm-up without --warmup: short answers, of prompts beside the pool's", async () => {
  const warmups = async (options: BenchOptions) => (await planBench(URL, options)).warmups;
  assertEquals(await warmups({ concurrency: [1, 8] }), ["short", "short"]);
  assertEquals(await warmups({ rate: [0.5, 100] }), ["short", "short"]);
  assertEquals(await warmups({ rate: [0.5], warmup: 0 }), [0]);
  assertEquals(await warmups({ once: true, dataset: "synthetic" }), [0]);
  const prompts = async (options: BenchOptions) =>
    (await planBench(URL, { concurrency: [1], requests: 10, ...options })).prompts;
  assertEquals([await prompts({}), await prompts({ warmup: 3 })], [10, 13]);
});
