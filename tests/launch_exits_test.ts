/**
 * Nothing that `--launch` has started is left when the tool ends, whatever ends it: real runs on a
 * terminal, with an engine that has children of its own, one of them in another session.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import {
  isRunning,
  type ProcessIdentity,
  processTree,
  readProcess,
} from "../backends/process_tree.ts";
import { SAME_SIGNAL_MS } from "../workloads/interrupt.ts";
import { CTRL_C, HAS_PTY, type Pty, startOnPty } from "./support/pty.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { writeSharegpt } from "./support/sharegpt_file.ts";

const FAKE = new URL("support/fake_engine.ts", import.meta.url).pathname;
const CLI = new URL("../cli.ts", import.meta.url).pathname;
/** Processes are told apart by what Linux says of them. */
const IGNORE = Deno.build.os !== "linux" || !HAS_PTY;

/** Runs that go on until something ends them. */
const ENDLESS: Readonly<Record<string, readonly string[]>> = {
  "num-clients": ["--num-clients=2", "--num-requests=1000", "--ramp-up-time=0"],
  "profile-generation": ["-c", "2", "-pt", "4", "-ct", "8", "-tr", "20000", "-w", "0"],
  "profile-throughput": ["DATASET", "--num-prompts=20000", "--concurrency=2"],
};

interface Running {
  readonly terminal: Pty;
  /** The engine and its two children. */
  readonly engine: ProcessIdentity;
  readonly all: readonly ProcessIdentity[];
}

/** Starts a command on a terminal and waits until it measures. */
async function startMeasuring(
  folder: string,
  command: string,
  engineArgs: string,
): Promise<Running> {
  const dataset = await writeSharegpt(folder, 3000);
  const words = ENDLESS[command]!.map((word) => word === "DATASET" ? dataset : word);
  const terminal = startOnPty([
    ...[Deno.execPath(), "run", "-A", "--quiet", CLI, command, ...words],
    ...["--launch=llama.cpp", "--model-path=M.gguf", "--launch-port=0"],
    ...[`--launch-executable=${FAKE}`, `--launch-log=${folder}/engine.log`],
    ...[`--launch-args=--fake-children 2 ${engineArgs}`, `--out=${folder}/out`],
  ], { cwd: folder });
  await terminal.waitFor("measuring");
  const [, pid] = /Started llama\.cpp as process (\d+)/.exec(terminal.output) ?? [];
  assert(pid !== undefined, terminal.output);
  const all = processTree({ pid: Number(pid), mark: "" }).map(identityOf);
  assertEquals(all.length, 3, "an engine with two children");
  return { terminal, engine: identityOf(Number(pid)), all };
}

function identityOf(pid: number): ProcessIdentity {
  const { startTicks } = readProcess(pid)!;
  return { pid, mark: "", startTicks };
}

/** What may end a run. */
interface Ending {
  /** For the engine. */
  readonly args?: string;
  readonly end: (running: Running) => Promise<void>;
  /** Exit code; absent where the tool cannot say anything any more. */
  readonly code?: number;
}

const ENDINGS: Readonly<Record<string, Ending>> = {
  "Ctrl-C": { end: ({ terminal }) => terminal.type(CTRL_C), code: 130 },
  "Ctrl-C twice": {
    // Answers that take seconds, from an engine that must be killed: nothing of it is waited for.
    args: "--fake-itl 400 --fake-deaf",
    end: async ({ terminal }) => {
      await terminal.type(CTRL_C);
      await delay(SAME_SIGNAL_MS + 100);
      await terminal.type(CTRL_C);
    },
    code: 130,
  },
  "kill -9 of the engine": {
    end: ({ engine }) => Promise.resolve(Deno.kill(engine.pid, "SIGKILL")),
    code: 3,
  },
  "kill -9 of the tool": {
    end: ({ engine }) => Promise.resolve(Deno.kill(readProcess(engine.pid)!.parent, "SIGKILL")),
  },
};

async function endBy(folder: string, command: string, ending: Ending): Promise<void> {
  const running = await startMeasuring(folder, command, ending.args ?? "");
  await using terminal = running.terminal;
  await ending.end(running);
  const code = await terminal.exitCode;
  if (ending.code === undefined) {
    // The guard is another process, and gives them time to end by themselves.
    for (let waits = 0; running.all.some(isRunning) && waits < 300; waits++) await delay(50);
  } else {
    assertEquals(code, ending.code, terminal.output);
    // What was measured until then is kept, complete to the end of the last line.
    const kept = await Deno.readTextFile(`${folder}/out/records.jsonl`);
    assert(kept.split("\n").length > 2 && kept.endsWith("\n"), terminal.output);
  }
  if (ending.code === 3) {
    assertStringIncludes(terminal.output, "llama.cpp was ended by SIGKILL during the");
  }
  assertEquals(running.all.filter(isRunning), [], terminal.output);
}

for (const command of Object.keys(ENDLESS)) {
  Deno.test({
    name: `${command} --launch leaves nothing running after ${Object.keys(ENDINGS).join(", ")}`,
    ignore: IGNORE,
    // Side by side: they mostly wait for programs to start.
    fn: async () => {
      await Promise.all(
        Object.values(ENDINGS).map((ending) =>
          inTempFolder((folder) => endBy(folder, command, ending))
        ),
      );
    },
  });
}

Deno.test({
  name: "profile-generation --launch leaves nothing running when the engine does not start",
  ignore: IGNORE,
  fn: () =>
    inTempFolder(async (folder) => {
      await using terminal = startOnPty([
        ...[Deno.execPath(), "run", "-A", "--quiet", CLI, "profile-generation", "M.gguf"],
        ...["--launch=llama.cpp", "--launch-port=0", `--launch-executable=${FAKE}`],
        ...[`--launch-log=${folder}/engine.log`, "--no-csv"],
        ...["--launch-args=--fake-children 2 --fake-die 7 --fake-die-after 300 --fake-never-ready"],
      ], { cwd: folder });
      await terminal.waitFor("as process ");
      const pid = Number(/as process (\d+)/.exec(terminal.output)![1]);
      assertEquals(await terminal.exitCode, 3, terminal.output);
      assertStringIncludes(terminal.output, "Cannot start llama.cpp: it ended with exit code 7");
      assertStringIncludes(terminal.output, "RuntimeError: out of memory");
      assertEquals(processTree({ pid, mark: "" }), []);
    }),
});

Deno.test({
  name: "num-clients --launch leaves nothing running after Ctrl-C while it waits for the engine",
  ignore: IGNORE,
  fn: () =>
    inTempFolder(async (folder) => {
      await using terminal = startOnPty([
        ...[Deno.execPath(), "run", "-A", "--quiet", CLI, "num-clients"],
        ...["--launch=llama.cpp", "--model-path=M.gguf", "--launch-port=0"],
        ...[`--launch-executable=${FAKE}`, `--launch-log=${folder}/engine.log`],
        ...["--launch-args=--fake-children 2 --fake-never-ready"],
      ], { cwd: folder });
      await terminal.waitFor("waiting for llama.cpp");
      const pid = Number(/as process (\d+)/.exec(terminal.output)![1]);
      await terminal.type(CTRL_C);
      assertEquals(await terminal.exitCode, 130, terminal.output);
      assertStringIncludes(terminal.output, "Stopped waiting for llama.cpp: interrupted");
      assertEquals(processTree({ pid, mark: "" }), []);
    }),
});
