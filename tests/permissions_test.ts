import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { exampleText } from "../workloads/trace_examples.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./support/sharegpt_file.ts";

const ROOT = new URL("..", import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The program as a user runs it, with these permissions only. */
async function runWith(
  permissions: readonly string[],
  argv: readonly string[],
  cwd: string = ROOT,
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", ...permissions, `${ROOT}cli.ts`, ...argv],
    env: { NO_COLOR: "1", SOME_KEY: "abc" },
    cwd,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

// The table in docs/operating.md says the same; it is checked against these lines below.
const NEEDS: readonly { readonly command: string; readonly flags: readonly string[] }[] = [
  { command: "bench", flags: ["--allow-net", "--allow-read", "--allow-write"] },
  { command: "bench --no-save", flags: ["--allow-net", "--allow-read"] },
  // Run in tests/workloads_command_bench_fleet_test.ts, over a NATS server.
  { command: "bench --fleet", flags: ["--allow-net", "--allow-read", "--allow-write"] },
  { command: "agent", flags: ["--allow-net", "--allow-read", "--allow-write"] },
  { command: "report", flags: ["--allow-read"] },
  { command: "compare", flags: ["--allow-read"] },
  { command: "frontier", flags: ["--allow-read"] },
  { command: "runs", flags: ["--allow-read"] },
  { command: "trace", flags: ["--allow-read"] },
  { command: "probe", flags: ["--allow-net"] },
  { command: "simulate", flags: ["--allow-net"] },
  ...[
    ...["num-clients", "request-rate", "sweep", "profile-restful-api", "profile-serving"],
    ...["profile-generation", "profile-throughput"],
  ].map((command) => ({ command, flags: ["--allow-net", "--allow-read", "--allow-write"] })),
];

function flagsOf(command: string): readonly string[] {
  return NEEDS.find((need) => need.command === command)!.flags;
}

Deno.test("bench, report and probe run with the least permissions", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    await inTempFolder(async (folder) => {
      const out = `${folder}/out`;
      const argv = ["--requests=3", "--output-tokens=3", "--concurrency=1", "--warmup=1"];
      const saved = await runWith(flagsOf("bench"), ["bench", server.url, "--out", out, ...argv]);
      assertEquals(saved.code, 0, saved.err);
      assertStringIncludes(saved.out, "3 of 3 completed");
      const unsaved = await runWith(flagsOf("bench --no-save"), [
        "bench",
        server.url,
        "--no-save",
        ...argv,
      ]);
      assertEquals(unsaved.code, 0, unsaved.err);
      const report = await runWith(flagsOf("report"), ["report", out]);
      assertEquals(report.code, 0, report.err);
      const [other, runs] = [`${folder}/other`, `--allow-read=${folder}`];
      const more = await runWith(flagsOf("bench"), ["bench", server.url, "--out", other, ...argv]);
      assertEquals(more.code, 0, more.err);
      const compare = await runWith(flagsOf("compare"), ["compare", out, other]);
      // Where a busy machine makes the client the limit there is no verdict; the files were read.
      assert([0, 2].includes(compare.code), compare.err);
      assertStringIncludes(compare.out, "other against out");
      // Reading the results is all that it takes; nobody is asked for the environment.
      const narrow = await runWith([runs], ["compare", out, other, "--gate=ttft<+5%"]);
      assertEquals([narrow.code, narrow.err], compare.code === 0 ? [4, ""] : [2, compare.err]);
      const frontier = await runWith([runs], ["frontier", out, other, "--percentile=50"]);
      assertEquals([frontier.code, frontier.err], [0, ""]);
      const list = await runWith([runs], ["runs", folder]);
      assertEquals([list.code, list.err], [0, ""]);
      assertStringIncludes(list.out, "2 runs in");
      const sessions = `${folder}/chat.jsonl`;
      await Deno.writeTextFile(sessions, exampleText("chat"));
      const trace = await runWith([`--allow-read=${sessions}`], ["trace", sessions]);
      assertEquals(trace.code, 0, trace.err);
      const probe = await runWith(flagsOf("probe"), ["probe", server.url, "--output-tokens=2"]);
      assertEquals(probe.code, 0, probe.err);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("witness streams need no permission but those of bench", async () => {
  const server = await startSimServer({ ttft: "20", itl: "10" });
  try {
    const argv = ["--requests=48", "--output-tokens=10", "--concurrency=4", "--warmup=0"];
    const { out, err } = await runWith(flagsOf("bench --no-save"), [
      ...["bench", server.url, "--no-save", ...argv],
    ]);
    assertMatch(out, /^Witness +2 streams, \d+ ticks/m, err);
  } finally {
    await server.stop();
  }
});

Deno.test("--live needs its port, and says so before anything is sent", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const argv = ["bench", server.url, "--no-save", "--requests=1", "--live=0"];
    const net = `--allow-net=${new URL(server.url).host}`;
    const refused = await runWith(["--allow-read", net], argv);
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.err, "add --allow-net=127.0.0.1:0 to deno run, or -A");
    assertEquals(server.stats().connections.accepted, 0);
    const { code, err } = await runWith(["--allow-read", `${net},127.0.0.1:0`], argv);
    assertEquals(code, 0, err);
    assertMatch(err, /^Live: http:/m);
  } finally {
    await server.stop();
  }
});

Deno.test("simulate runs with net alone", async () => {
  const { code, out, err } = await runWith(flagsOf("simulate"), [
    "simulate",
    "--port=0",
    "--max-seconds=0.2",
  ]);
  assertEquals(code, 0, err);
  assertMatch(out, /^listening on http:\/\/127\.0\.0\.1:\d+$/m);
  // Not even the thread of its clock says that it may not read itself.
  assert(!/permission|access|error/i.test(err), err);
});

Deno.test("the scripts' commands run with the least permissions", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  const triton = await startSimServer({ ttft: "1", itl: "0", engine: "triton", grpcPort: 0 });
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 8);
      const clients = ["--num-requests=2", "--num-clients=1", "--ramp-up-time=0"];
      const prompts = [TOKENIZER, dataset, "--num-prompts=2", "--concurrency=1"];
      const csv = (name: string) => [`--csv=${folder}/${name}.csv`, `--out=${folder}/${name}`];
      const grpc = triton.grpcUrl!.replace("grpc://", "");
      const lines: Readonly<Record<string, readonly string[]>> = {
        "num-clients": [server.url, ...clients, `--out=${folder}/nc`],
        "request-rate": [server.url, "--num-requests=2", `--out=${folder}/rr`],
        "sweep": [
          ...[`--base-url=${server.url}`, "--clients=1", "--prompts=2", "--stop-time=0"],
          ...["--ramp-up-time=0", "--model-size=7", "--tp=1", "--mode=fp16"],
          `--folder=${folder}`,
        ],
        "profile-restful-api": [server.url, ...prompts, ...csv("ra")],
        "profile-serving": [grpc, ...prompts, ...csv("se")],
        "profile-generation": [
          ...[server.url, "-c", "1", "-pt", "4", "-ct", "4", "-tr", "1", "-w", "0", ...csv("ge")],
        ],
        "profile-throughput": [dataset, server.url, "--num-prompts=2", ...csv("th")],
      };
      for (const [command, argv] of Object.entries(lines)) {
        // gRPC reads the environment.
        const more = command === "profile-serving" ? ["--allow-env"] : [];
        const { code, err } = await runWith([...flagsOf(command), ...more], [command, ...argv]);
        assertEquals(code, 0, `${command}: ${err}`);
      }
    });
  } finally {
    await server.stop();
    await triton.stop();
  }
});

Deno.test("what the page adds to the least permissions is enough for what it names", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  const triton = await startSimServer({ ttft: "1", itl: "0", engine: "triton", grpcPort: 0 });
  try {
    await inTempFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/key`, "abc\n");
      const quick = ["--requests=2", "--output-tokens=2", "--concurrency=1", "--warmup=0"];
      const grpc = [triton.grpcUrl!, "--protocol=triton-turbomind"];
      const simulate = ["simulate", "--port=0", "--max-seconds=0.1"];
      const bench = ["bench", server.url, "--no-save", ...quick];
      const cases: readonly (readonly [row: string, more: string, argv: readonly string[]])[] = [
        ["bench --no-save", "--allow-env", [...bench, "--api-key=env:SOME_KEY"]],
        ["bench --no-save", "--allow-env", ["bench", ...grpc, "--no-save", ...quick]],
        ["bench --no-save", "--allow-sys", bench],
        ["bench", "--allow-env", ["bench", server.url, `--out=${folder}/out`, ...quick]],
        ["report", "--allow-write", ["report", `${folder}/out`, `--out=${folder}/report`]],
        [
          ...["probe", "--allow-read"] as const,
          ["probe", server.url, "--output-tokens=2", `--api-key=file:${folder}/key`],
        ],
        ["simulate", "--allow-write", [...simulate, `--truth-file=${folder}/truth`]],
        ["simulate", "--allow-env", [...simulate, "--engine=triton", "--grpc-port=0"]],
      ];
      const page = await Deno.readTextFile(`${ROOT}docs/operating.md`);
      for (const [row, more, argv] of cases) {
        const { code, err } = await runWith([...flagsOf(row), more], argv);
        assertEquals(code, 0, `${row} ${more}: ${err}`);
        assert(!/error|access/i.test(err), `${row} ${more}: ${err}`);
        if (row.includes("--")) continue;
        assertMatch(page, new RegExp(`^\\| \`${row}\`.*\`${more}\``, "m"));
      }
    });
  } finally {
    await server.stop();
    await triton.stop();
  }
});

Deno.test({
  name: "the advice for epoll is a path that nothing in the current folder can stand in for",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const server = await startSimServer({ ttft: "1", itl: "0" });
    try {
      await inTempFolder(async (folder) => {
        // Loading it would fail: it is no library.
        for (const name of ["libc.so.6", "libnvidia-ml.so.1"]) {
          await Deno.writeTextFile(`${folder}/${name}`, "from the current folder");
        }
        const commands = [
          [
            ...["bench", server.url, "--no-save", "--requests=2", "--output-tokens=2"],
            ...["--concurrency=1", "--transport=epoll"],
          ],
          ["simulate", "--port=0", "--max-seconds=0.1", "--loop=epoll"],
        ];
        await Promise.all(commands.map(async (argv) => {
          const least = ["--allow-net", "--allow-read"];
          const without = await runWith(least, argv, folder);
          assertEquals(without.code, 2, without.err);
          const [advice = ""] = /--allow-ffi\S*/.exec(without.err) ?? [];
          assertMatch(advice, /^--allow-ffi=\/.*\/libc\.so\.6$/);
          const advised = await runWith([...least, advice], argv, folder);
          assertEquals(advised.code, 0, advised.err);
          const bare = ["--allow-ffi=libc.so.6,libnvidia-ml.so.1"];
          const misled = await runWith([...least, ...bare], argv, folder);
          assertEquals(misled.code, 2, misled.err);
          assertStringIncludes(misled.err, advice);
          assert(!/invalid|ELF|too short/.test(misled.err), misled.err);
        }));
        // All libraries: the system's own loader looks for them.
        const all = await runWith(["--allow-net", "--allow-ffi"], commands[1]!, folder);
        assertEquals(all.code, 0, all.err);
      });
    } finally {
      await server.stop();
    }
  },
});

Deno.test("what is denied is one clear line that names the flag", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const argv = ["bench", server.url, "--requests=2", "--output-tokens=2"];
    const cases: [string, string[], string[], RegExp][] = [
      ["net", ["--allow-read", "--allow-write"], argv, /--allow-net/],
      ["write", ["--allow-net", "--allow-read"], argv, /--allow-write/],
      [
        "env",
        ["--allow-net", "--allow-read", "--allow-write"],
        [...argv, "--api-key", "env:SOME_KEY"],
        /--allow-env=SOME_KEY/,
      ],
      ["run", ["--allow-net", "--allow-read"], ["demo", "--no-save"], /--allow-run/],
    ];
    for (const [name, permissions, line, says] of cases) {
      const { code, out, err } = await runWith(permissions, line);
      assertEquals([code, out], [2, ""], `${name}: ${err}`);
      const errors = err.split("\n").filter((one) => one.startsWith("error: "));
      assertEquals(errors.length, 1, `${name}: ${err}`);
      assertMatch(errors[0]!, says, name);
      assert(!/\bat .*\.ts:\d+/.test(err), `${name} shows a stack: ${err}`);
    }
  } finally {
    await server.stop();
  }
});

Deno.test("docs/operating.md tells the same permissions", async () => {
  const page = await Deno.readTextFile(`${ROOT}docs/operating.md`);
  for (const { command, flags } of NEEDS) {
    const row = new RegExp(
      `^\\|[^|]* ?\`${command}\`[^|]*\\| \`${flags.join(" ")}\` *\\|`,
      "m",
    );
    assertMatch(page, row);
  }
});
