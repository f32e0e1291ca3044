import { assert, assertAlmostEquals, assertLess } from "@std/assert";
import { epochOriginMs, type OriginClocks, systemClock } from "../backends/clock.ts";
import { runDeno } from "./support/run_deno.ts";

const ORIGIN_MS = 1_800_000_000_000.3717;

/** Clocks of which each reading takes 0.2 µs, and as long as `delayMs` says of the reading. */
function slowClocks(delayMs: (reading: number) => number) {
  let nowMs = 1234.5678;
  let reading = 0;
  const clocks = {
    originMs: ORIGIN_MS,
    startMs: nowMs,
    readings: () => reading,
    step(): number {
      nowMs += 0.0002 + delayMs(reading++);
      return nowMs;
    },
    now: () => clocks.step(),
    wallMs: () => Math.floor(clocks.originMs + clocks.step()),
    elapsedMs: () => nowMs - clocks.startMs,
  };
  return clocks;
}

Deno.test("epochOriginMs finds the origin within one tick of the time of day", () => {
  const clocks = slowClocks(() => 0);
  assertAlmostEquals(epochOriginMs(clocks), ORIGIN_MS, 0.002);
  assertLess(clocks.elapsedMs(), 1.1);
});

Deno.test("epochOriginMs is not fooled by a thread that waited for a core between its readings", () => {
  // Each wait is as long as several ticks, wherever it falls: ten thousand readings are one tick.
  for (const every of [1, 2, 3, 4, 5, 7, 100, 777, 2999]) {
    for (const first of [0, 1, 2, 500]) {
      const clocks = slowClocks((reading) => reading % every === first % every ? 0.5 : 0);
      const errorMs = Math.abs(epochOriginMs(clocks) - ORIGIN_MS);
      // Where every reading is late there is no better interval than that; otherwise nearly none.
      assertLess(errorMs, every < 100 ? 0.501 : 0.26, `each ${every}th reading from ${first}`);
    }
  }
  for (const at of [0, 1, 2, 3, 1000, 1001, 1002]) {
    for (const lateMs of [0.4, 2, 3.9]) {
      const clocks = slowClocks((reading) => reading === at ? lateMs : 0);
      assertAlmostEquals(epochOriginMs(clocks), ORIGIN_MS, 0.002, `reading ${at}, ${lateMs} ms`);
    }
  }
});

Deno.test("epochOriginMs does not count the time without a core: short slices are enough", () => {
  // 1.2 ms with a core, then 8 ms without. The time of day ticks 0.9 ms from the start, by which the
  // first slice has ended.
  for (const first of [2000, 4000, 5000]) {
    const clocks = slowClocks((reading) => (reading + first) % 6000 === 0 ? 8.03 : 0);
    clocks.originMs -= 0.85;
    assertAlmostEquals(epochOriginMs(clocks), ORIGIN_MS - 0.85, 0.002, `from ${first}`);
  }
});

Deno.test("epochOriginMs ends on a machine that never lets it read in peace", () => {
  const clocks = slowClocks(() => 0.7);
  assertAlmostEquals(epochOriginMs(clocks), ORIGIN_MS, 1);
  assertLess(clocks.elapsedMs(), 60 + 3 * 0.7 + 0.1);
});

Deno.test("epochOriginMs begins again when the time of day is set meanwhile", () => {
  for (const stepMs of [-3_600_000, -2, 2, 3_600_000]) {
    const clocks = slowClocks(() => 0);
    const moved: OriginClocks = {
      now: clocks.now,
      wallMs() {
        if (clocks.readings() > 100) clocks.originMs = ORIGIN_MS + stepMs;
        return clocks.wallMs();
      },
    };
    assertAlmostEquals(epochOriginMs(moved), ORIGIN_MS + stepMs, 0.002, `by ${stepMs} ms`);
  }
});

Deno.test("epochOriginMs converts between the clocks of processes and of threads", async () => {
  const clock = new URL("../backends/clock.ts", import.meta.url).href;
  const source = (answer: string) =>
    `import { epochOriginMs } from ${JSON.stringify(clock)};` +
    `const atMs = performance.now(); ${answer}(epochOriginMs() + atMs);`;
  const beforeMs = epochOriginMs() + systemClock.now();
  const root = new URL("..", import.meta.url).pathname;
  const { output: child } = await runDeno(["eval", "--quiet", source("console.log")], root);
  const betweenMs = epochOriginMs() + systemClock.now();
  const url = `data:application/typescript,${encodeURIComponent(source("self.postMessage"))}`;
  const worker = new Worker(url, { type: "module" });
  const inWorkerMs: number = await new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  });
  worker.terminate();
  const afterMs = epochOriginMs() + systemClock.now();
  // Only their order is certain, however busy the machine; no time of day is set in a test.
  assert(beforeMs < Number(child) && Number(child) < betweenMs, `${child}`);
  assert(betweenMs < inWorkerMs && inWorkerMs < afterMs, `${inWorkerMs}`);
});
