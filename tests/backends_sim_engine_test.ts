import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { FakeClock } from "./support/fake_clock.ts";
import { createEngine, createJob, type Outcome, runJob } from "./support/create_job.ts";
import type { SimJob } from "../backends/sim_protocol.ts";
import type { SimOptions } from "../backends/sim_options.ts";

/** Costs that can be added up in the head: 10 ms a step, 1 ms a prompt token. */
const STEPS: Partial<SimOptions> = {
  stepMs: 10,
  prefillMs: 1,
  prefillChunk: 100,
  stepMsPerRequest: 0,
  stepMsPerKilotoken: 0,
};

/** Runs jobs that all arrive at time 0 on one engine. */
async function runAll(
  options: Partial<SimOptions>,
  jobs: readonly Partial<SimJob>[],
  stopAfter?: number,
): Promise<Outcome[]> {
  const clock = new FakeClock();
  const engine = createEngine(clock, options);
  const all = Promise.all(jobs.map((job) => runJob(engine, createJob(job), stopAfter)));
  const outcomes = await clock.run(all);
  assertEquals(engine.load().running + engine.load().waiting, 0);
  await engine.stop();
  return outcomes;
}

const texts = ({ tokens }: Outcome) => tokens.map(({ text }) => text);

Deno.test("createSimEngine keeps each stream on its own absolute schedule", async () => {
  const [first, second] = await runAll({ ttft: "50", itl: "5" }, [{}, { maxTokens: 2 }]);
  assertEquals(first?.plannedMs, [50, 55, 60, 65]);
  assertEquals(second?.plannedMs, [50, 55]);
  assertEquals(first?.finish, "length");
});

Deno.test("createSimEngine does not let a late wake-up shift what follows", async () => {
  const cases: [Partial<SimOptions>, readonly number[]][] = [
    [{ ttft: "50", itl: "5" }, [50, 55, 60, 65]],
    [STEPS, [30, 40, 50, 60]],
  ];
  for (const [options, plannedMs] of cases) {
    const clock = new FakeClock();
    const late = {
      now: () => clock.now(),
      // Wakes up 3 ms after what was asked for.
      sleepUntil: (atMs: number, signal?: AbortSignal) => clock.sleepUntil(atMs + 3, signal),
    };
    const engine = createEngine(late, options);
    const outcome = await clock.run(runJob(engine, createJob()));
    await engine.stop();
    assertEquals(outcome.plannedMs, plannedMs);
  }
});

Deno.test("createSimEngine repeats tokens, lengths and planned times by seed and order", async () => {
  const options = {
    ttft: "exponential:50",
    itl: "normal:5:1",
    earlyStop: 0.5,
    tokensPerEvent: "uniform:1:3",
  };
  const jobs = Array.from({ length: 8 }, () => ({ maxTokens: 12 }));
  const [once, again] = [await runAll(options, jobs), await runAll(options, jobs)];
  assertEquals(once, again);
  // Neighbors share neither the first time nor the first gap.
  const starts = once.map(({ plannedMs: [first = 0, second = 0] }) => [first, second - first]);
  assertEquals(new Set(starts.flat()).size, 16);
  assertNotEquals(once, await runAll({ ...options, seed: 1 }, jobs));
});

Deno.test("createSimEngine gives a request the same tokens whatever else runs", async () => {
  const [alone] = await runAll(STEPS, [{ maxTokens: 30 }]);
  const [first] = await runAll(STEPS, [{ maxTokens: 30 }, { maxTokens: 7 }, { maxTokens: 9 }]);
  assertEquals(texts(alone!), texts(first!));
});

Deno.test("createSimEngine takes a step per token after computing the prompt", async () => {
  // One step with the prompt: 10 + 20; then 10 each.
  const [outcome] = await runAll(STEPS, [{ promptTokens: 20 }]);
  assertEquals(outcome?.plannedMs, [30, 40, 50, 60]);
});

Deno.test("createSimEngine computes long prompts in chunks", async () => {
  // 110 + 110 + 60 for 250 tokens in chunks of 100.
  const [outcome] = await runAll(STEPS, [{ promptTokens: 250, maxTokens: 2 }]);
  assertEquals(outcome?.plannedMs, [280, 290]);
  // After 70 ms for the first prompt, 100 tokens a step for both others together: 80 and 20 of
  // them, then the other 60. The first stream's own steps go on meanwhile.
  const [first, second, third] = await runAll(STEPS, [
    { promptTokens: 60, maxTokens: 3 },
    { promptTokens: 80, maxTokens: 1 },
    { promptTokens: 80, maxTokens: 1 },
  ]);
  assertEquals([first?.plannedMs, second?.plannedMs, third?.plannedMs], [
    [70, 180, 250],
    [180],
    [250],
  ]);
});

Deno.test("createSimEngine delays running streams by the prompt of a new one, and ticks them together", async () => {
  const [first, second] = await runAll(STEPS, [{ promptTokens: 20 }, { promptTokens: 40 }]);
  // The second joins the step that starts at 30: 10 + 40 for its prompt.
  assertEquals(first?.plannedMs, [30, 80, 90, 100]);
  assertEquals(second?.plannedMs, [80, 90, 100, 110]);
});

Deno.test("createSimEngine makes steps slower with more streams and longer context", async () => {
  const perRequest = { ...STEPS, prefillMs: 0, stepMsPerRequest: 5 };
  const [, second] = await runAll(perRequest, [{ maxTokens: 3 }, { maxTokens: 3 }]);
  // 10 for the first prompt alone; 10 + 5 while one generates; 10 + 2·5 while both do; 10 + 5.
  assertEquals(second?.plannedMs, [25, 45, 60]);
  const perContext = { ...STEPS, prefillMs: 0, stepMsPerKilotoken: 1000 };
  const [outcome] = await runAll(perContext, [{ promptTokens: 20, maxTokens: 3 }]);
  // 10, then 10 + 21 and 10 + 22 ms for 21 and 22 tokens of context.
  assertEquals(outcome?.plannedMs, [10, 41, 73]);
});

Deno.test("createSimEngine queues what exceeds the batch, in the order of arrival", async () => {
  const outcomes = await runAll({ ...STEPS, maxBatch: 1 }, [
    { maxTokens: 2 },
    { maxTokens: 2 },
    { maxTokens: 1 },
  ]);
  assertEquals(outcomes.map(({ plannedMs }) => plannedMs), [[30, 40], [70, 80], [110]]);
  const own = await runAll({ ttft: "10", itl: "10", maxBatch: 1 }, [{ maxTokens: 2 }, {}]);
  assertEquals(own[1]?.plannedMs, [30, 40, 50, 60]);
});

Deno.test("createSimEngine frees the place of a cancelled job", async () => {
  const clock = new FakeClock();
  const engine = createEngine(clock, { ...STEPS, maxBatch: 1 });
  const cancel = engine.submit(createJob(), { tokens: () => cancel() });
  const waiting = engine.submit(createJob(), { tokens: () => {} });
  const next = runJob(engine, createJob({ maxTokens: 1 }));
  assertEquals([engine.load().running, engine.load().waiting], [1, 2]);
  waiting();
  assertEquals(engine.load().waiting, 1);
  // Cancelled at its first token, 30; the next one starts in the step after.
  assertEquals((await clock.run(next)).plannedMs, [60]);
  await engine.stop();
});

Deno.test("createSimEngine puts several tokens into an event and keeps the length", async () => {
  const [outcome] = await runAll({ ttft: "1", itl: "1", tokensPerEvent: "3" }, [{ maxTokens: 7 }]);
  assertEquals(outcome?.sizes, [3, 3, 1]);
});

Deno.test("createSimEngine stops early only where the length is not forced", async () => {
  const options = { ttft: "1", itl: "1", earlyStop: 1 };
  const [free, forced, floor] = await runAll(options, [
    { maxTokens: 100 },
    { maxTokens: 100, ignoreEos: true },
    { maxTokens: 100, minTokens: 99 },
  ]);
  assertEquals([free!.tokens.length < 100, free?.finish], [true, "stop"]);
  assertEquals([forced?.tokens.length, forced?.finish], [100, "length"]);
  assertEquals(floor?.tokens.length, 99);
});

Deno.test("createSimEngine injects wrong lengths and times (T2, T5)", async () => {
  const own = { ttft: "10", itl: "10" };
  const forced = { maxTokens: 4, ignoreEos: true };
  const cases: [string, number, readonly number[]][] = [
    ["early-stop", 2, [10, 20]],
    ["one-more", 5, [10, 20, 30, 40, 50]],
    ["empty", 0, [10]],
    ["endless", 7, [10, 20, 30, 40, 50, 60, 70]],
    ["stall:1:500", 4, [10, 20, 530, 540]],
    ["slow:1:3", 4, [30, 60, 90, 120]],
  ];
  for (const [fault, tokens, plannedMs] of cases) {
    const [outcome] = await runAll({ ...own, faults: [fault] }, [forced], 7);
    assertEquals([outcome?.tokens.length, outcome?.plannedMs], [tokens, plannedMs], fault);
  }
});

Deno.test("createSimEngine stalls and slows in a batch without holding up the others", async () => {
  const batch = { ...STEPS, prefillMs: 0, faults: ["stall:0.5:35"], seed: 3 };
  const outcomes = await runAll(batch, [{}, {}, {}, {}]);
  const gaps = outcomes.map(({ plannedMs }) =>
    plannedMs.slice(1).map((atMs, index) => atMs - plannedMs[index]!)
  );
  // Silent for 35 ms after half of the tokens: the step at 40 is the next one.
  const stalled = gaps.filter((each) => each.includes(50));
  assertEquals(stalled.length > 0 && stalled.length < 4, true);
  assertEquals(gaps.filter((each) => each.every((gap) => gap === 10)).length, 4 - stalled.length);
  const [slow] = await runAll({ ...STEPS, prefillMs: 0, faults: ["slow:1:3"] }, [{}]);
  assertEquals(slow?.plannedMs, [10, 40, 70, 100]);
});

Deno.test("createSimEngine waits for a sink whose reader is behind", async () => {
  const clock = new FakeClock();
  const engine = createEngine(clock, { ttft: "10", itl: "10" });
  const times: number[] = [];
  const done = new Promise<void>((resolve) => {
    engine.submit(createJob({ maxTokens: 3 }), {
      blocked: () => clock.now() < 25,
      tokens(_tokens, last) {
        times.push(clock.now());
        if (last) resolve();
      },
    });
  });
  await clock.run(done);
  await engine.stop();
  assertEquals(times, [25, 35, 45]);
});

Deno.test("createSimEngine charges only the part of a prompt that is not cached", async () => {
  const clock = new FakeClock();
  const engine = createEngine(clock, { ...STEPS, prefixCache: true });
  const prompt = createJob({
    promptTokens: 33,
    promptIds: Array.from({ length: 33 }, (_, id) => id),
    maxTokens: 1,
  });
  assertEquals((await clock.run(runJob(engine, prompt))).plannedMs, [43]);
  const admission = engine.admit(prompt);
  assertEquals([admission.serial, admission.cachedTokens], [2, 32]);
  assertEquals((await clock.run(runJob(engine, prompt))).plannedMs, [43 + 11]);
  await engine.stop();
});

Deno.test("createSimEngine refuses distributions and faults that it cannot read", () => {
  assertThrows(() => createEngine(new FakeClock(), { ttft: "soon" }), SyntaxError);
  assertThrows(() => createEngine(new FakeClock(), { faults: ["earthquake"] }), SyntaxError);
});
