/** Soak runs and merged clients, as whole programs. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { launchSimulator } from "../backends/sim_launch.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { measureBench } from "../workloads/run_bench.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { CTRL_C, HAS_PTY, startOnPty } from "./support/pty.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const PROGRAM = [Deno.execPath(), "run", "-A", "--quiet", `${ROOT}cli.ts`];

const LOAD = ["--concurrency=4", "--requests=120", "--output-tokens=12", "--warmup=2"];

async function withServer(
  use: (url: string, folder: string) => Promise<void>,
  ttft = "2",
): Promise<void> {
  const server = await startSimServer({ ttft, itl: "1" });
  try {
    await inTempFolder((folder) => use(server.url, folder));
  } finally {
    await server.stop();
  }
}

Deno.test("soak: a run in histograms, and the same reports from its file", async () => {
  await withServer(async (url, folder) => {
    const out = `${folder}/a`;
    const ran = await runCli(["bench", url, ...LOAD, "--values=histogram", "--out", out]);
    assertEquals(ran.code, 0, ran.err);
    assertStringIncludes(ran.out, "120 of 120 completed");
    // How many gaps there are depends on how many tokens a busy machine hands over at once.
    assertMatch(ran.out, /Accuracy {5}percentiles within ±0\.1 % \(histograms, [\d,]+ gaps\)/);
    // Without a word about values the report keeps them as the run did.
    const again = await runCli(["report", out, "--out", `${folder}/b`]);
    assertEquals(again.out, ran.out);
    for (const name of ["report.json", "report.csv", "report.html"]) {
      const [before, after] = [out, `${folder}/b`].map((one) =>
        Deno.readTextFileSync(`${one}/${name}`)
      );
      assertEquals(after, before, name);
    }
    const json = JSON.parse(await Deno.readTextFile(`${out}/report.json`));
    assertEquals(json.loads[0].approximation, {
      ...{ relativeError: 0.001, binMs: 1 },
      courseError: null,
    });
    assertMatch(
      await Deno.readTextFile(`${out}/report.html`),
      /Accuracy: percentiles within ±0\.1/,
    );

    const raw = await runCli(["report", out, "--values=raw", "--format=json"]);
    const [exact] = JSON.parse(raw.out).loads;
    assertEquals(exact.approximation, null);
    assertEquals(exact.counts, json.loads[0].counts);
    for (const [i, { name, distribution }] of exact.metrics.entries()) {
      for (const [p, { value }] of distribution.percentiles.entries()) {
        if (value === null) continue;
        const found = json.loads[0].metrics[i].distribution.percentiles[p].value;
        assert(Math.abs(found - value) <= 0.001 * Math.abs(value) + 1e-6, `${name}: ${found}`);
      }
    }
  });
});

Deno.test("soak: records that nobody keeps are only handed out", async () => {
  await withServer(async (url) => {
    const seen: number[] = [];
    const run = await measureBench(url, { requests: 8, outputTokens: 3, warmup: 0 }, {
      keepRecords: false,
      onRecord: ({ index }) => seen.push(index),
    });
    assertEquals(run.records, []);
    assertEquals(seen.length, 8);
    assertEquals(run.ends.length, 1);
  });
});

Deno.test("soak: two clients at the same time, reported as one", async () => {
  await withServer(async (url, folder) => {
    const files = [`${folder}/a`, `${folder}/b`];
    const ran = await Promise.all(
      files.map((out) => runCli(["bench", url, ...LOAD, "--out", out])),
    );
    assertEquals(ran.map(({ code }) => code), [0, 0]);
    for (const values of ["raw", "histogram"]) {
      const { code, out, err } = await runCli(["report", ...files, `--values=${values}`]);
      assertEquals(code, 0, err);
      assertStringIncludes(out, "240 of 240 completed");
      assertStringIncludes(out, "2 × 4 users");
      assertMatch(out, /2 clients merged \(.*\): by their clocks, the last began each load/);
    }
    const start = await runCli(["report", ...files, "--align=start"]);
    assertMatch(start.out, /assumed to begin each load at the same instant/);
    // Long enough for them to overlap: one opens its threads later than the other.
  }, "80");
});

Deno.test({
  name: "soak: Ctrl-C drains, reports and leaves a file that gives the same report",
  ignore: !HAS_PTY,
  async fn() {
    const [command, ...args] = PROGRAM;
    const simulator = await launchSimulator([], {
      command: {
        command: command!,
        args: [...args, "simulate", "--port=0", "--ttft=20", "--itl=5", "--until-stdin-closes"],
      },
    });
    try {
      await inTempFolder(async (folder) => {
        const out = `${folder}/out`;
        await using terminal = startOnPty([
          ...[...PROGRAM, "bench", simulator.url, "--concurrency=4", "--duration=60"],
          ...["--warmup=0", "--output-tokens=20", "--values=histogram", `--out=${out}`],
        ]);
        await terminal.waitFor("measuring");
        await delay(500);
        await terminal.type(CTRL_C);
        assertEquals(await terminal.exitCode, 130, terminal.output);
        assertMatch(terminal.output, /\(interrupted\)/);
        assertStringIncludes(terminal.output, "percentiles within ±0.1 %");
        const { records, ends } = await readRecordFile(`${out}/records.jsonl`);
        assert(records.length > 4 && records.every(({ outcome }) => outcome.kind === "ok"));
        assertEquals(ends.map(({ interrupted }) => interrupted), [true]);
        const again = await runCli(["report", out, "--format=json"]);
        assertEquals(again.code, 130);
        assertEquals(again.out, await Deno.readTextFile(`${out}/report.json`));
      });
    } finally {
      await simulator.stop();
    }
  },
});
