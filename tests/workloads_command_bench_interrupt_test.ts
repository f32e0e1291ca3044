import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async";
import { launchSimulator } from "../backends/sim_launch.ts";
import { SAME_SIGNAL_MS } from "../workloads/interrupt.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { CTRL_C, HAS_PTY, startOnPty } from "./support/pty.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const PROGRAM = [Deno.execPath(), "run", "-A", "--quiet", `${ROOT}cli.ts`];

interface Interrupted {
  readonly exitCode: number;
  readonly output: string;
  /** Outcome → requests of the measured phase. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly interrupted: readonly boolean[];
}

/** Runs `bench` on a terminal against a simulated server and presses Ctrl-C so many times. */
async function interruptBench(
  presses: number,
  options: { itlMs: number; outputTokens?: number; task?: boolean },
): Promise<Interrupted> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_interrupt_" });
  const [command, ...args] = PROGRAM;
  const simulator = await launchSimulator([], {
    command: {
      command: command!,
      args: [...args, "simulate", "--port=0", "--ttft=20", `--itl=${options.itlMs}`]
        .concat("--until-stdin-closes"),
    },
  });
  try {
    const bench = [
      ...[...PROGRAM, "bench", simulator.url, "--concurrency=4", "--duration=60", "--warmup=0"],
      ...[`--output-tokens=${options.outputTokens ?? 20}`, `--out=${folder}/out`],
    ];
    const tasks = { go: bench.map((word) => `"${word}"`).join(" ") };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ tasks }));
    const task = [Deno.execPath(), "task", "--quiet", "go"];
    await using terminal = startOnPty(options.task ? task : bench, { cwd: folder });
    await terminal.waitFor("measuring");
    // Until some requests are under way and, with short ones, some are done.
    await delay(500);
    for (let press = 0; press < presses; press++) {
      if (press > 0) await delay(SAME_SIGNAL_MS + 100);
      await terminal.type(CTRL_C);
    }
    const exitCode = await terminal.exitCode;
    const { records, ends } = await readRecordFile(`${folder}/out/records.jsonl`);
    const measured = records.filter(({ phase }) => phase === "measure");
    const outcomes = Map.groupBy(measured, ({ outcome }) => outcome.kind);
    return {
      exitCode,
      output: terminal.output,
      outcomes: Object.fromEntries([...outcomes].map(([kind, list]) => [kind, list.length])),
      interrupted: ends.map(({ interrupted }) => interrupted),
    };
  } finally {
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "bench drains, reports and marks the run after one Ctrl-C, under deno task too",
  ignore: !HAS_PTY,
  async fn() {
    for (const task of [false, true]) {
      const { exitCode, output, outcomes, interrupted } = await interruptBench(1, {
        itlMs: 5,
        task,
      });
      assertEquals(exitCode, 130, output);
      // All were allowed to finish: had the doubled signal counted as two, some would not.
      assertEquals(Object.keys(outcomes), ["ok"], output);
      assertGreater(outcomes.ok!, 4);
      assertEquals(interrupted, [true]);
      assert(/interrupted/i.test(output.slice(output.indexOf("Stopping;"))), output);
    }
  },
});

Deno.test({
  name: "bench stops at once after a second Ctrl-C and still writes what there is",
  ignore: !HAS_PTY,
  async fn() {
    // A request takes three seconds, far more than passes between the two.
    const { exitCode, output, outcomes, interrupted } = await interruptBench(2, {
      itlMs: 400,
      outputTokens: 8,
    });
    assertEquals(exitCode, 130, output);
    assertGreater(outcomes.cancelled ?? 0, 0, output);
    assertEquals(interrupted, [true]);
  },
});

Deno.test({
  name: "demo: Ctrl-C reaches its simulated engine too, which still answers what is in flight",
  ignore: !HAS_PTY,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tokometer_interrupt_" });
    try {
      await using terminal = startOnPty([
        ...PROGRAM,
        ...["demo", "--concurrency=4", "--duration=60", `--out=${folder}/out`],
      ]);
      await terminal.waitFor("measuring");
      await delay(500);
      await terminal.type(CTRL_C);
      assertEquals(await terminal.exitCode, 130, terminal.output);
      const { records } = await readRecordFile(`${folder}/out/records.jsonl`);
      assertGreater(records.length, 4);
      assertEquals(new Set(records.map(({ outcome }) => outcome.kind)), new Set(["ok"]));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
