import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { createLiveBoard } from "../workloads/live_board.ts";
import { createLiveCounters } from "../workloads/live_counters.ts";
import type { AgentTold } from "../workloads/live_fleet.ts";
import { bucketOf } from "../workloads/live_histogram.ts";
import { liveFrame } from "../workloads/live_page_frame.ts";
import { renderPrometheus } from "../workloads/live_prometheus.ts";
import { liveStatus } from "../workloads/live_status.ts";
import { renderLiveView } from "../workloads/live_view.ts";
import { textOf } from "./support/html_text.ts";

const MEASURING = {
  ...{ phase: "measuring", label: "16 users", load: 0, loads: 1 },
  ...{ done: 0, failed: 0, inFlight: 8, elapsedMs: 2000 },
};

/** What an agent tells after a second. */
function told(agent: number, fields: Partial<AgentTold> = {}): AgentTold {
  return {
    ...{ agent, agents: 4, hostname: `node-${agent}`, load: 0 },
    ...{ sent: 30, completed: 25, failed: 1, outputTokens: 2500, inFlight: 4 },
    ttft: [bucketOf(100), 25],
    itl: [bucketOf(10), 2000],
    ...fields,
  };
}

/** A board whose time a test moves. */
function measuring() {
  let nowMs = 0;
  const clock = {
    now: () => nowMs,
    sleepUntil: () => Promise.resolve(),
    advance: (ms: number) => void (nowMs += ms),
  };
  const board = createLiveBoard({ clock });
  board.onProgress(MEASURING);
  return { clock, board };
}

const lines = (board: ReturnType<typeof createLiveBoard>, columns = 120) =>
  renderLiveView(board.state(), { columns, rows: 24 }).join("\n");

Deno.test("what agents tell adds up to one view", () => {
  const { board } = measuring();
  for (let agent = 0; agent < 4; agent++) board.onAgent(told(agent));
  const { recent, course, fleet } = board.state();
  assertEquals([recent.ttft.count, recent.itl.count, recent.e2e.count], [100, 8000, 100]);
  assert(Math.abs(recent.ttft.p50Ms! - 100) < 1);
  assertEquals(course.completedPerSec.length, 3);
  assertEquals(course.failed.at(-1), 4);
  assertEquals([fleet?.agents, fleet?.silent, fleet?.lost], [4, 0, 0]);
  assertStringIncludes(lines(board), "  4 agents");
  assertStringIncludes(lines(board), "last 10 s, 100 requests");
});

Deno.test("counts of an agent grow, and begin anew with the next load", () => {
  const { board } = measuring();
  board.onAgent(told(1));
  board.onAgent(told(1, { completed: 40 }));
  // Of a load that has ended here.
  board.onAgent(told(2, { load: 3, completed: 999 }));
  assertEquals(board.state().recent.e2e.count, 40);
  board.onProgress({ ...MEASURING, load: 1 });
  board.onAgent(told(1, { load: 1, completed: 7 }));
  assertEquals(board.state().recent.e2e.count, 7);
  const fleet = { parts: [{ completed: 60, failed: 2, outputTokens: 600 }] };
  board.onLoadEnd({
    ...{ load: 0, durationMs: 6000, rampEndMs: 0, sendingEndMs: 6000, interrupted: false },
    // deno-lint-ignore no-explicit-any
    fleet: fleet as any,
  });
  const [ended] = board.state().ended;
  assertEquals([ended?.completed, ended?.failed, ended?.tokensPerSec], [60, 2, 100]);
});

Deno.test("an agent of which nothing is heard has a line, and so has a lost one", () => {
  const { board, clock } = measuring();
  for (let agent = 0; agent < 4; agent++) board.onAgent(told(agent));
  clock.advance(3000);
  for (const agent of [0, 1, 3]) board.onAgent(told(agent));
  assertEquals(board.state().fleet!.silent, 0);
  clock.advance(2000);
  for (const agent of [0, 1, 3]) board.onAgent(told(agent));
  assertStringIncludes(
    lines(board),
    "4 agents, 1 silent  agent 2 (node-2) nothing heard for 5 s",
  );
  board.onAgent(told(1, { lost: "nothing was heard of it for 30 s\x1b[2J" }));
  const text = lines(board, 200);
  assertStringIncludes(
    text,
    "4 agents, 1 lost, 1 silent  agent 1 (node-1) lost: nothing was heard",
  );
  assertFalse(text.includes("\x1b"));
  assertEquals(board.state().fleet!.shown.map(({ agent }) => agent), [1, 2, 0, 3]);
});

Deno.test("the page has a row an agent, and a few of a thousand", () => {
  const { board, clock } = measuring();
  for (let agent = 0; agent < 1000; agent++) board.onAgent(told(agent, { agents: 1000 }));
  clock.advance(9000);
  for (let agent = 0; agent < 999; agent++) board.onAgent(told(agent, { agents: 1000 }));
  const frame = liveFrame({ state: board.state(), header: undefined, stopping: "no" });
  const text = textOf(frame.parts.fleet!);
  assertStringIncludes(text, "Fleet: 1,000 agents, 1 silent");
  assertStringIncludes(text, "agent 999 (node-999): nothing heard for 9 s");
  assertStringIncludes(text, "and 988 more");
  const status = JSON.parse(
    liveStatus({ state: board.state(), header: undefined, stopping: "no" }),
  );
  assertEquals([status.fleet.agents, status.fleet.shown.length], [1000, 12]);
});

Deno.test("one client has no fleet", () => {
  const { board } = measuring();
  const state = board.state();
  assertEquals(state.fleet, undefined);
  assertEquals(liveFrame({ state, header: undefined, stopping: "no" }).parts.fleet, "");
  assertFalse(lines(board).includes("agent"));
});

Deno.test("metrics count what agents tell", () => {
  const counters = createLiveCounters();
  counters.agent(told(0));
  counters.agent(told(1));
  counters.agent(told(0, { completed: 26, ttft: [bucketOf(100), 1], itl: [] }));
  const counts = counters.counts();
  assertEquals([counts.ended.ok, counts.failedUntold, counts.outputTokens], [51, 2, 5000]);
  assertEquals(counts.ttft.counts.reduce((sum, count) => sum + count), 51);
  const { board } = measuring();
  const { body: text } = renderPrometheus(counts, board.state(), undefined);
  assertStringIncludes(text, 'tokometer_requests_failed_total{kind="on_an_agent"} 2');
});
