import { assert, assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli/unicode-width";
import type { LiveState } from "../workloads/live_state.ts";
import { renderLiveView, sparkline } from "../workloads/live_view.ts";

const STATE: LiveState = {
  fleet: undefined,
  phase: "measuring",
  label: "64 users",
  load: 3,
  loads: 8,
  done: 300,
  total: 400,
  failed: 3,
  inFlight: 64,
  tokensPerSec: 1234.4,
  elapsedMs: 65_000,
  leftMs: 21_600,
  runElapsedMs: 100_000,
  runLeftMs: 250_000,
  recent: {
    ttft: { count: 123, p50Ms: 42.13, p99Ms: 80.2 },
    itl: { count: 4000, p50Ms: 8.21, p99Ms: 11.04 },
    e2e: { count: 123, p50Ms: 400, p99Ms: 500 },
  },
  failures: [
    { kind: "http_error", count: 2, message: "503: overloaded, come again\nlater" },
    { kind: "timeout", count: 1, message: "no answer within 5 s" },
  ],
  verdict: { state: "ok", why: "" },
  server: { running: 60, waiting: 4, cacheUse: 0.83 },
  course: {
    ...{ label: "64 users", sliceMs: 1000 },
    tokensPerSec: [0, 500, null, 1000],
    completedPerSec: [],
    inFlight: [],
    ...{ ttftP50Ms: [], ttftP99Ms: [], itlP50Ms: [], itlP99Ms: [], failed: [] },
  },
  ended: [],
};

const WIDE = { columns: 116, rows: 40 };

Deno.test("renderLiveView shows a run in a few lines", () => {
  assertEquals(renderLiveView(STATE, WIDE), [
    "measuring 64 users  load 3 of 8  ━━━━━━━━━━━━━━━─────  300/400  22 s left  all in 4:10",
    "  64 in flight  1,234 tokens/s  ▁▅ █  server: 60 running, 4 waiting, cache 83.0 %",
    "  TTFT p50 42.1 ms, p99 80.2 ms  ITL p50 8.21 ms, p99 11.0 ms  last 10 s, 123 requests",
    "  failed: 2 × http error: 503: overloaded, come again later  1 × timeout: no answer within 5 s",
    "  so far: the client has time",
  ]);
});

Deno.test("renderLiveView fits any terminal, and the bar is there at 80 columns", () => {
  const wide: LiveState = {
    ...STATE,
    label: "日本語の負荷 64",
    failures: [{ kind: "engine_error", count: 1, message: "混雑しています。".repeat(40) }],
    verdict: { state: "client-bound", why: "the client is the limit of p50 of TTFT" },
  };
  for (let columns = 1; columns < 130; columns++) {
    for (const rows of [1, 7, 8, 60]) {
      for (const state of [STATE, wide]) {
        const lines = renderLiveView(state, { columns, rows });
        assert(lines.every((line) => unicodeWidth(line) <= columns), `${columns} × ${rows}`);
        assert(lines.length <= 6, `${lines.length} lines`);
        assert(lines.every((line) => line.trim() !== ""), "no empty line");
        if (rows < 8 || columns < 50) assertEquals(lines.length, 1);
        if (columns >= 76 && state === STATE) assert(/━─/.test(lines[0]!), lines[0]);
      }
    }
  }
  assertEquals(renderLiveView(STATE, { columns: 76, rows: 7 }), [
    "measuring 64 users  load 3 of 8  ━━━━━━━───  300/400  3 failed  22 s left",
  ]);
});

Deno.test("renderLiveView says only what is known", () => {
  const none = { count: 0, p50Ms: undefined, p99Ms: undefined };
  const early: LiveState = {
    ...STATE,
    ...{ failed: 0, failures: [], verdict: undefined, server: undefined },
    ...{ tokensPerSec: undefined, leftMs: undefined, total: undefined, runLeftMs: undefined },
    recent: { ttft: none, itl: none, e2e: none },
  };
  assertEquals(renderLiveView(early, WIDE), [
    "measuring 64 users  load 3 of 8  300 done  1:05",
    "  64 in flight",
    "  no request completed in the last 10 s",
  ]);
  assertEquals(renderLiveView({ ...early, phase: "warm-up", total: 64 }, WIDE).length, 2);
  const loading = { ...early, phase: "waiting for", label: "the server", load: 0, done: 0 };
  assertEquals(renderLiveView(loading, WIDE), ["waiting for the server  64 in flight  1:05"]);
  const once = { ...STATE, recent: { ttft: none, itl: none, e2e: STATE.recent.e2e } };
  assertEquals(
    renderLiveView(once, WIDE)[2],
    "  E2E p50 400 ms, p99 500 ms  last 10 s, 123 requests",
  );
  const few = { ...STATE.recent, ttft: { count: 5, p50Ms: 42, p99Ms: undefined } };
  assert(
    renderLiveView({ ...STATE, recent: few }, WIDE)[2]!.startsWith("  TTFT p50 42.0 ms, p99 n/a"),
  );
});

Deno.test("the time left is of the load and of all, and draining has none", () => {
  const left = (state: Partial<LiveState>) =>
    renderLiveView({ ...STATE, ...state }, WIDE)[0]!.split("300/400  ")[1];
  assertEquals(left({}), "22 s left  all in 4:10");
  assertEquals(left({ load: 8 }), "22 s left");
  assertEquals(left({ leftMs: 0 }), "draining  all in 4:10");
  assertEquals(left({ leftMs: 0, load: 8 }), "draining");
  assertEquals(left({ leftMs: 0, load: 8, inFlight: 0 }), "1:05");
  assertEquals(left({ leftMs: 0, inFlight: 0 }), "1:05  all in 4:10");
  assertEquals(left({ leftMs: undefined }), "1:05  all in 4:10");
  assertEquals(left({ leftMs: undefined, runLeftMs: undefined }), "1:05");
  assertEquals(
    renderLiveView(STATE, { columns: 76, rows: 24 })[0],
    [
      ...["measuring 64 users", "load 3 of 8", "━━━━━━━───", "300/400", "22 s left", "all in 4:10"],
    ].join("  "),
  );
  assertEquals(left({ loads: undefined }), "22 s left", "a search has no known end");
});

Deno.test("colors change nothing but the color", () => {
  const doubtful = { ...STATE, verdict: { state: "doubtful", why: "p99 of ITL" } as const };
  const colored = renderLiveView(doubtful, { ...WIDE, color: true });
  assertEquals(
    // deno-lint-ignore no-control-regex
    colored.map((line) => line.replace(/\x1b\[\d+m/g, "")),
    renderLiveView(doubtful, WIDE),
  );
  assert(colored[3]!.includes("\x1b[31m"), "failures are red");
  assert(colored[4]!.includes("\x1b[33m"), "doubts are yellow");
});

Deno.test("what others wrote moves no cursor", () => {
  const evil = "\x1b[2J\x1b[31m\r\nred\u202e";
  const [, , , failures] = renderLiveView(
    { ...STATE, failures: [{ kind: "timeout", count: 1, message: evil }] },
    { ...WIDE, color: true },
  );
  // deno-lint-ignore no-control-regex
  assertEquals(failures!.match(/[\x00-\x1a\x1c-\x1f\u202e]|\x1b(?!\[\d+m)/g), null);
});

Deno.test("sparkline begins at zero and needs three values", () => {
  assertEquals(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]), "▁▂▃▄▅▆▇██");
  assertEquals(sparkline([100, 101, 102]), "███");
  assertEquals(sparkline([1, 2]), "");
  assertEquals(sparkline([0, 0, 0]), "");
});
