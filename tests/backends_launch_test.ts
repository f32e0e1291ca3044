import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { describeEnd, type ServerProcess, startServer } from "../backends/launch.ts";
import { engineCommand, engineUrl, fitCommand } from "../backends/launch_command.ts";
import {
  findLaunchEngine,
  LAUNCH_ENGINES,
  type LaunchSettings,
} from "../backends/launch_engines.ts";
import { startGuard } from "../backends/launch_guard.ts";
import {
  endProcessTree,
  isRunning,
  parseStat,
  type ProcessIdentity,
  processTree,
  readProcess,
} from "../backends/process_tree.ts";
import { findProtocol } from "../backends/protocols.ts";

/** The whole command line as text. */
function line(engine: string, settings: Partial<LaunchSettings> = {}): string {
  const full = { modelPath: "M", ...settings };
  const { command, args } = engineCommand(findLaunchEngine(engine), full);
  return [command, ...args].join(" ");
}

/** The scripts' lines, argument by argument (spec 1E.6), for `--model-path M --tp 2`. */
const LINES: Readonly<Record<string, string>> = {
  vllm: "python -m vllm.entrypoints.openai.api_server --model M --tensor-parallel-size 2 " +
    "--swap-space 16 --disable-log-requests --enforce-eager --host 127.0.0.1 --port 8000 " +
    "--uvicorn-log-level warning",
  lmdeploy: "lmdeploy serve api_server M --server-port 23333 --tp 2",
  sglang: "python -m sglang.launch_server --disable-radix-cache --model-path M --port 30000 --tp 2",
  lightllm: "python -m lightllm.server.api_server --model_dir M --host 127.0.0.1 --port 8080 " +
    "--tp 2 --max_total_token_num 30000 --tokenizer_mode fast",
  ppl: "ppl_llm_server --model-dir M --model-param-path M/params.json " +
    "--tokenizer-path M/tokenizer.model --tensor-parallel-size 2 --top-p 0.0 --top-k 1 " +
    "--max-tokens-scale 0.94 --max-input-tokens-per-request 4096 " +
    "--max-output-tokens-per-request 4096 --max-total-tokens-per-request 8192 " +
    "--max-running-batch 1024 --max-tokens-per-step 8192 --host 127.0.0.1 --port 23333",
  triton: "bash M/service_docker_up.sh",
  "llama.cpp": "llama-server -m M --host 127.0.0.1 --port 8080",
};

Deno.test("engineCommand gives the scripts' command lines", () => {
  assertEquals(LAUNCH_ENGINES.map(({ name }) => name), Object.keys(LINES));
  for (const { name, options } of LAUNCH_ENGINES) {
    const settings = options.tensorParallel === undefined ? {} : { tensorParallel: 2 };
    assertEquals(line(name, settings), LINES[name], name);
  }
});

Deno.test("engineCommand never leaves the host or the port empty (T39)", () => {
  assertStringIncludes(line("ppl"), "--host 127.0.0.1 --port 23333");
  assertStringIncludes(
    line("ppl", { host: "10.0.0.1", port: 1 }),
    "--host 10.0.0.1 --port 1",
  );
});

Deno.test("engineCommand gives settings by each engine's own options", () => {
  const cases: readonly [string, Partial<LaunchSettings>, string][] = [
    ["vllm", { sessionLength: 4096 }, " --max-model-len 4096"],
    ["vllm", { cacheMaxEntryCount: 0.8 }, " --gpu-memory-utilization 0.8"],
    ["vllm", { mode: "bf16" }, " --dtype bfloat16"],
    ["lmdeploy", { cacheMaxEntryCount: 0.5 }, " --cache-max-entry-count 0.5"],
    ["lmdeploy", { modelFormat: "awq" }, " --model-format awq"],
    [
      "lmdeploy",
      { sessionLength: 2048, logLevel: "error" },
      " --session-len 2048 --log-level ERROR",
    ],
    ["lmdeploy", { host: "0.0.0.0" }, " --server-name 0.0.0.0"],
    ["sglang", { logLevel: "ERROR" }, " --log-level error"],
    ["sglang", { host: "0.0.0.0" }, " --host 0.0.0.0"],
    ["lightllm", { sessionLength: 100 }, " --max_req_total_len 100"],
    ["ppl", { mode: "w8a8" }, " --quant-method online_i8i8"],
    ["llama.cpp", { sessionLength: 512 }, " -c 512"],
  ];
  for (const [engine, settings, added] of cases) {
    assertEquals(line(engine, settings), LINES[engine]!.replaceAll(/ 2(?= |$)/g, " 1") + added);
  }
});

Deno.test("engineCommand puts options given again in the place of ours", () => {
  assertEquals(
    line("lightllm", { extraArgs: ["--max_total_token_num", "150000", "--eos_id", "2"] }),
    "python -m lightllm.server.api_server --model_dir M --host 127.0.0.1 --port 8080 --tp 1 " +
      "--tokenizer_mode fast --max_total_token_num 150000 --eos_id 2",
  );
  assertEquals(
    line("vllm", { logLevel: "info", extraArgs: ["--swap-space=4"] }),
    "python -m vllm.entrypoints.openai.api_server --model M --tensor-parallel-size 1 " +
      "--disable-log-requests --enforce-eager --host 127.0.0.1 --port 8000 " +
      "--uvicorn-log-level info --swap-space=4",
  );
  assertStringIncludes(
    line("ppl", { sessionLength: 100, extraArgs: ["--top-k", "-1"] }),
    "--top-p 0.0 --max-tokens-scale 0.94",
  );
});

Deno.test("engineCommand leaves out what an empty value or --no- takes away", () => {
  const without = (engine: string, ...extraArgs: string[]) => line(engine, { extraArgs });
  const whole = LINES.vllm!.replace("size 2", "size 1");
  const noSwap = whole.replace(" --swap-space 16", "");
  assertEquals(without("vllm", "--swap-space="), noSwap);
  assertEquals(without("vllm", "--swap-space", ""), noSwap);
  assertEquals(without("vllm", "--no-swap-space"), noSwap);
  assertEquals(without("vllm", "--no-enforce-eager"), whole.replace(" --enforce-eager", ""));
  assertEquals(
    without("sglang", "--no-disable-radix-cache", "--dtype", "half"),
    LINES.sglang!.replace("tp 2", "tp 1").replace(" --disable-radix-cache", "") + " --dtype half",
  );
  assertEquals(
    line("vllm", { mode: "bf16", sessionLength: 9, extraArgs: ["--dtype=", "--max-model-len="] }),
    whole,
  );
  // What is not ours is the engine's business.
  assertEquals(without("vllm", "--no-x", "--y="), `${whole} --no-x --y=`);
  assertThrows(() => without("vllm", "--port="), TypeError, "Cannot pass --port to vllm");
});

Deno.test("fitCommand leaves out our options that the engine does not know, never the user's", () => {
  const fit = (engine: string, unknown: string[], settings: Partial<LaunchSettings> = {}) =>
    fitCommand(
      findLaunchEngine(engine),
      { modelPath: "M", ...settings },
      (name) => !unknown.includes(name),
    );
  const old = ["--swap-space", "--disable-log-requests"];
  const vllm = fit("vllm", old, { extraArgs: ["--swap-space2", "1"] });
  assertEquals(vllm.leftOut, ["--swap-space 16", "--disable-log-requests"]);
  assertEquals(
    vllm.args.join(" "),
    "-m vllm.entrypoints.openai.api_server --model M --tensor-parallel-size 1 --enforce-eager " +
      "--host 127.0.0.1 --port 8000 --uvicorn-log-level warning --swap-space2 1",
  );
  // The engine's own words tell what it makes of them.
  const own = fit("vllm", old, { extraArgs: ["--swap-space", "4"] });
  assertEquals(own.leftOut, ["--disable-log-requests"]);
  assertStringIncludes(own.args.join(" "), "--swap-space 4");
  // What leads to the engine is none of its options.
  for (const { name } of LAUNCH_ENGINES) {
    const { args } = fitCommand(findLaunchEngine(name), { modelPath: "M" }, () => false);
    const lead = findLaunchEngine(name).help?.[0]?.slice(0, -1) ?? [];
    assertEquals(args.slice(0, lead.length), lead, name);
  }
  // Nobody chose a document's defaults.
  const defaults = { modelFormat: "hf", cacheMaxEntryCount: 0.5, logLevel: "error" };
  const lmdeploy = fit("lmdeploy", ["--model-format"], { defaults, cacheMaxEntryCount: 0.7 });
  assertEquals(lmdeploy.leftOut, ["--model-format hf"]);
  assertStringIncludes(
    lmdeploy.args.join(" "),
    "--tp 1 --cache-max-entry-count 0.7 --log-level ERROR",
  );
  assertEquals(line("lightllm", { defaults }), line("lightllm"));
  const refused: readonly [string, string, Partial<LaunchSettings>, string][] = [
    ["vllm", "--max-model-len", { sessionLength: 9 }, "vllm with a session length of 9"],
    ["vllm", "--quantization", { mode: "fp8" }, "vllm with the mode fp8"],
    ["sglang", "--tp", { tensorParallel: 2 }, "sglang with a tensor parallelism of 2"],
    ["lmdeploy", "--log-level", { logLevel: "info" }, "lmdeploy with the log level INFO"],
  ];
  for (const [engine, option, settings, words] of refused) {
    assertThrows(
      () => fit(engine, [option], settings),
      TypeError,
      `Cannot start ${words}: the version installed here knows no ${option}`,
    );
  }
});

Deno.test("engineCommand takes another program, and PPL's own paths", () => {
  assertMatch(line("vllm", { executable: "/env/bin/python" }), /^\/env\/bin\/python -m vllm/);
  const paths = { paramsPath: "P.json", tokenizerPath: "T/tokenizer.model" };
  assertStringIncludes(
    line("ppl", paths),
    "--model-dir M --model-param-path P.json --tokenizer-path T/tokenizer.model --tensor",
  );
  assertStringIncludes(line("ppl", { tokenizerPath: "T" }), " --tokenizer-path T/tokenizer.model ");
});

Deno.test("engineCommand refuses what an engine cannot follow", () => {
  const cases: readonly [string, Partial<LaunchSettings>, string][] = [
    ["vllm", { tensorParallel: 3 }, "Cannot share a model among 3 GPUs: give a power of two"],
    ["vllm", { tensorParallel: 0 }, "among 0 GPUs"],
    ["vllm", { modelFormat: "awq" }, "Cannot start vllm with the model format awq"],
    ["vllm", { mode: "w8a8" }, 'vllm in the mode "w8a8": known are fp16, bf16, fp8'],
    ["vllm", { extraArgs: ["--port", "1"] }, "Cannot pass --port to vllm"],
    ["lmdeploy", { extraArgs: ["--server-port=1"] }, "Cannot pass --server-port to lmdeploy"],
    ["llama.cpp", { tensorParallel: 2 }, "llama.cpp with a tensor parallelism of 2"],
    ["llama.cpp", { cacheMaxEntryCount: 0.5 }, "with a cache share of 0.5"],
    ["triton", { port: 8001 }, "triton on port 8001: its own files decide, it listens on 33337"],
    ["triton", { sessionLength: 2048 }, "triton with a session length of 2048"],
    ["ppl", { logLevel: "info" }, "ppl with the log level info"],
  ];
  for (const [engine, settings, message] of cases) {
    assertThrows(() => line(engine, settings), Error, message);
  }
  assertThrows(() => line("tgi"), TypeError, 'Cannot start the engine "tgi": known are vllm, ');
});

Deno.test("engineUrl gives the address of every engine, whose protocol exists", () => {
  const url = (name: string, settings = {}) =>
    engineUrl(findLaunchEngine(name), { modelPath: "M", ...settings });
  assertEquals(url("vllm"), "http://127.0.0.1:8000");
  assertEquals(url("ppl"), "grpc://127.0.0.1:23333");
  assertEquals(url("triton"), "grpc://127.0.0.1:33337");
  assertEquals(url("vllm", { host: "0.0.0.0", port: 9 }), "http://127.0.0.1:9");
  assertEquals(url("vllm", { host: "::" }), "http://[::1]:8000");
  assertEquals(url("vllm", { host: "node7" }), "http://node7:8000");
  for (const { protocol } of LAUNCH_ENGINES) findProtocol(protocol);
});

Deno.test("parseStat reads a process whose name holds parentheses and blanks", () => {
  const tail = "0 -1 4194560 111 0 0 0 1 2 0 0 20 0 1 0 315524 2654208";
  assertEquals(parseStat(`42 (a) S (b) R 7 40 39 ${tail}`), {
    pid: 42,
    parent: 7,
    group: 40,
    session: 39,
    startTicks: 315524,
    zombie: false,
  });
  assertEquals(parseStat(`42 (sh) Z 7 40 39 ${tail}`)?.zombie, true);
  assertEquals(parseStat("nonsense"), undefined);
});

/** Without `/proc` there is only the group to be seen. */
const LINUX = { ignore: Deno.build.os !== "linux" };

interface Trial {
  readonly logPath: string;
  readonly run: (script: string, options?: { graceMs?: number }) => Promise<ServerProcess>;
}

/** A folder and servers that are gone afterwards, whatever happens. */
async function trial(use: (trial: Trial) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const logPath = `${folder}/server.log`;
  const servers: ServerProcess[] = [];
  try {
    await use({
      logPath,
      async run(script, options = {}) {
        const command = { command: "sh", args: ["-c", script] };
        servers.push(await startServer(command, { logPath, ...options }));
        return servers.at(-1)!;
      },
    });
  } finally {
    for (const server of servers) await server.stop(AbortSignal.abort());
    await Deno.remove(folder, { recursive: true });
  }
}

/** Waits, for at most 5 s, until something holds. */
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (await holds()) return;
    await systemClock.sleepUntil(systemClock.now() + 10);
  }
  throw new Error(`waited in vain: ${what}`);
}

const read = (path: string) => Deno.readTextFile(path);

Deno.test("startServer appends both outputs to the log and reports how the process ended", async () => {
  await trial(async ({ logPath, run }) => {
    await Deno.writeTextFile(logPath, "before\n");
    const server = await run("echo out; echo err >&2; exit 3");
    assertEquals(server.logStart, 7);
    assertEquals(await server.ended, { code: 3 });
    assertEquals(describeEnd(await server.ended), "ended with exit code 3");
    assertEquals(await read(logPath), "before\nout\nerr\n");
    await server.stop();
  });
});

Deno.test("startServer reports that there is no such program", async () => {
  await trial(async ({ logPath }) => {
    await assertRejects(
      () => startServer({ command: "no-such-engine", args: [] }, { logPath }),
      Deno.errors.NotFound,
      "Cannot start no-such-engine: there is no such program",
    );
    await assertRejects(
      () => startServer({ command: logPath, args: [] }, { logPath }),
      Deno.errors.PermissionDenied,
      "it may not be run",
    );
  });
});

Deno.test({
  ...LINUX,
  name: "stop() ends the server with its children, also those in other sessions",
  fn: () =>
    trial(async ({ logPath, run }) => {
      // The last one has left session, group and parent: only its mark is known.
      const server = await run(
        "sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &); echo up; wait",
      );
      await until(() => processTree(server.identity).length === 4, "a server and three sleepers");
      // The sleepers are there before the shell gets to its echo.
      await until(async () => await read(logPath) === "up\n", "the server's word");
      const pids = processTree(server.identity);
      assert(pids.includes(server.pid));
      // Ctrl-C in our terminal must not reach it.
      assertEquals(readProcess(server.pid)?.session, server.pid);
      await server.stop();
      assertEquals(await server.ended, { signal: "SIGTERM" });
      for (const pid of pids) assertEquals(readProcess(pid)?.zombie ?? true, true, `${pid}`);
      assertEquals(await endProcessTree(server.identity), "gone");
      await server.stop();
    }),
});

Deno.test({
  ...LINUX,
  name: "stop() kills what does not listen, at once when it is in a hurry",
  fn: () =>
    trial(async ({ logPath, run }) => {
      const deaf = "trap '' TERM; echo up; while :; do sleep 1000 & wait; done";
      const one = await run(deaf, { graceMs: 100 });
      const two = await run(deaf, { graceMs: 3_600_000 });
      await until(async () => await read(logPath) === "up\nup\n", "two deaf servers");
      await Promise.all([one.stop(), two.stop(AbortSignal.abort())]);
      assertEquals([await one.ended, await two.ended], [{ signal: "SIGKILL" }, {
        signal: "SIGKILL",
      }]);
    }),
});

Deno.test({
  ...LINUX,
  name: "stop() ends the workers of a server that was killed",
  fn: () =>
    trial(async ({ run }) => {
      const server = await run("sleep 1000 & setsid sleep 1000 & wait");
      await until(() => processTree(server.identity).length === 3, "a server and two workers");
      Deno.kill(server.pid, "SIGKILL");
      assertEquals(describeEnd(await server.ended), "was ended by SIGKILL");
      assertEquals(isRunning(server.identity), false);
      assertEquals(processTree(server.identity).length, 2);
      await server.stop();
      assertEquals(processTree(server.identity), []);
    }),
});

Deno.test({
  ...LINUX,
  name: "processTree leaves out zombies",
  fn: () =>
    trial(async ({ run }) => {
      // The shell becomes a program that never looks after the child it has inherited.
      const { identity, pid } = await run("sleep 1000 & exec sleep 1000");
      await until(() => processTree(identity).length === 2, "two sleepers");
      const child = processTree(identity).find((each) => each !== pid)!;
      Deno.kill(child, "SIGKILL");
      await until(() => readProcess(child)?.zombie === true, "a zombie");
      assertEquals(processTree(identity), [pid]);
    }),
});

Deno.test({
  ...LINUX,
  name: "startGuard leaves a server alone once it is dismissed",
  fn: () =>
    trial(async ({ logPath }) => {
      const command = { command: "sleep", args: ["1000"] };
      const server = await startServer(command, { logPath, endWithUs: false });
      try {
        const guard = startGuard(server.identity.mark, 0);
        await guard.watch(server.pid);
        await guard.dismiss();
        assertEquals(isRunning(server.identity), true);
      } finally {
        await server.stop();
      }
    }),
});

Deno.test({
  ...LINUX,
  name: "endProcessTree leaves alone a process that was given the number later",
  fn: () =>
    trial(async ({ run }) => {
      const { identity } = await run("sleep 1000");
      const earlier: ProcessIdentity = { pid: identity.pid, mark: "another", startTicks: 1 };
      assertEquals(isRunning(earlier), false);
      assertEquals(await endProcessTree(earlier), "gone");
      assertEquals(isRunning(identity), true);
    }),
});

Deno.test({
  ...LINUX,
  name: "a server ends with us when we are killed, unless it is to outlive us",
  async fn() {
    const folder = await Deno.makeTempDir();
    const launch = new URL("../backends/launch.ts", import.meta.url);
    const program = `import { startServer } from "${launch}";
      const command = { command: "sh", args: ["-c", "sleep 1000 & setsid sleep 1000 & wait"] };
      for (const endWithUs of [true, false]) {
        const server = await startServer(command, { logPath: "${folder}/log", endWithUs });
        console.log(JSON.stringify(server.identity));
      }
      Deno.kill(Deno.pid, "SIGKILL");`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", program],
      stderr: "null",
    }).output();
    const [ours, free] = new TextDecoder().decode(stdout).trim().split("\n")
      .map((text): ProcessIdentity => JSON.parse(text));
    assertGreater(ours?.pid ?? 0, 1);
    try {
      await until(() => processTree(ours!).length === 0, "the guard's work");
      assertEquals(isRunning(free!), true);
    } finally {
      for (const identity of [ours!, free!]) await endProcessTree(identity, { graceMs: 0 });
      await Deno.remove(folder, { recursive: true });
    }
  },
});
