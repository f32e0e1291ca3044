import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

Deno.test("bench and report: --require decides the exit code, --slo only reports", async () => {
  await using server = await disposable();
  await inTempFolder(async (folder) => {
    const bench = async (name: string, ...argv: string[]) =>
      await runCli([
        ...["bench", server.url, "--requests=20", "--warmup=0", "--concurrency=2,4"],
        ...["--output-tokens=4", "--no-witness", `--out=${folder}/${name}`, "--details"],
        ...argv,
      ]);
    const kept = await bench("kept", "--require", "e2e:p90<60s,success>=100%,failures<1%");
    assertEquals([kept.code, kept.err.includes("Required")], [0, false], kept.err);
    assertStringIncludes(kept.out, "Required     e2e:p90 < 60 s kept");

    const missed = await bench("missed", "--require", "throughput>1e9tok/s,attainment>0.95");
    assertEquals(missed.code, 5, missed.err);
    assertStringIncludes(missed.err, "--require attainment > 95 % will not be kept: add --slo");
    for (const users of ["2 users", "4 users"]) {
      assertStringIncludes(
        missed.err,
        `Required: ${users}: throughput > 1000000000 tokens/s missed`,
      );
      assertStringIncludes(
        missed.err,
        `${users}: attainment > 95 % not kept: not measured, no --slo`,
      );
    }
    const reported = await bench("reported", "--slo", "e2e:p50<0.001,ttft:0.001");
    assertEquals(reported.code, 0, reported.err);
    assertStringIncludes(reported.out, "Limit        e2e:p50 < 0.001 ms missed");

    const report = (...argv: string[]) => runCli(["report", `${folder}/kept`, ...argv]);
    assertEquals((await report()).code, 0);
    assertEquals((await report("--require", "e2e:p50<0.001")).code, 5);
    assertEquals((await report("--require", "e2e:p99<60s")).code, 5);
    const wrong = await report("--require", "ttft:p99");
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.err, "put it in quotes");
  });
});

Deno.test("bench: a limit on failures takes the place of --max-failures", async () => {
  await using server = await disposable(["http-500:0.2"]);
  const bench = (...argv: string[]) =>
    runCli([
      ...["bench", server.url, "--requests=40", "--warmup=0", "--concurrency=4", "--no-save"],
      ...["--output-tokens=4", "--no-witness", ...argv],
    ]);
  assertEquals((await bench()).code, 1);
  const allowed = await bench("--require", "failures<99%");
  assertEquals(allowed.code, 0, allowed.err);
  assertEquals((await bench("--require", "failures<99%", "--max-failures=1")).code, 1);
  const strict = await bench("--require", "failures<1%");
  assertEquals(strict.code, 5);
  assert(/Required: failures < 1 % missed: \d/.test(strict.err), strict.err);
});

async function disposable(faults: readonly string[] = []) {
  const server = await startSimServer({ ttft: "5", itl: "5", faults });
  return { url: server.url, [Symbol.asyncDispose]: () => server.stop() };
}
