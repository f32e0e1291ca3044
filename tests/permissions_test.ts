import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { inTempFolder } from "./support/run_cli.ts";

const ROOT = new URL("..", import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The program as a user runs it, with these permissions only. */
async function runWith(permissions: readonly string[], argv: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", ...permissions, `${ROOT}cli.ts`, ...argv],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

// The table in docs/operating.md says the same; it is checked against these lines below.
const NEEDS: readonly { readonly command: string; readonly flags: readonly string[] }[] = [
  { command: "bench", flags: ["--allow-net", "--allow-read", "--allow-write"] },
  { command: "bench --no-save", flags: ["--allow-net", "--allow-read"] },
  { command: "report", flags: ["--allow-read"] },
  { command: "probe", flags: ["--allow-net"] },
  { command: "simulate", flags: ["--allow-net"] },
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
      const probe = await runWith(flagsOf("probe"), ["probe", server.url, "--output-tokens=2"]);
      assertEquals(probe.code, 0, probe.err);
    });
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
    const row = new RegExp(`^\\| \`${command}\` *\\| \`${flags.join(" ")}\` *\\|`, "m");
    assertMatch(page, row);
  }
});
