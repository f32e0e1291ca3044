/** The program on a real pseudo-terminal: what stands on its screen while it measures, and after. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { createFakeTerminal } from "./support/fake_terminal.ts";
import { CTRL_C, HAS_PTY, type Pty, startOnPty } from "./support/pty.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;

/** A run of half a minute on a terminal of that size. */
async function benchOnPty(
  { columns, rows, env = {} }: {
    readonly columns: number;
    readonly rows: number;
    readonly env?: Record<string, string>;
  },
  use: (pty: Pty) => Promise<void>,
): Promise<void> {
  const server = await startSimServer({ ttft: "5", itl: "1" });
  const bench = [
    ...[Deno.execPath(), "run", "-A", "--quiet", CLI, "bench", server.url, "--no-save"],
    ...["--concurrency=2", "--output-tokens=8", "--warmup=2", "--duration=30", "--seed=1"],
    ...["--transport=fetch", "--gpu=off", "--server-metrics=off"],
  ];
  const line = `stty cols ${columns} rows ${rows}; exec "$@"`;
  try {
    await using pty = startOnPty(["sh", "-c", line, "sh", ...bench], {
      env: { TERM: "xterm-256color", NO_COLOR: "1", ...env },
    });
    await use(pty);
  } finally {
    await server.stop();
  }
}

/** What stands on the terminal after so much of its output. */
function screenOf(output: string, columns: number): readonly string[] {
  const terminal = createFakeTerminal(columns);
  terminal.write(output);
  return terminal.screen;
}

const VIEW = /in flight|━|─{3}|last 10 s|so far:/;

Deno.test({
  name: "a terminal shows a few lines in place, and nothing of them is left after Ctrl-C",
  ignore: !HAS_PTY,
  fn: () =>
    benchOnPty({ columns: 90, rows: 30 }, async (pty) => {
      await pty.waitFor("TTFT p50");
      const during = screenOf(pty.output, 90);
      const first = during.findIndex((line) => line.startsWith("measuring 2 users"));
      const [bar = "", flow = "", latency = ""] = during.slice(first);
      assertMatch(bar, /^measuring 2 users {2}━*─+ {2}\d+ done {2}\d+ s left$/);
      assertMatch(flow, /^ {2}\d in flight {2}[\d,]+ tokens\/s/);
      assertMatch(latency, /^ {2}TTFT p50 .* [mµ]?s, p99 .* {2}ITL p50 /);
      assertEquals(during.filter((line) => VIEW.test(line)).length, during.length - first);

      await pty.type(CTRL_C);
      assertEquals(await pty.exitCode, 130);
      const after = screenOf(pty.output, 90);
      assert(
        after.some((line) => line === "Stopping; Ctrl-C again stops at once"),
        after.join("\n"),
      );
      assertEquals(after.filter((line) => VIEW.test(line) || line.includes("^C")), []);
      assert(after.some((line) => line.startsWith("Verdict")), after.join("\n"));
    }),
});

Deno.test({
  name: "a small terminal shows one line",
  ignore: !HAS_PTY,
  fn: () =>
    benchOnPty({ columns: 80, rows: 6 }, async (pty) => {
      await pty.waitFor("29 s left");
      const lines = screenOf(pty.output, 80).filter((line) => VIEW.test(line));
      assertEquals(lines.length, 1);
      assertMatch(lines[0]!, /^measuring 2 users {2}━*─+ {2}\d+ done .* s left$/);
    }),
});

Deno.test({
  name: "a dumb terminal gets plain lines",
  ignore: !HAS_PTY,
  fn: () =>
    benchOnPty({ columns: 90, rows: 30, env: { TERM: "dumb" } }, async (pty) => {
      await pty.waitFor("measuring 2 users");
      await pty.type(CTRL_C);
      assertEquals(await pty.exitCode, 130);
      assert(!pty.output.includes("\x1b"), "no control sequence");
    }),
});
