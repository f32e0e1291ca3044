import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { main, type Outside } from "../cli.ts";
import { SAME_SIGNAL_MS } from "../workloads/interrupt.ts";
import { UserError } from "../workloads/user_error.ts";
import { createFakeTerminal } from "./support/fake_terminal.ts";
import { FAKE, fakeEntry, seen } from "./support/fake_command.ts";
import { CTRL_C, HAS_PTY, startOnPty } from "./support/pty.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program inside this process, with no terminal. */
async function run(argv: readonly string[], overrides: Partial<Outside> = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await main(argv, {
    commands: [fakeEntry()],
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    noColor: false,
    columns: () => 80,
    onSignal: () => () => {},
    ...overrides,
  });
  return { code, out, err };
}

Deno.test("main shows help and version on stdout", async () => {
  const cases: [string[], string][] = [
    [["--help"], "Usage: tokometer <command>"],
    [["-h"], "Usage: tokometer <command>"],
    [["help"], "Usage: tokometer <command>"],
    [["help", "fake"], "--extra-body"],
    [["fake", "--help"], "Usage: tokometer fake <url>"],
    [["fake", "-h"], "1 more for special cases"],
    [["fake", "--nonsense", "--help"], "Usage: tokometer fake <url>"],
    [["fake_command", "--help"], "Usage: tokometer fake <url>"],
    [["fake-command", "--help"], "Usage: tokometer fake <url>"],
  ];
  for (const [argv, text] of cases) {
    const { code, out, err } = await run(argv);
    assertEquals([code, err], [0, ""], argv.join(" "));
    assertStringIncludes(out, text);
  }
  const { code, out } = await run(["--version"]);
  assertEquals(code, 0);
  assertMatch(out, /^tokometer \d+\.\d+\.\d+ \(Deno [\d.]+, V8 [\w.-]+, checkout, \w+-[\w-]+\)\n$/);
});

Deno.test("main refuses what it does not know with exit code 2 and a suggestion", async () => {
  const cases: [string[], string][] = [
    [["fkae"], 'error: Cannot find the command "fkae": did you mean fake?\n'],
    [["hlep"], 'error: Cannot find the command "hlep": did you mean help?\n'],
    [["nothing"], 'error: Cannot find the command "nothing": "tokometer help" lists them\n'],
    [["help", "fkae"], 'error: Cannot find the command "fkae": did you mean fake?\n'],
    [
      ["--rate", "5"],
      "error: Cannot use --rate before a command: write tokometer <command> --rate\n",
    ],
    [
      ["fake", "--rate", "-5"],
      "error: Cannot use --rate -5: give a number of at least 0, or inf\n" +
      'Run "tokometer fake --help" for its options\n',
    ],
  ];
  for (const [argv, text] of cases) {
    assertEquals(await run(argv), { code: 2, out: "", err: text }, argv.join(" "));
  }
  const empty = await run([]);
  assertEquals([empty.code, empty.out], [2, ""]);
  assertStringIncludes(empty.err, "Usage: tokometer <command>");
});

Deno.test("main checks everything before it runs the command", async () => {
  let ran = false;
  const command = { ...FAKE, run: () => Promise.resolve(ran = true).then(() => 0) };
  for (const argv of [["u", "--rate", "x"], [], ["u", "--config", "no_such.json"]]) {
    const { code } = await run(["fake", ...argv], { commands: [fakeEntry(command)] });
    assertEquals([code, ran], [2, false]);
  }
  assertEquals((await run(["fake", "u"], { commands: [fakeEntry(command)] })).code, 0);
  assert(ran);
});

Deno.test("main merges the config file below the command line, and hides secrets", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, `{"rate": 3, "requests": 4, "url": "http://config"}`);
    const argv = ["fake", "--config", path, "-n", "5", "--api-key", "hunter2"];
    assertEquals(await run(argv), { code: 0, out: "", err: "" });
    const { url, rate, requests, concurrency, config } = seen.values;
    assertEquals({ url, rate, requests, concurrency, config }, {
      url: "http://config",
      rate: 3,
      requests: 5,
      concurrency: [1, 16],
      config: undefined,
    });
    assertEquals(seen.values.apiKey, "hunter2");
    assertEquals(seen.host?.commandLine, [...argv.slice(0, -1), "***"]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("main tells the exit code of each kind of failure", async () => {
  const failing = (error: unknown) => ({ ...FAKE, run: () => Promise.reject(error) });
  const cases: [unknown, number, RegExp][] = [
    [new UserError("Cannot do it"), 2, /^error: Cannot do it\nRun "tokometer fake --help"/],
    [new UserError("Cannot reach x", 3), 3, /^error: Cannot reach x\n$/],
    [new TypeError("broken"), 70, /^error: A bug in Tokometer .*TypeError: broken\n +at /],
    ["just a text", 70, /just a text/],
    [
      new Deno.errors.NotCapable(
        `Requires net access to "127.0.0.1:8000", run again with the --allow-net flag`,
      ),
      2,
      /^error: Cannot continue without net access to "127.0.0.1:8000", needed to talk to the server: add --allow-net=127.0.0.1:8000 to deno run, or -A for everything\n/,
    ],
  ];
  for (const [error, exitCode, text] of cases) {
    const { code, err } = await run(["fake", "u"], { commands: [fakeEntry(failing(error))] });
    assertEquals(code, exitCode);
    assertMatch(err, text);
  }
});

Deno.test("main turns signals into interrupt, abort and exit", async () => {
  const clock = { ms: 0, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  let signal = () => {};
  let stopped = 0;
  const exits: number[] = [];
  let err = "";
  const running = run(["fake", "u", "--do", "wait"], {
    clock,
    onSignal: (listener) => {
      signal = listener;
      return () => stopped++;
    },
    exit: (code) => void exits.push(code),
    stderr: (text) => void (err += text),
  });
  // Everything up to the command's first wait takes turns of the event loop, not time.
  while (!err.includes("ready")) await delay(1);
  const stages: [number, string][] = [
    [1000, "ready\nStopping; Ctrl-C again stops at once\ndraining\n"],
    [1000 + SAME_SIGNAL_MS - 1, ""],
    [1000 + SAME_SIGNAL_MS, "Stopping at once\n"],
  ];
  for (const [ms, text] of stages) {
    clock.ms = ms;
    signal();
    await Promise.resolve().then(() => {}).then(() => {});
    assertEquals(err, text);
    err = "";
  }
  const { code, out } = await running;
  assertEquals([code, out, stopped, exits], [130, "report\n", 1, []]);
});

Deno.test("main ends at once on a third signal", async () => {
  const clock = { ms: 0, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  let signal = () => {};
  const gone = Promise.withResolvers<number>();
  const entered = Promise.withResolvers<void>();
  const stuck = {
    ...FAKE,
    run(_: unknown, host: NonNullable<typeof seen.host>) {
      host.progress(["measuring", "  more of it"]);
      entered.resolve();
      return new Promise<number>(() => {});
    },
  };
  const terminal = createFakeTerminal(100);
  void run(["fake", "u"], {
    commands: [fakeEntry(stuck)],
    ...{ clock, stderrIsTerminal: true, stderr: terminal.write },
    onSignal: (listener) => {
      signal = listener;
      return () => {};
    },
    exit: gone.resolve,
  });
  await entered.promise;
  for (let press = 0; press < 3; press++) {
    clock.ms += 1000;
    signal();
  }
  assertEquals(await gone.promise, 130);
  assertEquals(terminal.screen, ["Stopping; Ctrl-C again stops at once", "Stopping at once"]);
});

Deno.test("main gives 130 when the second signal's abort is what ended the command", async () => {
  const clock = { ms: 0, now: () => (clock.ms += 1000), sleepUntil: () => Promise.resolve() };
  let signal = () => {};
  let err = "";
  const running = run(["fake", "u", "--do", "abort"], {
    clock,
    onSignal: (listener) => {
      signal = listener;
      return () => {};
    },
    stderr: (text) => void (err += text),
  });
  while (!err.includes("ready")) await delay(1);
  signal();
  signal();
  assertEquals((await running).code, 130);
  assert(!err.includes("error"), err);
});

Deno.test("main colors only a terminal, and never against NO_COLOR or --no-color", async () => {
  const cases: [string[], Partial<Outside>, boolean][] = [
    [[], {}, false],
    [[], { stdoutIsTerminal: true }, true],
    [[], { stdoutIsTerminal: true, noColor: true }, false],
    [["--no-color"], { stdoutIsTerminal: true }, false],
    [["--color"], {}, true],
  ];
  for (const [argv, outside, color] of cases) {
    await run(["fake", "u", ...argv], outside);
    assertEquals(seen.host?.color, color, argv.join(" "));
  }
  const page = await run(["--help"], { stdoutIsTerminal: true });
  assertStringIncludes(page.out, "\x1b[1m");
});

Deno.test("main tells a command of the terminal that progress is drawn on, at its size of the moment", async () => {
  let size = { columns: 80, rows: 24 };
  const outside = {
    ...{ stderrIsTerminal: true, noColor: false },
    ...{ columns: () => size.columns, rows: () => size.rows },
  };
  await run(["fake", "u"], outside);
  const { screen } = seen.host!;
  // Room for ^C behind the last line.
  assertEquals([screen?.columns, screen?.rows, screen?.color], [76, 24, true]);
  size = { columns: 2, rows: 5 };
  assertEquals([screen?.columns, screen?.rows], [1, 5]);
  await run(["fake", "u"], { ...outside, noColor: true });
  assertEquals(seen.host?.screen?.color, false);
  await run(["fake", "u", "--no-color"], outside);
  assertEquals(seen.host?.screen?.color, false);
  await run(["fake", "u", "-q"], outside);
  assertEquals(seen.host?.screen, undefined);
  await run(["fake", "u"], { stderrIsTerminal: false });
  assertEquals(seen.host?.screen, undefined);
});

Deno.test("main shows progress on stderr, and none with --quiet", async () => {
  const reporting = {
    ...FAKE,
    run: (_: unknown, host: NonNullable<typeof seen.host>) => {
      host.progress("measuring  1");
      host.print("result");
      host.note("note");
      host.progress("");
      return Promise.resolve(0);
    },
  };
  const commands = [fakeEntry(reporting)];
  assertEquals(await run(["fake", "u"], { commands }), {
    code: 0,
    out: "result\n",
    err: "measuring  1\nnote\n",
  });
  assertEquals((await run(["fake", "u", "-q"], { commands })).err, "note\n");
  assertEquals(
    (await run(["fake", "u"], { commands, stderrIsTerminal: true })).err,
    "\r\x1b[Jmeasuring  1\r\x1b[J\x1b[Jmeasuring  1\r\x1b[Jnote\n\x1b[Jmeasuring  1\r\x1b[J",
  );
});

const ROOT = new URL("..", import.meta.url).pathname;
const FAKE_CLI = [
  Deno.execPath(),
  "run",
  "-A",
  "--quiet",
  `${ROOT}tests/support/fake_cli.ts`,
  "fake",
  "u",
];

Deno.test("the program ends quietly when the reader of its results has left", async () => {
  const [program, ...args] = [...FAKE_CLI, "--do", "print"];
  await using child = new Deno.Command(program!, { args, stdout: "piped", stderr: "piped" })
    .spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const err = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, err], [0, "printed all\n"]);
});

Deno.test("the program names the permission that it lacks", async () => {
  const args = ["run", "--no-prompt", "--quiet", ...FAKE_CLI.slice(4), "--do", "denied"];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assertEquals(code, 2);
  assertStringIncludes(
    new TextDecoder().decode(stderr),
    `error: Cannot continue without read access to "/etc/hostname", needed to read datasets, ` +
      "tokenizers, records and its own workers: add --allow-read=/etc/hostname",
  );
});

Deno.test("the program shows help without any permission", async () => {
  for (const argv of [["--help"], ["--version"]]) {
    const args = ["run", "--no-prompt", "--quiet", `${ROOT}cli.ts`, ...argv];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  }
});

/** Presses Ctrl-C, sees the draining, presses again. */
async function interruptTwice(command: readonly string[], cwd: string): Promise<void> {
  await using terminal = startOnPty(command, { cwd });
  await terminal.waitFor("ready");
  await terminal.type(CTRL_C);
  await terminal.waitFor("draining");
  await delay(SAME_SIGNAL_MS + 100);
  assert(!terminal.output.includes("report"), `one Ctrl-C is one:\n${terminal.output}`);
  await terminal.type(CTRL_C);
  await terminal.waitFor("report");
  assertEquals(await terminal.exitCode, 130);
  assertEquals(terminal.output.split("draining").length, 2);
}

Deno.test({
  name: "Ctrl-C on a terminal interrupts, and a second one stops at once",
  ignore: !HAS_PTY,
  fn: () => interruptTwice([...FAKE_CLI, "--do", "wait"], ROOT),
});

Deno.test({
  name: "Ctrl-C under deno task is one interrupt although it arrives twice",
  ignore: !HAS_PTY,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const command = [...FAKE_CLI, "--do", "wait"].map((word) => `"${word}"`).join(" ");
      const tasks = { go: command };
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ tasks }));
      await interruptTwice([Deno.execPath(), "task", "--quiet", "go"], folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
