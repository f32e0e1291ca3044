import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createLiveBoard } from "../workloads/live_board.ts";
import { liveFrame } from "../workloads/live_page_frame.ts";
import type { LiveState } from "../workloads/live_state.ts";
import type { LiveSeen } from "../workloads/live_status.ts";
import { createHeader } from "./support/create_run.ts";
import { textOf } from "./support/html_text.ts";

const EMPTY = createLiveBoard().state();
const NONE = { count: 0, p50Ms: undefined, p99Ms: undefined };
const END = {
  ...{ load: 1, label: "1 user", skipped: false, durationMs: 60_000, completed: 1234, failed: 2 },
  ...{ tokensPerSec: 512.3, completedPerSec: 20.5, e2e: NONE },
  ttft: { count: 1234, p50Ms: 12.34, p99Ms: 99.9 },
  itl: { count: 9999, p50Ms: 5.01, p99Ms: 7.5 },
};

/** The middle of a run. */
const RUNNING: LiveState = {
  ...EMPTY,
  ...{ phase: "measuring", label: "8 users", load: 2, loads: 4, done: 40, total: 100, failed: 1 },
  ...{ inFlight: 8, tokensPerSec: 1234.5, elapsedMs: 30_000, leftMs: 10_000 },
  ...{ runElapsedMs: 100_000, runLeftMs: 300_000 },
  verdict: { state: "doubtful", why: "p99 of ITL may be the client's" },
  failures: [{ kind: "http_error", count: 1, message: "503: no" }],
  server: { running: 7, waiting: 1234, cacheUse: undefined },
  course: {
    ...{ label: "8 users", sliceMs: 1000, tokensPerSec: [null, 1200], completedPerSec: [0, 3] },
    ...{ inFlight: [8, null], failed: [0, 1], ttftP50Ms: [null, 20], ttftP99Ms: [null, null] },
    ...{ itlP50Ms: [null, 5], itlP99Ms: [null, 6] },
  },
  ended: [END],
};

function frame(state: Partial<LiveState> = {}, more: Partial<LiveSeen> = {}) {
  const seen = { state: { ...RUNNING, ...state }, header: createHeader(), stopping: "no" } as const;
  const { parts, ...rest } = liveFrame({ ...seen, ...more });
  const markup = Object.values(parts).join("");
  assert(!/NaN|Infinity|undefined|\[object/.test(markup), markup);
  return { ...rest, parts, text: textOf(markup) };
}

Deno.test("the page has a place for each part and nothing else", async () => {
  const { html } = await (await import("../workloads/live_page.ts")).livePage();
  for (const id of Object.keys(frame().parts)) assertStringIncludes(html, ` id="${id}"`);
});

Deno.test("a run before anything is known, while it goes on, and over", () => {
  const before = frame({ ...EMPTY, course: EMPTY.course }, { header: undefined });
  assertStringIncludes(before.text, "Preparing the run");
  assertEquals([before.parts.charts, before.parts.ended], ["", ""]);

  const { title, text, parts, stopping } = frame();
  assertEquals([title, stopping], ["8 users 75 % · Tokometer", "no"]);
  for (
    const shown of [
      ...[
        "Load 2 of 4",
        "1:40, 5:00 left",
        "Measuring 8 users",
        "40 of 100 ended, 30 s, 10 s left",
      ],
      ...["1,234 waiting", "It is doubtful whether the server is measured", "503: no"],
      ...["Over time: 8 users", "1,234 2 512 20.5 12.3 ms 99.9 ms 5.01 ms 7.50 ms n/a n/a 60"],
    ]
  ) assertStringIncludes(text, shown);
  assertMatch(parts.bars!, /max="1000" value="250"[^]*max="1000" value="750"/);
  assert(!text.includes("Time to the first token"), "one load is no curve");
  assertStringIncludes(frame({ ended: [END, END] }).text, "Time to the first token");

  const over = frame({}, { over: { exitCode: 1, folder: "a <b>", report: "a <b>/report.html" } });
  assertEquals([over.title, over.stopping, over.parts.bars], ["Over · Tokometer", "over", ""]);
  assertStringIncludes(
    over.text,
    "! The run is over Exit code 1 Results: a <b> Report page: a <b>/r",
  );
  const failed = frame({}, { over: { error: "the disk is full" } });
  assertStringIncludes(failed.text, "The run ended without results: the disk is full");
});

Deno.test("what is said aloud changes with loads and verdicts, not with figures", () => {
  const { said } = frame();
  assertEquals(
    said,
    "Load 2 of 4, 8 users: measuring. It is doubtful whether the server is measured",
  );
  const later = { done: 90, elapsedMs: 39_000, leftMs: 1000, inFlight: 7, failed: 3 };
  assertEquals(
    frame({ ...later, verdict: { state: "doubtful", why: "another reason" } }).said,
    said,
  );
  assertEquals(
    frame({ verdict: undefined }, { stopping: "draining" }).said,
    "Load 2 of 4, 8 users: measuring. The run is stopping",
  );
  assertEquals(
    frame({}, { over: { exitCode: 0, folder: "x" } }).said,
    "The run is over. Exit code 0",
  );
});
