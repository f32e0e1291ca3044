import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFinder } from "../workloads/find_finder.ts";
import { planFind } from "../workloads/find_plan.ts";
import type { BenchPlan } from "../workloads/bench_plan.ts";
import { createAccumulator } from "../metrics/summary.ts";
import type { LoadPlan } from "../metrics/run.ts";
import { createRecord } from "./support/create_record.ts";
import { createHeader } from "./support/create_run.ts";
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

Deno.test("a finder of a fleet judges what its agents tell as what it sees itself", () => {
  const told = [true, false].map((together) => {
    const asked = planFind({ slo: "ttft:p95<500", find: "rate" })!;
    const lines: string[] = [];
    const finder = createFinder({
      ...{ asked, note: (line) => lines.push(line) },
      // A state of other slices would be refused.
      sliceMs: 500,
      plan: {
        ...{ loads: [{ kind: "open", ratePerSec: 1 }], stops: [{}], warmups: ["short"] },
      } as unknown as BenchPlan,
    });
    const fleet = { name: "f", run: "r", agents: [] };
    const find = finder.begin(100);
    const header = createHeader({ find, ...(together ? { fleet } : {}) });
    finder.open(header);
    for (let load = 0; load < 3; load++) {
      const { probe } = finder.next()!;
      const plan: LoadPlan = { label: `${probe}`, kind: "open", ratePerSec: probe!, probe: probe! };
      const records = Array.from({ length: 400 }, (_, index) => {
        const sentMs = index * 1000 / probe!;
        const ttft = (load < 2 ? 100 : 400) + 200 * ((index * 37) % 100) / 100;
        const ticks = [[sentMs + ttft, 1], [sentMs + ttft + 10, 2]] as const;
        return createRecord({ load, index, sentMs, ticks });
      });
      finder.plan(plan);
      if (!together) { for (const record of records) finder.see(record); }
      for (let agent = 0; together && agent < 3; agent++) {
        const part = { fleet: "f", run: "r", agent, agents: 3 };
        const own = createAccumulator({ ...createHeader({ find }), part }, {
          ...{ values: "histogram", sliceMs: 500 },
        });
        for (let i = 0; i <= load; i++) own.plan(plan);
        for (const record of records) if (record.index % 3 === agent) own.add(record);
        finder.absorb!(JSON.parse(JSON.stringify(own.state(load))));
      }
      const durationMs = records.at(-1)!.endMs!;
      finder.end({
        ...{ load, durationMs, rampEndMs: 0, sendingEndMs: records.at(-1)!.sentMs! },
        interrupted: false,
      });
    }
    return lines.map((line) => line.replace(/\d+(\.\d+)?( ms| s|%| %)/g, "…"));
  });
  assertEquals(told[0], told[1]);
  assertEquals(told[0]!.slice(-3).map((line) => line.split(": ")[1]!.split(" is ")[1]), [
    ...["kept", "kept", "broken"],
  ]);
});
