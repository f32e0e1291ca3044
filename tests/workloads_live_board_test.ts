import { assert, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadPlan } from "../metrics/run.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { summarize } from "../metrics/summary.ts";
import { measureBench } from "../workloads/run_bench.ts";
import { createLiveBoard } from "../workloads/live_board.ts";
import type { ProgressState } from "../workloads/live_progress.ts";
import { keepSecret } from "../workloads/secret.ts";
import { createRecord } from "./support/create_record.ts";
import { createHeader } from "./support/create_run.ts";

const PLANS: readonly LoadPlan[] = [
  { label: "2 users", kind: "closed", users: 2, stopDurationMs: 20_000 },
  { label: "4 users", kind: "closed", users: 4, stopDurationMs: 20_000 },
  { label: "10 req/s", kind: "open", ratePerSec: 10, stopRequests: 300 },
];

const MEASURING: ProgressState = {
  ...{ phase: "measuring", label: "2 users", load: 0, loads: 3 },
  ...{ done: 0, failed: 0, inFlight: 2, elapsedMs: 0 },
};

const END = { rampEndMs: 0, sendingEndMs: 20_000, interrupted: false };

/** A board on a clock that stands until it is moved. */
function createBoard(plans: readonly LoadPlan[] = PLANS) {
  const clock = { ms: 1_000_000, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  const board = createLiveBoard({ clock });
  board.onHeader(createHeader({ loads: plans }));
  return { clock, board };
}

/** A request of `ttftMs` that ended at `endMs` of its load. */
function ended(endMs: number, ttftMs: number, more: Partial<RequestRecord> = {}): RequestRecord {
  const sentMs = endMs - ttftMs - 20;
  return createRecord({
    ...{ sentMs, ticks: [[endMs - 20, 1], [endMs - 10, 2], [endMs, 3]] },
    ...more,
  });
}

Deno.test("percentiles are of what ended in the last ten seconds", () => {
  const { clock, board } = createBoard();
  board.onProgress(MEASURING);
  for (let i = 1; i <= 100; i++) board.onRecord(ended(1000, i));
  const { ttft, itl, e2e } = board.state().recent;
  assertEquals([ttft.count, itl.count, e2e.count], [100, 200, 100]);
  for (
    const [ms, expected] of [[ttft.p50Ms, 50], [ttft.p99Ms, 99], [itl.p50Ms, 10], [e2e.p50Ms, 70]]
  ) {
    assert(Math.abs(ms! / expected! - 1) < 0.015, `${ms} instead of ${expected}`);
  }
  clock.ms += 5000;
  board.onRecord(ended(6000, 500));
  clock.ms += 4999;
  assertEquals(board.state().recent.ttft.count, 101);
  clock.ms += 1;
  assertEquals(board.state().recent.ttft, { count: 1, p50Ms: undefined, p99Ms: undefined });
  clock.ms += 60_000;
  assertEquals(board.state().recent.ttft.count, 0);
});

Deno.test("a p99 of fewer than a hundred values, and a median of one, are not available", () => {
  const { board } = createBoard();
  board.onProgress(MEASURING);
  board.onRecord(ended(1000, 10));
  assertEquals(board.state().recent.ttft, { count: 1, p50Ms: undefined, p99Ms: undefined });
  for (let i = 1; i < 99; i++) board.onRecord(ended(1000, 10));
  const { p50Ms, p99Ms } = board.state().recent.ttft;
  assert(p50Ms !== undefined && p99Ms === undefined);
  board.onRecord(ended(1000, 10));
  assert(board.state().recent.ttft.p99Ms !== undefined);
});

Deno.test("warm-ups and other loads are no part of what is shown of a load", () => {
  const { board } = createBoard();
  board.onProgress({ ...MEASURING, phase: "warm-up" });
  board.onRecord(ended(500, 10, { phase: "warmup" }));
  board.onRecord(
    ended(500, 10, { phase: "warmup", outcome: { kind: "timeout", message: "slow" } }),
  );
  assertEquals(board.state().recent.ttft.count, 0);
  assertEquals(board.state().failures.map(({ kind, count }) => [kind, count]), [["timeout", 1]]);
  board.onProgress(MEASURING);
  assertEquals(board.state().failures, []);
  for (const ms of [10, 20]) board.onRecord(ended(ms * 100, ms));
  assertEquals([board.state().recent.ttft.count, board.state().load, board.state().loads], [
    2,
    1,
    3,
  ]);
  board.onLoadEnd({ ...END, load: 0, durationMs: 2000 });
  board.onProgress({ ...MEASURING, load: 1, label: "4 users" });
  const { recent, load, course } = board.state();
  assertEquals([recent.ttft.count, load], [0, 2]);
  assertEquals([course.label, course.completedPerSec], ["4 users", [0]]);
  board.onLoadEnd({ ...END, load: 1, durationMs: 2000 });
  board.onProgress({ ...MEASURING, load: 2, phase: "warm-up", label: "10 req/s" });
  assertEquals(board.state().course.label, "4 users", "until the next one is measured");
});

Deno.test("failures are counted by kind, with the last message, without secrets, in one line", () => {
  keepSecret("s3cret-of-the-board");
  const { board } = createBoard();
  board.onProgress(MEASURING);
  const failures: RequestRecord["outcome"][] = [
    { kind: "timeout", message: "no answer" },
    { kind: "http_error", status: 503, message: "busy" },
    {
      kind: "http_error",
      status: 401,
      message: `\x1b[31mkey\ns3cret-of-the-board\n${"x".repeat(9999)}`,
    },
    { kind: "dropped", message: "limit" },
    { kind: "cancelled", message: "Ctrl-C" },
    { kind: "cancelled_as_planned", message: "the plan" },
  ];
  for (const outcome of failures) board.onRecord(ended(100, 10, { outcome }));
  const seen = board.state().failures;
  assertEquals(seen.map(({ kind, count }) => [kind, count]), [
    ["http_error", 2],
    ["timeout", 1],
    ["dropped", 1],
  ]);
  assert(seen[0]!.message.startsWith("�[31mkey *** xxx"), seen[0]!.message);
  assert(seen[0]!.message.length <= 300);
  board.onLoadEnd({ ...END, load: 0, durationMs: 1000 });
  const [short] = board.state().ended;
  assertEquals([short?.completed, short?.failed], [0, 3]);
});

Deno.test("ended loads are told in short, also one that was never sent", () => {
  const { board } = createBoard();
  board.onProgress(MEASURING);
  for (let i = 0; i < 10; i++) board.onRecord(ended(100 * i + 100, 10));
  board.onLoadEnd({ ...END, load: 0, durationMs: 2000 });
  board.onLoadEnd({ ...END, load: 1, durationMs: 0, skipped: true });
  const [first, second] = board.state().ended;
  assertEquals(
    [first?.load, first?.label, first?.completed, first?.tokensPerSec, first?.completedPerSec],
    [1, "2 users", 10, 15, 5],
  );
  assertEquals([second?.label, second?.skipped, second?.completed, second?.ttft.count], [
    ...["4 users", true, 0, 0],
  ]);
});

Deno.test("the course has a slice a second, and never more than 600", () => {
  const { board } = createBoard();
  for (let second = 0; second < 1300; second++) {
    for (const at of [0, 500]) {
      const elapsedMs = second * 1000 + at;
      board.onProgress({ ...MEASURING, elapsedMs, tokensPerSec: 100, inFlight: second });
    }
    board.onRecord(ended(second * 1000 + 400, 10));
    board.onRecord(ended(second * 1000 + 450, 30));
    if (second === 2) {
      const { course } = board.state();
      assertEquals([course.sliceMs, course.tokensPerSec, course.inFlight, course.completedPerSec], [
        ...[1000, [100, 100, 100], [0, 1, 2], [2, 2, 4]],
      ]);
    }
  }
  board.onRecord(ended(1000, 10, { outcome: { kind: "timeout", message: "" } }));
  const { course } = board.state();
  assertEquals([course.sliceMs, course.failed.length, course.failed[0]], [4000, 325, 1]);
  assertEquals(course.completedPerSec[7], 2);
  for (const values of Object.values(course)) {
    if (typeof values === "object") assertEquals(values.length, 325);
  }
  assert(Math.abs(course.ttftP50Ms[3]! / 20 - 1) < 0.015, String(course.ttftP50Ms[3]));
  assertEquals([course.ttftP99Ms[3], course.itlP50Ms[3] !== null], [null, true]);
});

Deno.test("the time left for all is what is planned, at the pace so far", () => {
  const { clock, board } = createBoard();
  assertEquals(board.state().runLeftMs, 20_000 + 20_000 + 30_000);
  board.onProgress({ ...MEASURING, phase: "warm-up", leftMs: 2000 });
  assertEquals(board.state().runLeftMs, 72_000);
  clock.ms += 2000;
  board.onProgress({ ...MEASURING, leftMs: 20_000 });
  // Each of the others has such a warm-up, too.
  assertEquals(board.state().runLeftMs, 20_000 + 2 * 2000 + 50_000);
  clock.ms += 5000;
  assertEquals(board.state().leftMs, 15_000, "also between two reports");
  board.onStop();
  const { phase, leftMs, runLeftMs } = board.state();
  assertEquals([phase, leftMs, runLeftMs], ["stopping", undefined, undefined]);
});

Deno.test("loads of so many requests take as long as the requests before", () => {
  const { clock, board } = createBoard([
    { label: "2 users", kind: "closed", users: 2, stopRequests: 20 },
    { label: "8 users", kind: "closed", users: 8, stopRequests: 80 },
  ]);
  assertEquals(board.state().runLeftMs, undefined);
  clock.ms += 4000;
  board.onProgress({ ...MEASURING, done: 8, elapsedMs: 4000, leftMs: 6000 });
  clock.ms += 0;
  // A user needs a second for a request.
  assertEquals(board.state().runLeftMs, 6000 + 10_000);
});

Deno.test("a search, or a recording without an end, has no time left for all", () => {
  const clock = { now: () => 0, sleepUntil: () => Promise.resolve() };
  const board = createLiveBoard({ clock });
  const find = {
    ...{ goal: "curve", axis: "rate", maxFailures: 0, tolerance: 0.05 } as const,
    ...{ first: 1, lowest: 1, highest: 9 },
  };
  board.onHeader(createHeader({ loads: [], find }));
  board.onPlan(PLANS[2]!);
  board.onProgress({ ...MEASURING, phase: "probe 1,", leftMs: 5000 });
  const { load, loads, leftMs, runLeftMs } = board.state();
  assertEquals([load, loads, leftMs, runLeftMs], [1, undefined, 5000, undefined]);
  const { board: replay } = createBoard([{ label: "trace", kind: "open", replay: "sessions" }]);
  assertEquals(replay.state().runLeftMs, undefined);
});

Deno.test("listeners are told, and no more once they have left", () => {
  const { board } = createBoard();
  let told = 0;
  const leave = board.subscribe(() => told++);
  board.onProgress(MEASURING);
  board.onLoadEnd({ ...END, load: 0, durationMs: 1 });
  leave();
  board.onProgress(MEASURING);
  assertEquals(told, 2);
  board.onScrape({ running: 3, waiting: undefined, cacheUse: 0.5 });
  assertEquals(board.state().server?.running, 3);
});

Deno.test("state can be asked for before anything was told", () => {
  const { phase, load, loads, verdict, course } = createLiveBoard().state();
  assertEquals([phase, load, loads, verdict, course.tokensPerSec], [
    "starting",
    0,
    undefined,
    undefined,
    [],
  ]);
});

Deno.test("an ended load has the figures of the report", async () => {
  const server = await startSimServer({ ttft: "5", itl: "2" });
  const board = createLiveBoard();
  const run = await measureBench(
    server.url,
    { concurrency: [4], requests: 120, outputTokens: 6, transport: "fetch", gpu: "off" },
    {
      // deno-lint-ignore require-await
      onHeader: async (header) => board.onHeader(header),
      onProgress: board.onProgress,
      onRecord: board.onRecord,
      onLoadEnd: board.onLoadEnd,
    },
  );
  await server.stop();
  const [load] = summarize(run).loads;
  const [ended] = board.state().ended;
  assertEquals([ended?.completed, ended?.failed], [load?.counts.completed, load?.counts.failed]);
  const { outputTokensPerSec, qps } = load!.throughput.run;
  const rates = [[ended?.tokensPerSec, outputTokensPerSec], [ended?.completedPerSec, qps]] as const;
  for (const [live, exact] of rates) assert(Math.abs(live! / exact! - 1) < 1e-9);
  for (const name of ["ttft", "itl", "e2e"] as const) {
    const { distribution } = load!.metrics.find((metric) => metric.name === name)!;
    const { p50Ms, p99Ms, count } = ended![name];
    assertEquals(count, distribution.count);
    const p99 = distribution.percentiles.find(({ p }) => p === 99)!.value!;
    for (const [live, exact] of [[p50Ms!, distribution.median!], [p99Ms!, p99]] as const) {
      assert(Math.abs(live / exact - 1) < 0.01, `${name}: ${live} instead of ${exact}`);
    }
  }
});
