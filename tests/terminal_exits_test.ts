/** What the program leaves behind when it is told to end, or its terminal is gone. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { HAS_PTY, startOnPty } from "./support/pty.ts";
import { inTempFolder } from "./support/run_cli.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;
const LINUX = { ignore: Deno.build.os !== "linux" };

/** A run of half a minute, unless it is ended. */
function benchLine(url: string, out: string, ...more: readonly string[]): string[] {
  return [
    ...[Deno.execPath(), "run", "-A", "--quiet", CLI, "bench", url, `--out=${out}`],
    ...[
      "--concurrency=2",
      "--output-tokens=2",
      "--warmup=0",
      "--duration=30",
    ],
    ...["--transport=fetch", "--gpu=off", ...more],
  ];
}

async function trial(
  use: (url: string, folder: string, started: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const server = await startSimServer({ ttft: "5", itl: "1" });
  const started = () => until(() => server.stats().load.requests > 10, "requests");
  try {
    await inTempFolder((folder) => use(server.url, folder, started));
  } finally {
    await server.stop();
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turn = 0; turn < 750; turn++) {
    if (await holds()) return;
    await systemClock.sleepUntil(systemClock.now() + 20);
  }
  throw new Error(`waited in vain: ${what}`);
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

async function assertReported(out: string): Promise<void> {
  const { records } = await readRecordFile(`${out}/records.jsonl`);
  assert(records.length > 5, `${records.length} records`);
  assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), "</html>");
}

for (const signal of ["SIGHUP", "SIGTERM", "SIGINT"] as const) {
  Deno.test({
    ...LINUX,
    name: `${signal} stops a run, whose reports are written`,
    fn: () =>
      trial(async (url, folder, started) => {
        const [program, ...args] = benchLine(url, `${folder}/out`);
        const child = new Deno.Command(program!, {
          args,
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const output = child.output();
        await started();
        child.kill(signal);
        const { code, stdout, stderr } = await output;
        const said = new TextDecoder().decode(stderr);
        assertEquals(code, 130, said);
        assertMatch(said, signal === "SIGHUP" ? /terminal was closed/ : /Ctrl-C again/);
        assertMatch(new TextDecoder().decode(stdout), /^Requests .* completed/m);
        await assertReported(`${folder}/out`);
      }),
  });
}

Deno.test({
  name: "a terminal that is closed stops a run, whose reports are written",
  ignore: !HAS_PTY,
  fn: () =>
    trial(async (url, folder, started) => {
      await using terminal = startOnPty([
        ...["sh", "-c", 'echo $$ > "$0"; exec "$@"', `${folder}/pid`],
        ...benchLine(url, `${folder}/out`),
      ]);
      await started();
      const pid = (await Deno.readTextFile(`${folder}/pid`)).trim();
      // The terminal's other side is gone: a hang-up, and every write fails from now on.
      terminal.kill();
      await until(async () => !(await exists(`/proc/${pid}`)), "the end of the run");
      await assertReported(`${folder}/out`);
    }),
});

Deno.test({
  ...LINUX,
  name: "a run under nohup hears no hang-up",
  fn: () =>
    trial(async (url, folder, started) => {
      const line = benchLine(url, `${folder}/out`).map((word) =>
        word === "--duration=30" ? "--requests=100" : word
      );
      const child = new Deno.Command("sh", {
        args: ["-c", 'trap "" HUP; exec "$@"', "sh", ...line],
        stdout: "null",
        stderr: "null",
      }).spawn();
      await started();
      child.kill("SIGHUP");
      assertEquals((await child.status).code, 0);
      const { records } = await readRecordFile(`${folder}/out/records.jsonl`);
      assertEquals(records.length, 100);
    }),
});

Deno.test({
  ...LINUX,
  name: "output that nobody takes loses no file, and results on a full disk are an error",
  fn: () =>
    trial(async (url, folder) => {
      const cases: readonly (readonly [redirected: string, code: number])[] = [
        ["2>/dev/full", 0],
        [">/dev/full", 2],
        ["| head -c 1; exit ${PIPESTATUS[0]}", 0],
      ];
      for (const [i, [redirected, code]] of cases.entries()) {
        const line = benchLine(url, `${folder}/${i}`).map((word) =>
          word === "--duration=30" ? "--requests=10" : word
        );
        const { code: ended, stderr } = await new Deno.Command("bash", {
          args: ["-c", `"$@" ${redirected}`, "bash", ...line],
        }).output();
        const said = new TextDecoder().decode(stderr);
        assertEquals(ended, code, `${redirected}: ${said}`);
        if (code === 2) assertMatch(said, /^error: Cannot write the output: No space left/m);
        await assertReported(`${folder}/${i}`);
      }
    }),
});
