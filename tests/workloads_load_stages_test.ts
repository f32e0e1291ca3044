import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import type { RateStagePlan } from "../metrics/run.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { parseRateStages } from "../workloads/bench_stages.ts";
import { loadLabel, type OpenLoad } from "../workloads/load.ts";
import { arrivalTimes } from "../workloads/load_arrival.ts";
import { inFlight } from "../workloads/load_pace.ts";
import {
  areaOf,
  instantsOf,
  meanRate,
  peakRate,
  stageAt,
  stagesMs,
} from "../workloads/load_stages.ts";
import { type BenchOptions, measureBench, planBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";

const ALL = "2@30s,2..16@60s,16@2m,exp:16..2@30s";
const STAGES = parseRateStages(ALL);

function open(stages: readonly RateStagePlan[], changes: Partial<OpenLoad> = {}): OpenLoad {
  return {
    ...{ kind: "open", arrival: "poisson", ratePerSec: peakRate(stages), shape: 1 },
    ...{ maxInFlight: 0, overflow: "wait", stages },
    ...changes,
  };
}

function timesOf(load: OpenLoad, seed = 0): number[] {
  const times: number[] = [];
  for (const atMs of arrivalTimes(load, seed, 0)) {
    if (atMs === Infinity) return times;
    times.push(atMs);
  }
  return times;
}

/** The rate at an instant, from the definition of a stage. */
function rateAt(stages: readonly RateStagePlan[], atMs: number): number {
  const number = stageAt(stages, atMs);
  const { fromPerSec: from, toPerSec: to, exponential, durationMs } = stages[number]!;
  const share = (atMs - stagesMs(stages.slice(0, number))) / durationMs;
  return exponential ? from * (to / from) ** share : from + (to - from) * share;
}

/** Requests due before an instant, summed up in small steps. */
function summed(stages: readonly RateStagePlan[], atMs: number): number {
  const steps = 200_000;
  let area = 0;
  for (let i = 0; i < steps; i++) area += rateAt(stages, (i + 0.5) * atMs / steps);
  return area * atMs / steps / 1000;
}

Deno.test("parseRateStages() reads steps, lines and exponentials", () => {
  assertEquals(STAGES, [
    { fromPerSec: 2, toPerSec: 2, durationMs: 30_000 },
    { fromPerSec: 2, toPerSec: 16, durationMs: 60_000 },
    { fromPerSec: 16, toPerSec: 16, durationMs: 120_000 },
    { fromPerSec: 16, toPerSec: 2, exponential: true, durationMs: 30_000 },
  ]);
  assertEquals(parseRateStages(" 0.5..1.5@250ms, 0@1 "), [
    { fromPerSec: 0.5, toPerSec: 1.5, durationMs: 250 },
    { fromPerSec: 0, toPerSec: 0, durationMs: 1000 },
  ]);
});

Deno.test("parseRateStages() names the stage that makes no sense", () => {
  const rows = {
    "2@30s,": "Cannot use the stage : give R@TIME",
    "2": "Cannot use the stage 2: give R@TIME",
    "2@": "Cannot use the stage 2@: give",
    "-2@3s": "Cannot use the stage -2@3s: give",
    "inf@3s": "Cannot use the stage inf@3s: give",
    "2...4@3s": "Cannot use the stage 2...4@3s: give",
    "2@3parsecs": "Cannot use the stage 2@3parsecs, length 3parsecs: give seconds",
    "2@0s": "Cannot use the stage 2@0s: it has no length",
    "exp:0..4@3s": "an exponential never reaches 0",
    "0@3s,0..0@1m": "no request is ever due",
  };
  for (const [text, message] of Object.entries(rows)) {
    assertThrows(() => parseRateStages(text), UserError, message, text);
  }
  assertThrows(() => parseRateStages("1@1s,".repeat(1000) + "1@1s"), UserError, "1001 stages");
});

Deno.test("areaOf() is the integral of the rate", () => {
  assertAlmostEquals(areaOf(STAGES), summed(STAGES, stagesMs(STAGES)), 1e-4);
  assertAlmostEquals(areaOf(STAGES), 60 + 540 + 1920 + 14 / Math.log(8) * 30, 1e-9);
  assertEquals([stagesMs(STAGES), peakRate(STAGES)], [240_000, 16]);
  assertAlmostEquals(meanRate(STAGES), areaOf(STAGES) / 240, 1e-12);
});

Deno.test("instantsOf() inverts the integral in every form of a stage", () => {
  const forms = [
    "4@2s",
    "0..16@1m",
    "16..0@1m",
    "3..3.000000001@1m",
    "exp:1..1000@9s",
    "exp:9..1@2s",
  ];
  for (const text of [...forms, "0@5s,4@5s", ALL]) {
    const stages = parseRateStages(text);
    const total = areaOf(stages);
    const instant = instantsOf(stages);
    for (const share of [0, 1e-9, 0.1, 0.25, 0.5, 0.9, 0.999999]) {
      const atMs = instant(share * total);
      const area = atMs === 0 ? 0 : summed(stages, atMs);
      assertAlmostEquals(area / total, share, 2e-5, `${text}: ${share}`);
    }
    assertEquals(instant(total * (1 + 1e-12)), Infinity, text);
  }
  // The closed form to its last digits: (8 ÷ 60) t² = area.
  const line = instantsOf(parseRateStages("0..16@1m"));
  assertAlmostEquals(line(1e-6), Math.sqrt(60 / 8 * 1e-6) * 1000, 1e-9);
  assertAlmostEquals(line(120), 30_000, 1e-9);
});

Deno.test("instantsOf() has nothing due where the rate is 0", () => {
  const stages = parseRateStages("0@5s,4@1s,0@5s,4@1s");
  const times = timesOf(open(stages, { arrival: "constant" }));
  assertEquals(times, [5000, 5250, 5500, 5750, 11_000, 11_250, 11_500, 11_750]);
});

Deno.test("stageAt() says in which stage an instant lies", () => {
  const at = [0, 29_999.999, 30_000, 89_999, 90_000, 210_000, 240_000, 1e9];
  assertEquals(at.map((atMs) => stageAt(STAGES, atMs)), [0, 0, 1, 1, 2, 3, 3, 3]);
});

Deno.test("arrivalTimes() of a constant stage are those of a constant rate", () => {
  const stages = parseRateStages("4@1s,2@1s");
  const times = timesOf(open(stages, { arrival: "constant" }));
  assertEquals(times, [0, 250, 500, 750, 1000, 1500]);
  // Along a line equal areas lie between them.
  const line = parseRateStages("0..16@10s");
  timesOf(open(line, { arrival: "constant" })).forEach((atMs, i) =>
    assertAlmostEquals(0.8 * (atMs / 1000) ** 2, i, 1e-9)
  );
});

Deno.test("arrivalTimes() has as many in each stage as the integral says, over many seeds", () => {
  const seeds = 400;
  const counts = STAGES.map(() => 0);
  const squares = STAGES.map(() => 0);
  for (let seed = 0; seed < seeds; seed++) {
    const inStage = STAGES.map(() => 0);
    for (const atMs of timesOf(open(STAGES), seed)) inStage[stageAt(STAGES, atMs)]!++;
    inStage.forEach((count, i) => {
      counts[i]! += count;
      squares[i]! += count * count;
    });
  }
  STAGES.forEach((stage, i) => {
    const area = areaOf([stage]);
    const mean = counts[i]! / seeds;
    // Four standard errors of a Poisson count, and of its variance.
    assertAlmostEquals(mean, area, 4 * Math.sqrt(area / seeds), `stage ${i}`);
    const variance = squares[i]! / seeds - mean * mean;
    assertAlmostEquals(variance / area, 1, 4 * Math.sqrt(2 / seeds), `stage ${i}`);
  });
});

Deno.test("arrivalTimes() along stages has exponential gaps once time runs by the rate", () => {
  const gaps: number[] = [];
  for (let seed = 4; seed < 8; seed++) {
    let before = 0;
    for (const atMs of timesOf(open(STAGES), seed)) {
      const area = areaUpTo(STAGES, atMs);
      gaps.push(area - before);
      before = area;
    }
  }
  assertGreater(gaps.length, 10_000);
  // Kolmogorov and Smirnov's distance; 1.63 is its 1 % point.
  const sorted = gaps.toSorted((a, b) => a - b);
  const distance = Math.max(...sorted.map((gap, i) => {
    const expected = -Math.expm1(-gap);
    return Math.max(expected - i / sorted.length, (i + 1) / sorted.length - expected);
  }));
  assertLess(distance * Math.sqrt(sorted.length), 1.63);
});

/** The integral up to an instant, in closed form. */
function areaUpTo(stages: readonly RateStagePlan[], atMs: number): number {
  const number = stageAt(stages, atMs);
  const before = stages.slice(0, number);
  const stage = stages[number]!;
  const durationMs = atMs - stagesMs(before);
  return areaOf(before) + areaOf([{ ...stage, durationMs, toPerSec: rateAt(stages, atMs) }]);
}

Deno.test("arrivalTimes() of calibrated-poisson take exactly as long as planned", () => {
  const rate = (arrival: OpenLoad["arrival"]): OpenLoad => ({
    ...{ kind: "open", arrival, ratePerSec: 8, shape: 1, maxInFlight: 0, overflow: "wait" },
  });
  const plain = Array.from(
    { length: 200 },
    ((times) => () => times.next().value)(
      arrivalTimes(rate("poisson"), 3, 0),
    ),
  );
  const times = Array.from(
    { length: 200 },
    ((times) => () => times.next().value)(
      arrivalTimes(rate("calibrated-poisson"), 3, 0, 200),
    ),
  );
  assertAlmostEquals(times.at(-1)!, 25_000, 1e-6);
  assertGreater(times[0]!, 0);
  // The gaps are those of Poisson, all longer or shorter by the same factor.
  const factors = plain.slice(1).map((atMs, i) => atMs / times[i]!);
  factors.forEach((factor) => assertAlmostEquals(factor, factors[0]!, 1e-9));
});

Deno.test("arrivalTimes() of stages follow from the seed alone", () => {
  assertEquals(timesOf(open(STAGES), 5), timesOf(open(STAGES), 5));
  assert(timesOf(open(STAGES), 5)[0] !== timesOf(open(STAGES), 6)[0]);
  const gamma = timesOf(open(STAGES, { arrival: "gamma", shape: 4 }));
  assertAlmostEquals(gamma.length, areaOf(STAGES), 4 * Math.sqrt(areaOf(STAGES) / 4));
});

Deno.test("loadLabel() has the rates that stages go through", () => {
  assertEquals(loadLabel(open(STAGES)), "2→16→2 req/s poisson");
  const long = parseRateStages("1@1s,2@1s,3@1s,4@1s,5@1s,6@1s,7@1s");
  assertEquals(loadLabel(open(long)), "1→2→3→4→5→…→7 req/s poisson");
});

const URL = "http://127.0.0.1:9";

Deno.test("--rate-stages is a load of its own that ends with its last stage", async () => {
  const { loads, stops } = await planBench(URL, { rateStages: ALL, arrival: "constant" });
  assertEquals(loads, [open(STAGES, { arrival: "constant" })]);
  assertEquals(stops, [{ durationMs: 240_000 }]);
  // What is estimated before the load goes by its highest rate.
  assertEquals(inFlight(loads[0]!, 500), 8);
  const some = await planBench(URL, { rateStages: "4@1s", requests: 3 });
  assertEquals(some.stops, [{ requests: 3, durationMs: 1000 }]);
});

Deno.test("--rate-stages and --arrival calibrated-poisson are refused where they have no effect", async () => {
  const rows: readonly (readonly [BenchOptions, string])[] = [
    [{ rateStages: "2@1s", rate: [4] }, "the stages say the rates"],
    [{ rateStages: "2@1s", concurrency: [4] }, "one is a closed loop, the other an open one"],
    [{ rateStages: "2@1s", duration: 4 }, "the load ends with its last stage"],
    [{ rateStages: "2@1s", rampUp: 4 }, "only users"],
    [{ rateStages: "2@1s", arrival: "calibrated-poisson" }, "with --rate-stages"],
    [{ rate: [2], duration: 9, arrival: "calibrated-poisson" }, "add --requests N"],
    [{ rate: [Infinity], requests: 9, arrival: "calibrated-poisson" }, "with --rate inf"],
    [{ arrival: "calibrated-poisson" }, "only an open loop has it"],
  ];
  for (const [options, message] of rows) {
    await assertRejects(() => planBench(URL, options), UserError, message, JSON.stringify(options));
  }
  await planBench(URL, { rate: [2], arrival: "calibrated-poisson" });
});

Deno.test("bench sends along stages, the same with any number of threads, and names each stage", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const intended: (readonly (readonly [number, number | undefined])[])[] = [];
    for (const workers of [0, 1, 3]) {
      const run = await measureBench(server.url, {
        rateStages: "40@200ms,40..200@200ms,exp:200..20@200ms",
        outputTokens: 1,
        warmup: 0,
        witness: false,
        transport: "socket",
        gpu: "off",
        workers,
      });
      const [plan] = run.header.loads;
      assertEquals([plan?.label, plan?.arrival, plan?.stopDurationMs, plan?.stages?.length], [
        "40→200→20 req/s poisson",
        "poisson",
        600,
        3,
      ]);
      assertAlmostEquals(plan?.ratePerSec ?? 0, (8 + 24 + 180 / Math.log(10) * 0.2) / 0.6, 1e-9);
      const stages = plan!.stages!;
      const records = run.records.filter(({ phase }) => phase === "measure")
        .toSorted((a, b) => a.index - b.index);
      for (const { intendedMs, stage } of records) assertEquals(stage, stageAt(stages, intendedMs));
      // On a busy machine what is due just before the end may come too late to leave.
      const early = records.filter(({ intendedMs }) => intendedMs < 500);
      intended.push(early.map(({ intendedMs, stage }) => [intendedMs, stage]));
    }
    assertGreater(intended[0]!.length, 20);
    assertEquals(intended[1], intended[0]);
    assertEquals(intended[2], intended[0]);
  } finally {
    await server.stop();
  }
});
