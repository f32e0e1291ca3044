import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { SIM_DEFAULTS } from "../backends/sim_options.ts";
import { SIM_FAULTS } from "../backends/sim_faults.ts";
import { epollIsPermitted } from "../backends/sim_loop_epoll.ts";
import { parseOptions } from "../workloads/option_parse.ts";
import type { Host } from "../workloads/command.ts";
import { command as simulate, simOptionsOf } from "../workloads/command_simulate.ts";
import { UserError } from "../workloads/user_error.ts";

/** Runs the command until it is interrupted; `whileRunning` gets its address. */
async function runCommand(
  argv: readonly string[],
  whileRunning: (url: string) => Promise<void> = () => Promise.resolve(),
): Promise<{ code: number; printed: string[]; noted: string[] }> {
  const interrupt = new AbortController();
  const printed: string[] = [];
  const noted: string[] = [];
  const failures: unknown[] = [];
  const host: Host = {
    print(text) {
      printed.push(text);
      const url = /^listening on (.+)$/.exec(text)?.[1];
      if (url === undefined) return;
      whileRunning(url).catch((error) => failures.push(error)).finally(() => interrupt.abort());
    },
    note: (text) => noted.push(text),
    progress: () => {},
    stdoutIsTerminal: false,
    color: false,
    columns: 80,
    interrupted: interrupt.signal,
    aborted: new AbortController().signal,
    interrupt: () => {},
    commandLine: [],
  };
  const code = await simulate.run(parseOptions(simulate, argv), host);
  assertEquals(failures, []);
  return { code, printed, noted };
}

Deno.test("simulate says where it listens, serves, and stops when interrupted", async () => {
  const { code, printed, noted } = await runCommand(["--port", "0", "--ttft", "1"], async (url) => {
    const body = JSON.stringify({ prompt: "hi", max_tokens: 2 });
    const response = await fetch(`${url}/v1/completions`, { method: "POST", body });
    assertEquals((await response.json()).usage.completion_tokens, 2);
  });
  assertEquals(code, 0);
  assertEquals(printed.length, 1);
  assertMatch(printed[0] ?? "", /^listening on http:\/\/127\.0\.0\.1:\d+$/);
  assertMatch(noted.at(-1) ?? "", /^Served 1 requests, 2 tokens; tokens left .* late/);
});

Deno.test({
  name: "simulate serves from a loop around epoll",
  ignore: !epollIsPermitted(),
  async fn() {
    const argv = ["--port", "0", "--ttft", "1", "--itl", "1", "--loop", "epoll"];
    const { code, noted } = await runCommand(argv, async (url) => {
      const body = JSON.stringify({ prompt: "hi", max_tokens: 5, stream: true });
      const response = await fetch(`${url}/v1/completions`, { method: "POST", body });
      assertStringIncludes(await response.text(), "[DONE]");
      assertEquals((await (await fetch(`${url}/stats`)).json()).loop, "epoll");
    });
    assertEquals(code, 0);
    assertMatch(noted.at(-1) ?? "", /^Served 1 requests, 5 tokens; tokens left .* late/);
    const both = [...argv, "--grpc-port", "0"];
    await assertRejects(() => runCommand(both), UserError, "Cannot serve gRPC with --loop epoll");
    const wrong = ["--port", "0", "--loop", "epoll", "--itl", "soon"];
    await assertRejects(() => runCommand(wrong), UserError, 'Cannot read the distribution "soon"');
  },
});

Deno.test("simulate stops by itself after --max-seconds", async () => {
  const never = () => new Promise<void>(() => {});
  assertEquals((await runCommand(["--port", "0", "--max-seconds", "0.01"], never)).code, 0);
});

Deno.test("simulate writes the truth when it stops", async () => {
  const path = await Deno.makeTempFile();
  try {
    await runCommand(["--port", "0", "--ttft", "1", "--truth-file", path], async (url) => {
      const body = JSON.stringify({ prompt: "hi", max_tokens: 2, stream: true });
      await (await fetch(`${url}/v1/completions`, { method: "POST", body })).text();
    });
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    assertEquals(lines.map((line) => JSON.parse(line).writeTokens), [[1, 2]]);
  } finally {
    await Deno.remove(path);
  }
  const nowhere = ["--port", "0", "--truth-file", "/nowhere/truth.jsonl"];
  const error = await assertRejects(() => runCommand(nowhere), UserError);
  assertStringIncludes(error.message, "Cannot write --truth-file /nowhere/truth.jsonl");
});

Deno.test("simulate turns wrong values into one sentence", async () => {
  const cases: [string[], RegExp][] = [
    [["--ttft", "soon"], /Cannot read the distribution "soon"/],
    [["--fault", "earthquake"], /Cannot inject the fault "earthquake": known are/],
    [
      ["--prefix-cache", "--cache-tokens", "15"],
      /Cannot use --cache-tokens 15: a block alone has 16/,
    ],
    [["--cache-tokens", "64"], /Cannot use --cache-tokens .*add --prefix-cache/],
    [["--route-by", "x-session"], /Cannot use --route-by x-session with one replica/],
    [["--context-words", "vllm"], /add --max-model-len|nothing is refused/],
    [["--fault", "cut:2"], /probability must be in 0…1/],
    [["--speculate", "often"], /Cannot read the speculation "often": give N:P/],
    [["--speculate", "3:0.5", "--tokens-per-event", "2"], /decides how many tokens an event has/],
    [["--ppl-version", "1"], /add --grpc-port N/],
  ];
  for (const [argv, message] of cases) {
    const error = await assertRejects(() => runCommand(["--port", "0", ...argv]), UserError);
    assertMatch(error.message, message);
  }
  await runCommand(["--port", "0"], async (url) => {
    const error = await assertRejects(() => runCommand(["--port", new URL(url).port]), UserError);
    assertMatch(error.message, /another program listens there; --port 0 takes a free port$/);
  });
});

Deno.test("simulate takes a version of PPL beside any free port", async () => {
  const argv = ["--port", "0", "--grpc-port", "0", "--ppl-version", "1"];
  assertMatch((await runCommand(argv)).printed.join(), /listening on grpc:/);
});

Deno.test("simulate explains every fault", async () => {
  const { printed: [list = ""] } = await runCommand(["--list-faults"]);
  for (const { name, help } of SIM_FAULTS) assertStringIncludes(list, `${name}\n  ${help}`);
});

Deno.test("simOptionsOf passes on every option and changes no default but the port", () => {
  type Given = Parameters<typeof simOptionsOf>[0];
  const defaults = simOptionsOf(parseOptions(simulate, []) as unknown as Given);
  for (const [name, value] of Object.entries(defaults)) {
    const expected = name === "port" ? 8000 : SIM_DEFAULTS[name as keyof typeof SIM_DEFAULTS];
    assertEquals(value, expected, name);
  }
  // Options that say how the command runs, not what the server does.
  const own = ["loop", "maxSeconds", "untilStdinCloses", "truthFile", "listFaults"];
  const keys = Object.keys(simulate.options);
  const values = Object.fromEntries(keys.map((key) => [key, key]));
  // Nothing is lost, nothing is read from the wrong option (T24).
  assertEquals(
    simOptionsOf(values as unknown as Given),
    Object.fromEntries(keys.filter((key) => !own.includes(key)).map((key) => [key, key])),
  );
});
