import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { endProcessTree, isRunning, processTree, readProcess } from "../backends/process_tree.ts";
import { findProtocol } from "../backends/protocols.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { type LaunchPlan, planLaunch } from "../workloads/server_launch_plan.ts";
import { waitForPlanned, withLaunched } from "../workloads/server_launch.ts";
import { LAUNCH_OPTIONS } from "../workloads/server_launch_options.ts";
import { readLogTail } from "../workloads/server_log_tail.ts";
import { parseOptions } from "../workloads/option_parse.ts";
import { askForOneToken, waitUntilReady } from "../workloads/server_readiness.ts";
import { defineCommand, type Host } from "../workloads/command.ts";
import { command as serve } from "../workloads/command_serve.ts";
import { readStates, type ServerState, statePath } from "../workloads/server_state.ts";
import { splitShellWords } from "../workloads/shell_split.ts";
import { UserError } from "../workloads/user_error.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { LLAMA_SERVER, writeRandomModel } from "./support/llama_server.ts";

const FAKE = new URL("support/fake_engine.ts", import.meta.url).pathname;
/** Processes are told apart by what Linux says of them. */
const LINUX = { ignore: Deno.build.os !== "linux" };

/** A host that collects what is said. */
function fakeHost(): Host & { readonly out: string[]; readonly err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const never = new AbortController().signal;
  return {
    out,
    err,
    print: (text) => void out.push(text),
    note: (text) => void err.push(text),
    progress: () => {},
    stdoutIsTerminal: false,
    color: false,
    columns: 80,
    interrupted: never,
    aborted: never,
    interrupt: () => {},
    commandLine: [],
  };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

/** Waits, for at most 5 s, until something holds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (holds()) return;
    await systemClock.sleepUntil(systemClock.now() + 10);
  }
  throw new Error(`waited in vain: ${what}`);
}

/** Servers of the current test: our children, although the command means them to outlive it. */
const started = new Set<number>();

/** A folder for state files and logs; servers that are still in it are ended afterwards. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    for (const { process } of (await readStates(folder)).values()) {
      await endProcessTree(process, { graceMs: 0 });
    }
    for (const pid of started) await until(() => readProcess(pid) === undefined, "a burial");
    if (started.size > 0) await systemClock.sleepUntil(systemClock.now() + 20);
    started.clear();
    await Deno.remove(folder, { recursive: true });
  }
}

/** `tokometer serve …` with the fake engine, asking often. */
async function tokometer(folder: string, ...argv: string[]) {
  const host = fakeHost();
  const [action, ...others] = argv;
  const own = ["--state-dir", folder, ...action === "start" ? ["--interval", "0.02"] : []];
  const fake = action === "start" && !argv.includes("--executable");
  const start = fake ? ["--executable", FAKE] : [];
  let error: UserError | undefined;
  let code: number;
  try {
    const values = parseOptions(serve, [action!, ...own, ...start, ...others]);
    code = await serve.run(values, host);
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    error = thrown;
    code = thrown.exitCode;
  }
  for (const [, pid] of host.out.join("\n").matchAll(/^SERVER PID: (\d+)$/gm)) {
    started.add(Number(pid));
  }
  return { code, error: error?.message ?? "", out: host.out.join("\n"), err: host.err.join("\n") };
}

Deno.test("splitShellWords splits as a shell does", () => {
  const cases: readonly [string, readonly string[]][] = [
    ["", []],
    ["  --a 1  -b ", ["--a", "1", "-b"]],
    [`--name 'my model' "x y"z`, ["--name", "my model", "x yz"]],
    [`a\\ b '' "\\"q\\" \\n"`, ["a b", "", `"q" \\n`]],
    ["--a 1 \\\n  --b", ["--a", "1", "--b"]],
    [`--json '{"a": 1}'`, ["--json", `{"a": 1}`]],
  ];
  for (const [text, words] of cases) assertEquals(splitShellWords(text), words, text);
  assertThrows(() => splitShellWords("--a 'b"), UserError, "the ' at character 5 has no end");
});

Deno.test("waitUntilReady counts a success at the very last attempt (T39)", async () => {
  for (
    const [readyAt, kind, attempts] of [[0, "ready", 1], [90, "ready", 91], [91, "timeout", 91]]
  ) {
    const clock = new FakeClock();
    let asked = 0;
    const attempt = () => Promise.resolve(asked++ === readyAt ? undefined : "connection refused");
    const waited = await clock.run(
      waitUntilReady(attempt, { intervalMs: 10_000, timeoutMs: 900_000, clock }),
    );
    assertEquals(waited.kind, kind as string);
    assertEquals(asked, attempts as number);
    if (waited.kind === "timeout") assertEquals(waited.reason, "connection refused");
  }
});

Deno.test("waitUntilReady asks from start to start, and always at the end of the time", async () => {
  const clock = new FakeClock();
  const asked: number[] = [];
  const limits: number[] = [];
  const attempt = async (timeoutMs: number) => {
    asked.push(clock.now());
    limits.push(timeoutMs);
    await clock.sleepUntil(clock.now() + 400);
    return "no";
  };
  const waiting = waitUntilReady(attempt, { intervalMs: 10_000, timeoutMs: 70_500, clock });
  assertEquals((await clock.run(waiting)).waitedMs, 70_900);
  assertEquals(asked, [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 70_500]);
  // A hanging server is asked anew after a minute; the last attempts have a few seconds.
  assertEquals([limits[0], limits[2], limits.at(-1)], [60_000, 50_500, 5000]);
});

Deno.test("waitUntilReady ends with the process, and does not believe its successor", async () => {
  const clock = new FakeClock();
  let die = () => {};
  const ended = new Promise<void>((resolve) => die = resolve);
  const attempt = () => {
    die();
    // Somebody else answers at the same address.
    return Promise.resolve(undefined);
  };
  const options = { intervalMs: 1000, timeoutMs: 900_000, clock, ended };
  assertEquals((await clock.run(waitUntilReady(attempt, options))).kind, "ended");
});

Deno.test("waitUntilReady stops at an interrupt, also in the middle of an attempt", async () => {
  const clock = new FakeClock();
  const interrupt = new AbortController();
  const attempt = (_: number, signal: AbortSignal) =>
    new Promise<string>((resolve) => {
      signal.addEventListener("abort", () => resolve("cancelled"));
      queueMicrotask(() => interrupt.abort());
    });
  const options = { intervalMs: 1000, timeoutMs: 900_000, clock, signal: interrupt.signal };
  assertEquals((await clock.run(waitUntilReady(attempt, options))).kind, "interrupted");
  assertEquals((await waitUntilReady(attempt, options)).kind, "interrupted");
});

Deno.test("askForOneToken wants a token, not only an answer", async () => {
  const ask = async (protocol: string, url: string) =>
    await askForOneToken(findProtocol(protocol), { baseUrl: url, headers: {} }, {
      timeoutMs: 2000,
    });
  const cases: readonly [readonly string[], RegExp | undefined][] = [
    [[], undefined],
    [["http-503"], /^status 503, /],
    [["cut"], /./],
  ];
  for (const [faults, wanted] of cases) {
    const server = await startSimServer({ port: 0, ttft: "1", itl: "1", faults });
    try {
      const reason = await ask("openai-completions", server.url);
      if (wanted === undefined) assertEquals(reason, undefined);
      else assertMatch(reason ?? "ready", wanted, faults.join());
    } finally {
      await server.stop();
    }
  }
  assertMatch(await ask("sglang", `http://127.0.0.1:${freePort()}`) ?? "", /refused/i);
});

Deno.test("readLogTail shows what the server itself wrote last", async () => {
  const path = await Deno.makeTempFile();
  try {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    await Deno.writeTextFile(path, `older\n\x1b[31mred\x1b[0m\n 10%\r 99%\n${"x".repeat(500)}\n`);
    assertEquals(await readLogTail(path, 6), ["red", " 99%", `${"x".repeat(400)}…`]);
    assertEquals(await readLogTail(path, 10_000), []);
    await Deno.writeTextFile(path, lines.join("\n"));
    assertEquals(await readLogTail(path, 0), lines.slice(10));
    assertEquals(await readLogTail(`${path}.none`, 0), []);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  ...LINUX,
  name: "serve starts a server, says whether it answers, and stops it with its children",
  fn: () =>
    inFolder(async (folder) => {
      const port = `${freePort()}`;
      const model = ["--model-path", "M", "--port", port];
      const up = await tokometer(
        folder,
        "start",
        "vllm",
        ...model,
        "--extra-args=--fake-children 2",
        "--",
        "-tp",
        "1",
      );
      assertEquals(up.error, "");
      assertEquals(up.code, 0);
      const [, pid] = /^SERVER PID: (\d+)\nVLLM SERVER STARTED \1$/.exec(up.out) ?? [];
      assert(pid !== undefined, up.out);
      assertMatch(up.err, /vllm answers at http:\/\/127\.0\.0\.1:\d+ after \d+\.\d s$/);
      const kept = await Deno.readTextFile(statePath(folder, "vllm", port));
      // Arguments may hold a key (T38).
      assert(!kept.includes("--fake-children"), kept);
      const state: ServerState = JSON.parse(kept);
      assertEquals(state.process.pid, Number(pid));
      assertEquals(processTree(state.process).length, 3);
      assertMatch(
        await Deno.readTextFile(state.log),
        /^fake engine: loading the model, -m vllm.*\nfake engine: this goes to stderr\nfake engine: ready\n$/,
      );

      assertEquals(await tokometer(folder, "status"), {
        code: 0,
        error: "",
        out: `vllm  http://127.0.0.1:${port}  pid ${pid}  OK`,
        err: "",
      });
      const twice = await tokometer(folder, "start", "vllm", ...model);
      assertEquals(twice.code, 2);
      assertStringIncludes(twice.error, `process ${pid} serves there since `);
      const elsewhere = await tokometer(folder, "start", "sglang", ...model);
      assertEquals(elsewhere.code, 2);
      assertStringIncludes(elsewhere.error, "another program listens there");
      const other = await tokometer(folder, "stop", "sglang");
      assertEquals(other.error, `Cannot stop sglang: there are vllm on port ${port}`);

      const stopped = await tokometer(folder, "stop", "vllm");
      assertEquals([stopped.code, stopped.out], [0, `vllm stopped (pid ${pid})`]);
      assertEquals(processTree(state.process), []);
      assertEquals(await readStates(folder), new Map());
      assertEquals((await tokometer(folder, "status")).code, 0);
      assertEquals((await tokometer(folder, "status", "vllm")).code, 3);
      assertEquals((await tokometer(folder, "stop", "vllm")).code, 2);
    }),
});

Deno.test({
  ...LINUX,
  name: "serve knows every engine's command line and protocol, and whether it is alive",
  fn: () =>
    inFolder(async (folder) => {
      const engines = [
        ["lmdeploy", "M", "LMDEPLOY"],
        ["sglang", "M", "SGLANG"],
        ["lightllm", "M", "LIGHTLLM"],
        ["ppl", "M", "PPL LLM"],
        ["llama.cpp", "M.gguf", "LLAMA.CPP"],
      ] as const;
      await Promise.all(engines.map(async ([engine, model, banner]) => {
        const port = `${freePort()}`;
        const up = await tokometer(
          folder,
          ...["start", engine, "--model-path", model, "--port", port],
        );
        assertEquals([up.error, up.code], ["", 0]);
        assertStringIncludes(up.out, `${banner} SERVER STARTED `);
      }));
      const all = await tokometer(folder, "status");
      assertEquals(all.out.split("\n").map((line) => line.replace(/\s.*\s/, " ")), [
        "lightllm OK",
        "llama.cpp OK",
        "lmdeploy OK",
        "ppl OK",
        "sglang OK",
      ]);
      // One of them is killed behind our back.
      const states = [...(await readStates(folder)).values()];
      const victim = states.find(({ engine }) => engine === "sglang")!;
      Deno.kill(victim.process.pid, "SIGKILL");
      await until(() => !isRunning(victim.process), "the end of a killed server");
      const dead = await tokometer(folder, "status", "sglang");
      assertEquals(dead.code, 3);
      assertMatch(
        dead.out,
        /^sglang .* NOT READY {2}the process has ended; log: .*sglang-\d+\.log$/,
      );
      assertStringIncludes((await tokometer(folder, "stop", "sglang")).out, "had ended already");
      await Promise.all(["lmdeploy", "lightllm", "ppl", "llama.cpp"].map(async (engine) => {
        assertEquals((await tokometer(folder, "stop", engine)).code, 0);
      }));
      for (const { process } of states) assertEquals(processTree(process), []);
    }),
});

Deno.test({
  ...LINUX,
  name: "serve shows the end of the log of a server that ends early, and leaves nothing behind",
  fn: () =>
    inFolder(async (folder) => {
      const port = `${freePort()}`;
      const argv = ["start", "vllm", "--model-path", "M", "--port", port];
      const died = await tokometer(folder, ...argv, "--", "--fake-die", "7", "--fake-never-ready");
      assertEquals(died.code, 3);
      assertMatch(died.error, /^Cannot start vllm: it ended with exit code 7 after \d+\.\d s$/);
      assertMatch(died.out, /^SERVER PID: \d+\n\[ERROR\] SERVER START FAILED$/);
      assertMatch(died.err, /the end of .*\.log:\n.*\n.*\n {2}RuntimeError: out of memory$/);
      assertEquals(await readStates(folder), new Map());

      const refused = await tokometer(folder, ...argv, "--", "--no-such-option");
      assertEquals(refused.code, 3);
      assertStringIncludes(refused.err, "  error: unrecognized arguments: --no-such-option");
      assert(!refused.err.includes("RuntimeError"), "the log of the server before");
    }),
});

Deno.test({
  ...LINUX,
  name: "serve gives up after --timeout and ends a server that never answers",
  fn: () =>
    inFolder(async (folder) => {
      const late = await tokometer(
        folder,
        ...["start", "llama.cpp", "--model-path", "M.gguf", "--port", `${freePort()}`],
        ...["--timeout", "0.5", "--grace", "0.1", "--", "--fake-never-ready", "--fake-deaf"],
      );
      assertEquals(late.code, 3);
      const [, pid] = /^SERVER PID: (\d+)\n\[ERROR\] SERVER START TIMEOUT$/.exec(late.out) ?? [];
      assertMatch(late.error, /^Cannot use llama\.cpp at .*: no token within \d\.\d s \(.+\)$/);
      assertMatch(late.err, /\nthe end of .*\.log:\n {2}fake engine|\nit wrote nothing to /);
      assertEquals(isRunning({ pid: Number(pid), mark: "" }), false);
      assertEquals(await readStates(folder), new Map());
    }),
});

Deno.test("serve tells mistakes of the user", async () => {
  await inFolder(async (folder) => {
    const cases: readonly [readonly string[], string][] = [
      [["restart"], "Cannot use <action> restart: give one of start, status, stop"],
      [["start"], "Cannot start a server without its engine: known are vllm, "],
      [["start", "tgi"], 'Cannot start the engine "tgi": known are vllm, '],
      [["start", "vllm"], "Cannot start vllm without a model: add --model-path PATH"],
      [["start", "vllm", "--model-path", "M", "--tp", "3"], "Cannot share a model among 3 GPUs"],
      [["stop"], "Cannot stop a server without its engine: none was started here"],
    ];
    for (const [argv, message] of cases) {
      const { code, error } = await tokometer(folder, ...argv);
      assertEquals(code, 2, error);
      assertStringIncludes(error, message);
    }
    const missing = parseOptions(serve, [
      ...["start", "vllm", "--model-path", "M", "--state-dir", folder, "--port", `${freePort()}`],
      ...["--executable", "no-such-python"],
    ]);
    await assertRejects(
      () => serve.run(missing, fakeHost()),
      UserError,
      "Cannot start no-such-python: there is no such program",
    );
    await Deno.writeTextFile(`${folder}/x-1.json`, `{"engine":"x","process":{"pid":-1}}`);
    await assertRejects(
      () => serve.run(parseOptions(serve, ["status", "--state-dir", folder]), fakeHost()),
      UserError,
      "it does not describe a server",
    );
    await Deno.remove(`${folder}/x-1.json`);
  });
});

Deno.test("serve start --dry-run prints the command line for a shell", async () => {
  const host = fakeHost();
  const argv = [
    "start",
    "llama.cpp",
    "--model-path",
    "my model.gguf",
    "--dry-run",
    "--",
    "-np",
    "4",
  ];
  assertEquals(await serve.run(parseOptions(serve, argv), host), 0);
  assertEquals(host.out, [
    "llama-server -m 'my model.gguf' --host 127.0.0.1 --port 8080 -np 4",
  ]);
});

/** A command that can launch. */
const LAUNCHER = defineCommand({
  name: "launcher",
  description: "",
  options: LAUNCH_OPTIONS,
  examples: {},
  run: () => Promise.resolve(0),
});

function planFake(folder: string, ...argv: string[]): LaunchPlan {
  const own = ["--launch-executable", FAKE, "--launch-log", `${folder}/log`, "--launch-port", "0"];
  const plan = planLaunch(parseOptions(LAUNCHER, [...argv, "--model-path", "M.gguf", ...own]));
  return { ...plan!, intervalMs: 20, graceMs: 5000 };
}

Deno.test("planLaunch reads what --launch and its companions say", () => {
  const plan = (...argv: string[]) => planLaunch(parseOptions(LAUNCHER, argv));
  assertEquals(plan(), undefined);
  const lmdeploy = plan(
    ...["--launch", "lmdeploy", "--model-path", "M", "--tp", "4", "--cache-count", "0.5"],
    ...["--model-format", "hf", "--session-len", "4096", "--log-level", "error"],
    `--launch-args=--max-batch-size 64`,
  );
  assertEquals(
    lmdeploy?.command.args.join(" "),
    "serve api_server M --server-port 23333 --tp 4 --model-format hf --cache-max-entry-count 0.5 " +
      "--session-len 4096 --log-level ERROR --max-batch-size 64",
  );
  assertEquals(lmdeploy?.url, "http://127.0.0.1:23333");
  assertEquals(lmdeploy?.logPath, "tokometer-servers/lmdeploy-23333.log");
  assertThrows(() => plan("--tp", "2"), UserError, "Cannot use --tp without --launch");
  assertThrows(() => plan("--launch", "vllm"), UserError, "without a model");
  assertThrows(
    () => plan("--launch", "triton", "--model-path", "M", "--tp", "2"),
    UserError,
    "Cannot start triton with a tensor parallelism of 2",
  );
});

Deno.test({
  ...LINUX,
  name: "withLaunched lends a server that answers, and ends it after success and failure",
  fn: () =>
    inFolder(async (folder) => {
      const host = fakeHost();
      const plan = planFake(folder, "--launch", "lmdeploy", "--launch-args=--session-len 4096");
      const code = await withLaunched(plan, host, async (url, watched) => {
        assertEquals(url, plan.url);
        assertEquals(watched.interrupted.aborted, false);
        const response = await fetch(`${url}/v1/models`);
        await response.body?.cancel();
        return response.status;
      });
      assertEquals(code, 200);
      assertMatch(host.err[0]!, /^Started lmdeploy as process \d+, log: .*\/log$/);
      const once = { intervalMs: 1, timeoutMs: 0 };
      assertEquals((await waitForPlanned(plan, once)).kind, "timeout");

      let pid = 0;
      const mean = planFake(folder, "--launch", "vllm", "--launch-args=--fake-children 2");
      await assertRejects(
        () =>
          withLaunched(mean, host, () => {
            pid = Number(/process (\d+)/.exec(host.err.at(-2)!)![1]);
            assertEquals(processTree({ pid, mark: "" }).length, 3);
            throw new TypeError("a fault of ours");
          }),
        TypeError,
        "a fault of ours",
      );
      assertEquals(processTree({ pid, mark: "" }), []);
    }),
});

Deno.test({
  ...LINUX,
  name: "withLaunched stops the measurement when the server was killed meanwhile",
  fn: () =>
    inFolder(async (folder) => {
      const host = fakeHost();
      const plan = planFake(folder, "--launch", "llama.cpp");
      const code = await withLaunched(plan, host, async (_, watched) => {
        const pid = Number(/process (\d+)/.exec(host.err[0]!)![1]);
        Deno.kill(pid, "SIGKILL");
        await until(() => watched.interrupted.aborted, "the news of its end");
        assertEquals([host.interrupted.aborted, watched.columns], [false, host.columns]);
        return 0;
      });
      assertEquals(code, 3);
      const [said = ""] = host.err.filter((line) => line.startsWith("warning: "));
      assertMatch(
        said,
        /^warning: llama\.cpp was ended by SIGKILL during the measurement, nothing more is sent; the end of .*log:\n/,
      );
    }),
});

Deno.test({
  ...LINUX,
  name: "withLaunched's server ends when we are killed in the middle",
  fn: () =>
    inFolder(async (folder) => {
      const launching = new URL("../workloads/server_launch.ts", import.meta.url);
      const plan = planFake(folder, "--launch", "sglang");
      const program = `import { withLaunched } from "${launching}";
        import { findLaunchEngine } from "${new URL(
        "../backends/launch_engines.ts",
        import.meta.url,
      )}";
        const plan = ${JSON.stringify(plan)};
        const signal = new AbortController().signal;
        const host = { note: console.log, progress() {}, interrupted: signal, aborted: signal };
        await withLaunched({ ...plan, engine: findLaunchEngine("sglang") }, host, () => {
          Deno.kill(Deno.pid, "SIGKILL");
        });`;
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", program],
        stderr: "null",
      }).output();
      const said = new TextDecoder().decode(stdout);
      assertStringIncludes(said, "sglang answers at");
      const pid = Number(/process (\d+)/.exec(said)![1]);
      await until(() => processTree({ pid, mark: "" }).length === 0, "the guard's work");
    }),
});

Deno.test({
  name: "serve starts and stops a real llama-server (LLAMA_SERVER)",
  ignore: LLAMA_SERVER === undefined,
  fn: () =>
    inFolder(async (folder) => {
      const model = await writeRandomModel(folder);
      const up = await tokometer(
        folder,
        ...["start", "llama.cpp", "--model-path", model, "--port", `${freePort()}`],
        ...["--executable", LLAMA_SERVER!, "--", "-t", "1", "-np", "2"],
      );
      assertEquals([up.error, up.code], ["", 0]);
      assertEquals((await tokometer(folder, "status", "llama.cpp")).code, 0);
      assertEquals((await tokometer(folder, "stop", "llama.cpp")).code, 0);
    }),
});
