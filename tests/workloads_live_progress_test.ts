import { unicodeWidth } from "@std/cli/unicode-width";
import { assert, assertEquals } from "@std/assert";
import {
  createProgressLine,
  type ProgressState,
  renderProgress,
} from "../workloads/live_progress.ts";

const STATE: ProgressState = {
  phase: "measuring",
  label: "64 users",
  done: 30,
  total: 40,
  failed: 2,
  inFlight: 8,
  tokensPerSec: 1234.4,
  elapsedMs: 65_000,
  leftMs: 21_600,
};

Deno.test("renderProgress leaves out what matters least when columns are few", () => {
  const cases: [number, string][] = [
    [
      200,
      "measuring 64 users  ━━━━━━━━━━━━━━━─────  30/40  2 failed  8 in flight  1234 tokens/s" +
      "  1:05  22 s left",
    ],
    [80, "measuring 64 users  30/40  2 failed  8 in flight  1234 tokens/s  1:05  22 s left"],
    [79, "measuring 64 users  30/40  2 failed  1234 tokens/s  1:05  22 s left"],
    [53, "measuring 64 users  30/40  2 failed  1:05  22 s left"],
    [50, "measuring 64 users  30/40  2 failed  1:05"],
    [35, "measuring 64 users  30/40  2 failed"],
    [25, "measuring 64 users  30/40"],
    [24, "measuring 64 users"],
    [10, "measuring…"],
  ];
  for (const [columns, line] of cases) assertEquals(renderProgress(STATE, columns), line);
  for (let columns = 1; columns < 120; columns++) {
    assert(unicodeWidth(renderProgress(STATE, columns)) <= columns, String(columns));
    assert(unicodeWidth(renderProgress({ ...STATE, label: "日本語" }, columns)) <= columns);
  }
});

Deno.test("renderProgress shows no total, rest, failures or rate that it does not know", () => {
  const { phase, label, done, inFlight } = STATE;
  const state = { phase, label, done, inFlight, failed: 0, elapsedMs: 3_725_000 };
  assertEquals(renderProgress(state, 80), "measuring 64 users  30 done  8 in flight  1:02:05");
  assertEquals(
    renderProgress({ ...state, total: 0, done: 0 }, 80),
    "measuring 64 users  0/0  8 in flight  1:02:05",
  );
});

/** A progress line on a clock that stands until it is moved. */
function createLine(terminal: boolean) {
  const clock = { ms: 0, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  const written: string[] = [];
  const line = createProgressLine({ write: (text) => written.push(text), terminal, clock });
  return { clock, line, taken: () => written.splice(0) };
}

Deno.test("createProgressLine rewrites a terminal's line at most ten times a second", () => {
  const { clock, line, taken } = createLine(true);
  line.show("measuring  1");
  line.show("measuring  2");
  clock.ms = 99;
  line.show("measuring  3");
  assertEquals(taken(), ["\r\x1b[Kmeasuring  1"]);
  clock.ms = 100;
  line.show("measuring  4");
  assertEquals(taken(), ["\r\x1b[Kmeasuring  4"]);
  line.show("draining  5");
  assertEquals(taken(), ["\r\x1b[Kdraining  5"], "a new phase is shown at once");
  line.show("");
  line.show("");
  assertEquals(taken(), ["\r\x1b[K"], "and removed once");
});

Deno.test("createProgressLine adds a log line every ten seconds and for each phase", () => {
  const { clock, line, taken } = createLine(false);
  for (; clock.ms <= 20_000; clock.ms += 1000) line.show(`measuring  ${clock.ms}`);
  line.show("draining  x");
  line.show("");
  assertEquals(taken(), [
    "measuring  0\n",
    "measuring  10000\n",
    "measuring  20000\n",
    "draining  x\n",
  ]);
});

Deno.test("createProgressLine makes room for other output", () => {
  const { line, taken } = createLine(true);
  line.around(() => taken());
  line.show("measuring  1");
  taken();
  const log: string[] = [];
  line.around(() => log.push(...taken()));
  assertEquals([log, taken()], [["\r\x1b[K"], ["measuring  1"]]);
  const plain = createLine(false);
  plain.line.show("measuring  1");
  plain.taken();
  plain.line.around(() => {});
  assertEquals(plain.taken(), []);
});
