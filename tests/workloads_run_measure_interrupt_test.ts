import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { summarize } from "../metrics/summary.ts";
import { measureBench } from "../workloads/run_bench.ts";
import { EXIT, UserError } from "../workloads/user_error.ts";

const LOADS = { concurrency: [2, 3], requests: 4, warmup: 2, outputTokens: 4, gpu: "off" } as const;

Deno.test("measure: what a stop has left out is told apart from what a killed client lost", async () => {
  const server = await startSimServer({ ttft: "5", itl: "1" });
  const stop = new AbortController();
  try {
    const run = await measureBench(server.url, LOADS, {
      stopSignal: stop.signal,
      // In the warm-up of the second load.
      onRecord: ({ load, phase }) => load === 1 && phase === "warmup" && stop.abort(),
    });
    assertEquals(
      run.ends.map(({ interrupted, skipped = false }) => [interrupted, skipped]),
      [[false, false], [true, true]],
    );
    const [, second] = summarize(run).loads;
    assertEquals([second!.interrupted, second!.complete], [true, true]);
    const { message } = second!.checks.find(({ name }) => name === "complete")!;
    assertStringIncludes(message, "stopped by hand before this load");
  } finally {
    await server.stop();
  }
});

Deno.test("measure: stopped before anything was measured, there is nothing to report", async () => {
  const server = await startSimServer({ ttft: "5", itl: "1" });
  const stop = new AbortController();
  try {
    const error = await assertRejects(
      () =>
        measureBench(server.url, LOADS, { stopSignal: stop.signal, onRecord: () => stop.abort() }),
      UserError,
      "before anything was measured",
    );
    assertEquals(error.exitCode, EXIT.interrupted);
  } finally {
    await server.stop();
  }
});

Deno.test("measure: a server that never answers does not keep a stop waiting", async () => {
  const server = await startSimServer({ faults: ["hang:1"] });
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 200);
  try {
    const error = await assertRejects(
      () => measureBench(server.url, LOADS, { stopSignal: stop.signal }),
      UserError,
      "before the first request",
    );
    assertEquals(error.exitCode, EXIT.interrupted);
  } finally {
    clearTimeout(timer);
    await server.stop();
  }
});
