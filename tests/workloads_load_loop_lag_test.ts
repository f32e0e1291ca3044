import { assertAlmostEquals, assertEquals } from "@std/assert";
import { sampleLoopLag, worstLag } from "../workloads/load_loop_lag.ts";

Deno.test("sampleLoopLag remembers a stall however long the run goes on after it", async () => {
  const samples = 100_000;
  // Every wait ends 1 ms late, but the first, which ends half a second late.
  let nowMs = 0;
  let waits = 0;
  let wake = () => {};
  const done = new Promise<void>((resolve) => wake = resolve);
  const stop = sampleLoopLag({
    now: () => nowMs,
    sleepUntil(atMs) {
      if (waits === samples) {
        wake();
        return new Promise(() => {});
      }
      nowMs = atMs + (waits++ === 0 ? 500 : 1);
      return Promise.resolve();
    },
  });
  await done;
  const lag = stop();
  assertEquals([lag.samples, lag.maxMs], [samples, 500]);
  assertAlmostEquals(lag.p50Ms, 1, 0.001);
  assertAlmostEquals(lag.p99Ms, 1, 0.001);
});

Deno.test("sampleLoopLag has no lateness without a sample", () => {
  const stop = sampleLoopLag({ now: () => 0, sleepUntil: () => new Promise(() => {}) });
  assertEquals(stop(), { samples: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 });
});

Deno.test("worstLag: a stall of one thread is not hidden by another that is late more often", () => {
  const stalled = { samples: 10, p50Ms: 0.1, p99Ms: 1, maxMs: 300 };
  const late = { samples: 20, p50Ms: 0.5, p99Ms: 4, maxMs: 5 };
  assertEquals(worstLag([stalled, late]), { samples: 30, p50Ms: 0.5, p99Ms: 4, maxMs: 300 });
  assertEquals(worstLag([stalled]), stalled);
});
