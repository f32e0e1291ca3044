import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFinder } from "../workloads/find_finder.ts";
import { planFind } from "../workloads/find_plan.ts";
import type { BenchPlan } from "../workloads/bench_plan.ts";
import { dippedEngine, noisyEngine, queueEngine } from "./support/simulated_queue.ts";
import { searchSimulated } from "./support/simulated_search.ts";

Deno.test("a search finds the lower limit of an engine that is slow at middle rates", () => {
  const engine = dippedEngine();
  const { capacity: { kept, broke, estimate, sentence } } = searchSimulated(engine, { seed: 0 });
  assert(kept! < engine.truth && broke! >= engine.truth, sentence);
  assert(estimate! >= kept! && estimate! <= broke!);
});

Deno.test("a search's bracket holds the limit of engines whose latency is chance", () => {
  // Coarse, so that it takes few probes; `deno task bench:capacity` has all of them.
  for (const engine of [queueEngine(), noisyEngine()]) {
    const { capacity } = searchSimulated(engine, { seed: 1, tolerance: "50%", rate: [2, 40] });
    const { kept, broke, sentence } = capacity;
    assert(kept! < engine.truth && broke! > engine.truth, `${engine.name}: ${sentence}`);
  }
});

/** A finder whose plan has this load as its example. */
function finderOf(load: unknown, values: Parameters<typeof planFind>[0], replay?: unknown) {
  const plan = { loads: [load], stops: [{}], warmups: ["short"], replay } as unknown as BenchPlan;
  const lines: string[] = [];
  const asked = planFind({ slo: "ttft:p95<500", ...values })!;
  const finder = createFinder({ asked, plan, note: (line) => lines.push(line) });
  return { finder, lines, asked };
}

Deno.test("a finder of users begins at 8, with so many requests as the percentile needs", () => {
  const { finder } = finderOf({ kind: "closed", users: 1, rampUpMs: 0 }, { find: "concurrency" });
  const { first, lowest, highest, axis } = finder.begin(2000);
  assertEquals([axis, first, lowest, highest], ["concurrency", 8, 1, 1024]);
  const { load, stop, probe } = finder.next()!;
  assertEquals([load.kind === "closed" && load.users, probe], [8, 8]);
  assertEquals(stop.requests, 200);
});

Deno.test("a finder of rates begins where about four requests are in flight", () => {
  const { finder } = finderOf({ kind: "open", ratePerSec: 1 }, { find: "rate" });
  assertEquals(finder.begin(2000).first, 2);
  // 10 s at least.
  const { finder: fast } = finderOf({ kind: "open", ratePerSec: 1 }, { find: "rate" });
  fast.begin(40);
  assertEquals(fast.next()!.stop.requests, 1000);
});

Deno.test("a finder raises the sessions or the speed of a recording", () => {
  const sessions = { kind: "replay", mode: "sessions", users: 1, speedup: 1 };
  const slots = finderOf(sessions, { find: "concurrency" }, { mode: "sessions" }).finder;
  assertEquals(slots.begin(1000).axis, "sessions");
  assertEquals(slots.next()!.load, { ...sessions, users: 8 } as never);
  const schedule = {
    ...{ kind: "replay", mode: "schedule", users: 0, speedup: 2 },
    ...{ peakPerSec: 10, lastMs: 60_000 },
  };
  const speed = finderOf(schedule, { find: "rate" }, { mode: "schedule" }).finder;
  assertEquals([speed.begin(1000).axis, speed.begin(1000).first], ["speedup", 2]);
  const { load } = speed.next()!;
  assertEquals(load, schedule as never);
});

Deno.test("a search by rate of sessions that wait for their answers is refused", () => {
  let message = "";
  try {
    finderOf({ kind: "replay", mode: "sessions" }, { find: "rate" }, { mode: "sessions" });
  } catch (error) {
    message = (error as Error).message;
  }
  assertStringIncludes(message, "use concurrency");
});
