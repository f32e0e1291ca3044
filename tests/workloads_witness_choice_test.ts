import { assertEquals, assertMatch } from "@std/assert";
import type { Load } from "../workloads/load.ts";
import { orLate, streamsBeside, tooShort, witnessPace } from "../workloads/witness_choice.ts";
import { originBetween } from "../workloads/witness_engine.ts";

const users = (count: number): Load => ({
  ...{ kind: "closed", users: count, rampUpMs: 0, sequence: "disjoint" },
});
const rate = (ratePerSec: number): Load => ({
  ...{ kind: "open", arrival: "poisson", ratePerSec, shape: 1, maxInFlight: 0, overflow: "wait" },
});

Deno.test("witness: two streams, half a percent of many, never more than 2 %", () => {
  assertEquals([1, 64, 400, 512, 1024, 4096].map(streamsBeside), [2, 2, 2, 3, 6, 21]);
  for (let n = 1; n < 5000; n += 7) {
    assertEquals(streamsBeside(n) <= Math.max(2, 0.02 * n), true, `${n}`);
  }
  // All at once: nobody knows how many will be in flight.
  assertEquals(streamsBeside(Infinity), 2);
});

Deno.test("witness: a load of few requests or of less than a second has none", () => {
  assertMatch(tooShort(users(4), { requests: 19 }, 5000)!, /too short/);
  assertEquals(tooShort(users(4), { requests: 20 }, 5000), undefined);
  assertMatch(tooShort(users(8), { requests: 64 }, 100)!, /too short/);
  assertEquals(tooShort(users(8), { requests: 80 }, 100), undefined);
  assertMatch(tooShort(users(8), { durationMs: 900 }, 100)!, /too short/);
  assertEquals(tooShort(users(8), { durationMs: 1000 }, 100), undefined);
  assertMatch(tooShort(rate(100), { requests: 80 }, 100)!, /too short/);
  assertEquals(tooShort(rate(10), { requests: 20 }, 0), undefined);
});

Deno.test("witness: the time of day decides between two clocks unless their answers refute it", () => {
  assertEquals(originBetween(99.9, 100.1, 100.02), 100.02);
  assertEquals(originBetween(99.9, 100.1, 100.11), 100.11);
  assertEquals(originBetween(99, 101, 350), 100);
});

Deno.test("witness: its streams are as slow as enough ticks allow, but where they give the brackets", () => {
  const pace = (transport: string, itlMs: number, streamMs: number) =>
    witnessPace({ transport, itlMs, streamMs });
  // Two streams beside 14 s of load: 300 ticks, 100 departures.
  assertEquals(pace("epoll", 20, 28_000), { itlMs: 93.3, outputTokens: 3 });
  assertEquals(pace("socket", 20, 28_000), pace("epoll", 20, 28_000));
  // No faster than the load, no slower than ten tokens a second.
  assertEquals(pace("grpc-socket", 50, 2_000).itlMs, 50);
  assertEquals(pace("epoll", 20, 1e6).itlMs, 100);
  for (const transport of ["fetch", "grpc", "auto"]) {
    assertEquals(pace(transport, 20, 28_000), { itlMs: 20, outputTokens: 8 });
  }
});

Deno.test("a load does not wait for an engine that is late", async () => {
  assertEquals(await orLate(new Promise<string>(() => {}), 1), undefined);
  assertEquals(await orLate(Promise.resolve("engine"), 60_000), "engine");
});
