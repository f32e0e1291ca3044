import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createRandom, exponential, type Random } from "../backends/random.ts";
import { type ClockSample, createClockEstimate } from "../workloads/fleet_clock.ts";
import { answerTime, watchClock } from "../workloads/fleet_clock.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { MemoryServer } from "./support/memory_bus.ts";

/** The leader's clock says this at the true time 0. */
const LEADER_MS = 1_790_000_000_000;

/** Two clocks and the way between them. */
interface World {
  /** Agent's minus leader's, at the true time 0. */
  readonly offsetMs: number;
  /** How much faster the agent's runs. */
  readonly driftPpm: number;
  /** Ways there and back: what no message is faster than, and what comes on top on average. */
  readonly there: readonly [least: number, more: number];
  readonly back: readonly [least: number, more: number];
}

function leaderAt(trueMs: number): number {
  return LEADER_MS + trueMs;
}

function agentAt({ offsetMs, driftPpm }: World, trueMs: number): number {
  return LEADER_MS + offsetMs + trueMs * (1 + driftPpm / 1e6);
}

function ask(world: World, trueMs: number, random: Random, clock = "a"): ClockSample {
  const way = ([least, more]: readonly [number, number]) => least + exponential(random, more);
  const receivedAt = trueMs + way(world.there);
  const sentAt = receivedAt + 0.05;
  return {
    askedMs: agentAt(world, trueMs),
    receivedMs: leaderAt(receivedAt),
    sentMs: leaderAt(sentAt),
    heardMs: agentAt(world, sentAt + way(world.back)),
    clock,
  };
}

/** Asks as `watchClock` does for so long, and returns what is known then, and the truth. */
function run(world: World, seconds: number, seed: number) {
  const random = createRandom(seed, "clock");
  const estimate = createClockEstimate();
  for (let trueMs = 0; trueMs < seconds * 1000; trueMs += 5000) {
    for (let i = 0; i < 3; i++) estimate.add(ask(world, trueMs + i * 10, random));
  }
  const endMs = seconds * 1000;
  return {
    known: estimate.at(agentAt(world, endMs))!,
    truthMs: agentAt(world, endMs) - leaderAt(endMs),
  };
}

Deno.test("the truth is within what is said, whichever half of the way takes longer", () => {
  const ways: readonly (readonly [World["there"], World["back"]])[] = [
    [[0.1, 0.2], [0.1, 0.2]],
    [[10, 5], [0.1, 0.1]],
    [[0.1, 0.1], [25, 10]],
    [[40, 1], [40, 30]],
  ];
  for (const [there, back] of ways) {
    for (const driftPpm of [0, 30, -180]) {
      for (let seed = 0; seed < 20; seed++) {
        const world = { offsetMs: 3000, driftPpm, there, back };
        const { known, truthMs } = run(world, 120, seed);
        const text = `${JSON.stringify({ world, seed, known })} truth ${truthMs}`;
        assertLess(Math.abs(known.offsetMs - truthMs), known.uncertaintyMs + 1e-3, text);
        // Half of the smallest round trip, and no less.
        assertGreater(known.uncertaintyMs, (there[0] + back[0]) / 2 - 1e-3, text);
        assertEquals(known.samples, 72, text);
      }
    }
  }
});

Deno.test("of noisy answers the fastest counts", () => {
  const world: World = { offsetMs: -3000, driftPpm: 0, there: [0.2, 20], back: [0.2, 20] };
  const { known, truthMs } = run(world, 300, 1);
  assertLess(known.uncertaintyMs, 6);
  assertAlmostEquals(known.offsetMs, truthMs, known.uncertaintyMs);
});

Deno.test("drift is told when two answers bound it, and followed between answers", () => {
  const world: World = { offsetMs: 10, driftPpm: 500, there: [0.1, 0.05], back: [0.1, 0.05] };
  const short = run(world, 10, 2).known;
  assertEquals(short.driftPpm, undefined);
  const { known, truthMs } = run(world, 600, 2);
  assertAlmostEquals(known.driftPpm!, 500, 2);
  assertLess(Math.abs(known.offsetMs - truthMs), known.uncertaintyMs);
  assertLess(known.uncertaintyMs, 0.5);
});

Deno.test("what was known is less sure the older it is", () => {
  const world: World = { offsetMs: 0, driftPpm: 0, there: [1, 0.1], back: [1, 0.1] };
  const estimate = createClockEstimate();
  estimate.add(ask(world, 0, createRandom(1, "clock")));
  const now = estimate.at(agentAt(world, 10))!;
  const later = estimate.at(agentAt(world, 60_000))!;
  assertAlmostEquals(later.uncertaintyMs - now.uncertaintyMs, 60 * 0.2, 0.01);
  assertEquals(later.offsetMs, now.offsetMs);
});

Deno.test("a clock that was set, and another leader's clock, are compared anew", () => {
  const random = createRandom(3, "clock");
  const estimate = createClockEstimate();
  const before: World = { offsetMs: 0, driftPpm: 0, there: [0.1, 0.1], back: [0.1, 0.1] };
  const after = { ...before, offsetMs: 5000 };
  for (let i = 0; i < 20; i++) estimate.add(ask(before, i * 1000, random));
  estimate.add(ask(after, 21_000, random));
  const known = estimate.at(agentAt(after, 21_001))!;
  assertEquals(known.samples, 1);
  assertAlmostEquals(known.offsetMs, 5000, known.uncertaintyMs);
  estimate.add(ask(after, 22_000, random, "another"));
  assertEquals(estimate.at(agentAt(after, 22_001))!.samples, 1);
});

Deno.test("an answer that contradicts itself is none", () => {
  const estimate = createClockEstimate();
  const good = { askedMs: 10, receivedMs: 110, sentMs: 111, heardMs: 12, clock: "a" };
  estimate.add({ ...good, heardMs: 10.5 });
  estimate.add({ ...good, sentMs: 109 });
  estimate.add({ ...good, heardMs: NaN });
  assertEquals(estimate.at(20), undefined);
  estimate.add(good);
  assertEquals(estimate.at(12)!.offsetMs, ((10 - 110) + (12 - 111)) / 2);
});

Deno.test("watchClock asks over the bus, and again after a cut; an answer of rubbish is none", async () => {
  const clock = new FakeClock();
  const server = new MemoryServer(clock);
  const leader = server.connect();
  const agent = server.connect();
  const ended = new AbortController();
  const rubbish = leader.subscribe("time", (message) => message.respond(new Uint8Array([123])));
  const watch = watchClock(agent, {
    now: () => LEADER_MS + 3000 + clock.now(),
    signal: ended.signal,
    clock,
  });
  await clock.run(clock.sleepUntil(2000));
  assertEquals([watch.offset(), watch.fromLeader(1)], [undefined, undefined]);
  rubbish.close();
  const answering = answerTime(leader, () => LEADER_MS + clock.now());
  assert(await clock.run(watch.compared));
  assertEquals(watch.fromLeader(LEADER_MS + 500), LEADER_MS + 3500);
  const { samples } = watch.offset()!;
  await clock.run(clock.sleepUntil(clock.now() + 60_000));
  assertGreater(watch.offset()!.samples, samples + 20);
  assertEquals(watch.offset()!.driftPpm, 0);
  ended.abort();
  answering.close();
  const late = watchClock(agent, { now: () => clock.now(), signal: ended.signal, clock });
  assertEquals(await late.compared, false);
});
