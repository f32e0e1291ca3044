/** `bench --live` as a whole: what is shown agrees with what is reported. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { summarize } from "../metrics/summary.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { measureBench } from "../workloads/run_bench.ts";
import { startLive } from "../workloads/run_live.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

interface Live {
  /** Address of the page. */
  readonly url: string;
  readonly token: string;
  /** What `/status` says now. */
  // deno-lint-ignore no-explicit-any
  readonly status: () => Promise<any>;
  readonly stop: () => Promise<string>;
}

/** Runs `bench` with a page, and does something while it goes on. */
async function benchLive(
  argv: readonly string[],
  meanwhile: (live: Live) => Promise<void>,
): Promise<Ran> {
  let err = "";
  let done: Promise<void> | undefined;
  const ran = await runCli(["bench", ...argv, "--live=0", "--warmup=0"], {
    stderr(text) {
      err += text;
      const [, url, token] = /^Live: (http:\S+\?token=(\S+))$/m.exec(err) ?? [];
      if (url === undefined || done !== undefined) return;
      const at = (path: string) => new URL(path, url);
      done = meanwhile({
        ...{ url, token: token! },
        status: async () => await (await fetch(at("/status"))).json(),
        stop: async () => {
          const headers = { authorization: `Bearer ${token}` };
          return await (await fetch(at("/stop"), { method: "POST", headers })).text();
        },
      });
    },
  });
  await done;
  return { ...ran, err };
}

/** Asks until it holds; the run ends by itself where it never does. */
async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("the page moves, its stop is Ctrl-C, and results are kept without its token", async () => {
  const server = await startSimServer({ ttft: "20", itl: "5" });
  try {
    await inTempFolder(async (folder) => {
      const out = `${folder}/out`;
      let token = "";
      let html = "";
      const argv = [server.url, "--concurrency=2", "--duration=60", "--output-tokens=8"];
      const ran = await benchLive([...argv, `--out=${out}`], async (live) => {
        ({ token } = live);
        await until(live.status, ({ done }) => done >= 3);
        html = await (await fetch(live.url)).text();
        assertEquals(await live.stop(), '{"stopping":"draining"}\n');
      });
      assertEquals(ran.code, 130, ran.err);
      assertMatch(ran.err, /^Stopping; Ctrl-C again stops at once$/m);
      assertStringIncludes(html, "<title>");
      const { header, records, ends } = await readRecordFile(`${out}/records.jsonl`);
      assertEquals(header.options.live, undefined, "it changes nothing of what is measured");
      assertEquals(ends[0]?.interrupted, true);
      const completed = records.filter(({ outcome }) => outcome.kind === "ok").length;
      assert(completed >= 3);
      assertStringIncludes(ran.out, `${completed} of ${completed} completed`);
      for (const { name } of Deno.readDirSync(out)) {
        assert(!(await Deno.readTextFile(`${out}/${name}`)).includes(token), name);
      }
      assert(!ran.out.includes(token));
    });
  } finally {
    await server.stop();
  }
});

Deno.test("what is shown of ended loads is what is reported", async () => {
  const server = await startSimServer({ ttft: "5", itl: "2", faults: ["cut:0.3"], seed: 5 });
  const live = await startLive();
  try {
    const options = { concurrency: [1, 4], requests: 20, outputTokens: 6, warmup: 0 };
    const summary = summarize(await measureBench(server.url, options, live.hooks));
    const { ended } = await (await fetch(new URL("/status", live.url))).json();
    assertEquals(ended.length, 2);
    for (const [i, { label, counts, throughput }] of summary.loads.entries()) {
      const shown = ended[i];
      assertEquals(
        [shown.label, shown.completed, shown.failed],
        [label, counts.completed, counts.failed],
      );
      assert(counts.failed > 0 && counts.completed > 0);
      const rate = throughput.run.outputTokensPerSec!;
      assert(Math.abs(shown.tokensPerSec - rate) < 1e-6 * rate, `${shown.tokensPerSec}, ${rate}`);
    }
    const metrics = await (await fetch(new URL("/metrics", live.url))).text();
    const completed = summary.loads.reduce((sum, { counts }) => sum + counts.completed, 0);
    assertStringIncludes(metrics, `tokometer_requests_completed_total ${completed}\n`);
  } finally {
    await live.finish();
    await server.stop();
  }
});

Deno.test("a port that is taken is refused before anything is sent", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const argv = ["bench", server.url, "--requests=1", "--no-save"];
    const { port } = new URL(server.url);
    const { code, err } = await runCli([...argv, `--live=${port}`]);
    assertEquals(code, 2);
    assertStringIncludes(err, `Cannot serve the live page at 127.0.0.1:${port}: another program`);
    assertEquals(server.stats().connections.accepted, 0);
    const dry = await runCli([...argv, "--live=0", "--dry-run"]);
    assertEquals(dry.code, 2);
    assertStringIncludes(dry.err, "Cannot use --live with --dry-run");
  } finally {
    await server.stop();
  }
});
