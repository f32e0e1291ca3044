/** One state of those that the agents of a fleet tell. */
import { assertEquals } from "@std/assert";
import { LedAgent } from "../workloads/fleet_lead_agents.ts";
import { cutBy, liveLoad, progressOf } from "../workloads/fleet_lead_progress.ts";
import type { Update } from "../workloads/fleet_messages.ts";
import type { ProgressState } from "../workloads/live_progress.ts";

function agent(number: number, progress: Partial<ProgressState>, more: Partial<Update> = {}) {
  const hello = { protocol: 1, version: "1", agent: `${number}`, pid: 1 };
  const led = new LedAgent({ number, hello, nowMs: 0 });
  led.update = {
    agent: number,
    number: 1,
    progress: {
      ...{ phase: "measuring", load: 1, label: "x", done: 0, failed: 0, inFlight: 0, elapsedMs: 0 },
      ...progress,
    },
    ...{ sent: 0, completed: 0, failed: 0, outputTokens: 0, ttft: [], itl: [] },
    ...more,
  };
  return led;
}

const LOAD = {
  number: 1,
  plan: { label: "8 users", kind: "closed", stopRequests: 100 },
  loads: 3,
  elapsedMs: 4000,
} as const;

Deno.test("what agents tell of a load adds up, and the time left follows from all of it", () => {
  const agents = [
    agent(0, { done: 10, failed: 1, inFlight: 4, tokensPerSec: 100, leftMs: 90_000 }),
    agent(1, { done: 30, inFlight: 3, tokensPerSec: 50, leftMs: 70_000 }),
    // It has not come to this load yet.
    agent(2, { load: 0, done: 500, inFlight: 9 }),
  ];
  assertEquals(progressOf(agents, LOAD), {
    ...{ phase: "measuring", load: 1, label: "8 users", done: 40, failed: 1, inFlight: 7 },
    ...{ elapsedMs: 4000, loads: 3, total: 100, tokensPerSec: 150, leftMs: 6000 },
  });
});

Deno.test("before a load begins its agents warm up, and nothing of that counts", () => {
  const agents = [agent(0, { phase: "warm-up", done: 5 }), agent(1, { load: 0 })];
  const { phase, total, leftMs } = progressOf(agents, { ...LOAD, elapsedMs: undefined });
  assertEquals([phase, total, leftMs], ["warm-up", undefined, undefined]);
  const late = [agent(0, { done: 5 }), agent(1, { phase: "warm-up", done: 3 })];
  assertEquals(progressOf(late, LOAD).done, 0);
});

Deno.test("a search sees all that was sent, and is cut by more than half of the agents", () => {
  const agents = [
    agent(0, { inFlight: 2 }, { sent: 20, cut: "overloaded: a" }),
    agent(1, { inFlight: 3 }, { sent: 30 }),
    agent(2, { inFlight: 1, load: 0 }, { sent: 99, cut: "overloaded: of another load" }),
  ];
  assertEquals(liveLoad(agents, LOAD), { elapsedMs: 4000, sent: 50, inFlight: 5 });
  assertEquals(cutBy(agents, 1), undefined);
  agents[2]!.done = { agent: 2 };
  assertEquals(cutBy(agents, 1), undefined, "one of two is no more than half");
  agents[1] = agent(1, {}, { cut: "overloaded: b" });
  assertEquals(cutBy(agents, 1), "overloaded: a");
});
