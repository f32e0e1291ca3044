import { unicodeWidth } from "@std/cli/unicode-width";
import { assert, assertEquals } from "@std/assert";
import {
  createProgressLine,
  type ProgressState,
  renderProgress,
} from "../workloads/live_progress.ts";
import { createFakeTerminal } from "./support/fake_terminal.ts";

const STATE: ProgressState = {
  phase: "measuring",
  label: "64 users",
  load: 2,
  loads: 8,
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
      "measuring 64 users  load 3 of 8  ━━━━━━━━━━━━━━━─────  30/40  2 failed  8 in flight" +
      "  1234 tokens/s  22 s left",
    ],
    [80, "measuring 64 users  load 3 of 8  ━━━━━━━───  30/40  2 failed  22 s left"],
    [70, "measuring 64 users  ━━━━━━━───  30/40  2 failed  22 s left"],
    [57, "measuring 64 users  30/40  2 failed  22 s left"],
    [45, "measuring 64 users  30/40  2 failed"],
    [25, "measuring 64 users  30/40"],
    [24, "measuring 64 users"],
    [10, "measuring…"],
  ];
  for (const [columns, line] of cases) assertEquals(renderProgress(STATE, columns), line);
  assertEquals(
    renderProgress(STATE, 80, { bar: false }),
    "measuring 64 users  load 3 of 8  30/40  2 failed  1234 tokens/s  22 s left",
  );
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

Deno.test("the bar shows time where a load has no number of requests", () => {
  const { total: _, ...timed } = STATE;
  const state = { ...timed, elapsedMs: 5000, leftMs: 5000 };
  assertEquals(
    renderProgress(state, 80),
    "measuring 64 users  load 3 of 8  ━━━━━─────  30 done  2 failed  5 s left",
  );
});

/** A progress line on a clock that stands until it is moved. */
function createLine(terminal: boolean) {
  const clock = { ms: 0, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  const written: string[] = [];
  const line = createProgressLine({ write: (text) => written.push(text), terminal, clock });
  return { clock, line, taken: () => written.splice(0) };
}

Deno.test("createProgressLine redraws a terminal at most ten times a second", () => {
  const { clock, line, taken } = createLine(true);
  line.show("measuring  1");
  line.show("measuring  2");
  clock.ms = 99;
  line.show("measuring  3");
  assertEquals(taken(), ["\r\x1b[Jmeasuring  1"]);
  clock.ms = 100;
  line.show("measuring  4");
  assertEquals(taken(), ["\r\x1b[Jmeasuring  4"]);
  line.show("draining  5");
  assertEquals(taken(), ["\r\x1b[Jdraining  5"], "a new phase is shown at once");
  line.show("");
  line.show("");
  assertEquals(taken(), ["\r\x1b[J"], "and removed once");
});

Deno.test("createProgressLine adds a log line every ten seconds and for each phase", () => {
  const { clock, line, taken } = createLine(false);
  for (; clock.ms <= 20_000; clock.ms += 1000) line.show(`measuring  ${clock.ms}`);
  line.show(["draining  x", "y"]);
  line.show("");
  assertEquals(taken(), [
    "measuring  0\n",
    "measuring  10000\n",
    "measuring  20000\n",
    "draining  x  y\n",
  ]);
});

Deno.test("createProgressLine makes room for other output", () => {
  const { line, taken } = createLine(true);
  line.around(() => taken());
  line.show("measuring  1");
  taken();
  const log: string[] = [];
  line.around(() => log.push(...taken()));
  assertEquals([log, taken()], [["\r\x1b[J"], ["\x1b[Jmeasuring  1"]]);
  const plain = createLine(false);
  plain.line.show("measuring  1");
  plain.taken();
  plain.line.around(() => {});
  assertEquals(plain.taken(), []);
});

/** A progress line on a terminal that interprets what it writes. */
function createOnTerminal(columns: number) {
  const terminal = createFakeTerminal(columns);
  const clock = { ms: 0, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  const seen: (readonly string[])[] = [];
  let width = columns;
  const line = createProgressLine({
    write(text) {
      terminal.write(text);
      seen.push(terminal.screen);
    },
    ...{ terminal: true, columns: () => width, clock },
  });
  return {
    terminal,
    seen,
    line,
    show(...lines: string[]) {
      clock.ms += 1000;
      line.show(lines);
    },
    note: (text: string) => line.around(() => terminal.write(`${text}\n`)),
    resize(columns: number) {
      terminal.resize(columns);
      width = columns;
    },
  };
}

Deno.test("lines of a terminal are drawn in place, more or fewer of them, and never vanish between", () => {
  const { terminal, show, seen, line } = createOnTerminal(20);
  terminal.write("$ bench\n");
  show("one", "two", "three");
  show("one, longer", "two");
  assertEquals(terminal.screen, ["$ bench", "one, longer", "two"]);
  show("x".repeat(20), "\x1b[31my\x1b[0m".repeat(20), "z".repeat(20), "end".padStart(20));
  assertEquals(terminal.screen.slice(1), [
    ...["x", "y", "z"].map((letter) => letter.repeat(20)),
    "                 end",
  ]);
  show("日本語日本語日本語日", "b");
  assertEquals(terminal.screen, ["$ bench", "日本語日本語日本語日", "b"]);
  assert(seen.every((screen) => screen.length >= 3), "each write leaves all lines");
  line.show("");
  assertEquals(terminal.screen, ["$ bench"]);
  terminal.write("done\n");
  assertEquals(terminal.screen, ["$ bench", "done"]);
});

Deno.test("notes stand above the lines, which leave nothing behind", () => {
  const { terminal, show, note, line } = createOnTerminal(20);
  show("one", "two");
  note("first");
  assertEquals(terminal.screen, ["first", "one", "two"]);
  note("a note of more than twenty letters");
  show("one", "two");
  line.show("");
  assertEquals(terminal.screen, ["first", "a note of more than", "twenty letters"]);
});

Deno.test("what a key press shows is gone with the next lines", () => {
  const { terminal, show, note } = createOnTerminal(20);
  show("one", "two");
  terminal.write("^C");
  assertEquals(terminal.screen, ["one", "two^C"]);
  note("Stopping");
  show("one", "two");
  assertEquals(terminal.screen, ["Stopping", "one", "two"]);
});

Deno.test("lines that wrapped when the terminal became narrow leave nothing behind", () => {
  for (const columns of [19, 12, 7, 5, 3]) {
    const { terminal, show, note, resize, line } = createOnTerminal(20);
    terminal.write("$\n");
    show("one of eighteen ...", "two", "three of them");
    resize(columns);
    show("a", "b");
    assertEquals(terminal.screen, ["$", "a", "b"], String(columns));
    resize(20);
    note("!");
    assertEquals(terminal.screen, ["$", "!", "a", "b"], String(columns));
    resize(1);
    line.show("");
    assertEquals(terminal.screen, ["$", "!"], String(columns));
  }
});
