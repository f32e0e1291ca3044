import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { Run } from "../metrics/run.ts";
import { summarize } from "../metrics/summary.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

/** `bench` of a server that stops when it was sent `most` requests, with streams open. */
async function benchLost(
  argv: readonly string[],
  most: number,
): Promise<Ran & { readonly run: Run; readonly json: string }> {
  const server = await startSimServer({ ttft: "5", itl: "1" });
  return await inTempFolder(async (folder) => {
    const out = `${folder}/results`;
    const ran = runCli(["bench", server.url, "--out", out, "--output-tokens=8", ...argv]);
    while (server.truth().length < most) await new Promise((done) => setTimeout(done, 5));
    await server.stop();
    const { code, out: table, err } = await ran;
    const run = await readRecordFile(`${out}/records.jsonl`);
    return { code, out: table, err, run, json: await Deno.readTextFile(`${out}/report.json`) };
  });
}

const CASES: readonly (readonly string[])[] = [
  ["--concurrency=4,8", "--requests=100000", "--transport=socket", "--workers=2"],
  ["--concurrency=2", "--duration=60", "--transport=fetch", "--workers=0", "--no-witness"],
  ["--rate=40,50", "--duration=60", "--transport=socket", "--no-witness"],
];

Deno.test("bench: a server that is gone ends the run, and what was measured stands", async () => {
  await Promise.all(CASES.map(async (argv) => {
    const { code, out, err, run, json } = await benchLost([...argv, "--warmup=2"], 40);
    const name = argv.join(" ");
    assertEquals(code, 1, `${name}\n${err}`);
    assertMatch(err, /The server was lost \S+ m?s after the start of the load, at 20\d\d-\d\d-/);
    assertStringIncludes(out, "no-measurement");
    // Of one load in its verdict, of several in a warning.
    assertMatch(
      out.replace(/\s+/g, " "),
      /(No measurement as it was planned|Warning: [^:]+): the server was lost/i,
    );
    assertMatch(out, /Answer\n[^]*[Tt]he server was lost/);
    const [first, ...later] = run.ends;
    const lost = first!.serverLost!;
    assert(lost.failures >= 20, name);
    // Users pause, and the load ends soon after the 2 s of the streak.
    const refused = run.records.filter(({ outcome }) => outcome.kind === "connect_error");
    assertLess(refused.length, 1000, name);
    // Those that broke when it ended may come before its last answers.
    assertLess(refused.filter(({ endMs = 0 }) => endMs < lost.atMs).length, 20, name);
    const [load, ...skipped] = summarize(run).loads;
    assert(load!.counts.completed > 0, name);
    assert((load!.throughput.steady?.toMs ?? 0) <= lost.atMs, name);
    // The wait for the verdict does not dilute the rates.
    assertLess(load!.durationMs, lost.atMs + 1000, name);
    for (const end of later) assertEquals([end.skipped, end.interrupted], [true, false], name);
    for (const { verdict, checks } of skipped) {
      assertEquals(verdict?.kind, "no-measurement", name);
      assert(checks.some(({ name, ok }) => name === "server_lost" && !ok), name);
    }
    assertStringIncludes(json, '"serverLost"');
  }));
});

Deno.test("bench: a server that is gone before the first measured request is no measurement", async () => {
  const argv = ["--concurrency=2", "--requests=40", "--warmup=100000", "--transport=socket"];
  const { code, err, out, run } = await benchLost([...argv, "--no-witness"], 40);
  assertEquals(code, 1, err);
  assertMatch(out, /Verdict +no-measurement/);
  assertStringIncludes(out, "No measurement: the server was gone");
  assertEquals(run.ends.map(({ skipped }) => skipped), [true]);
});

Deno.test("bench: --stop-on-errors 0 counts refusals to the end", async () => {
  const argv = ["--concurrency=2", "--duration=3.5", "--warmup=0", "--transport=socket"];
  const { code, run } = await benchLost([...argv, "--no-witness", "--stop-on-errors=0"], 40);
  assertEquals([code, run.ends[0]!.serverLost], [1, undefined]);
  const last = Math.max(...run.records.map(({ endMs = 0 }) => endMs));
  assert(last > 3000, `${last}`);
});
