import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

/** Short probes of few tokens, without what only long loads have. */
const SMALL = ["--output-tokens=2", "--no-witness", "--gpu=off", "--transport=socket"];
/** However busy this machine is. */
const LENIENT = "--client-tolerance=100";

async function disposable(options: Parameters<typeof startSimServer>[0]) {
  const server = await startSimServer(options);
  return { ...server, [Symbol.asyncDispose]: () => server.stop() };
}

Deno.test("bench --find: an answer, its probes in all reports, and again from the record file", async () => {
  // Four at once take 20 ms; a fifth waits for one of them.
  await using server = await disposable({ maxBatch: 4, stepMs: 10, prefillMs: 0 });
  await inTempFolder(async (folder) => {
    const run = await runCli([
      ...["bench", server.url, "--find=concurrency", "--slo=ttft:p50<1000", "--concurrency=1,4"],
      ...["--requests=120", "--tolerance=50%", `--out=${folder}/run`, ...SMALL, LENIENT],
    ]);
    assertEquals(run.code, 0, run.err);
    assertStringIncludes(run.err, "Looking for the highest load within ttft:p50 < 1 s");
    assertMatch(run.err, /probe \d+: 1 user.* is kept: ttft:p50 /);
    assertStringIncludes(run.out, "Answer\n  The server holds at least 4 users, the highest load");
    const report = await runCli(["report", `${folder}/run`, "--format=json"]);
    assertEquals(report.code, 0, report.err);
    const { header, loads, capacity } = JSON.parse(report.out);
    assertEquals(header.loads.length, loads.length);
    assertEquals([capacity.outcome, capacity.kept, capacity.broke], ["at-least", 4, null]);
    assertEquals(capacity.probes.length, loads.length);
    assertEquals(header.find.slo, "ttft:p50<1000");
    const csv = await Deno.readTextFile(`${folder}/run/report.csv`);
    assertStringIncludes(csv, "probe_verdict");
    const html = await Deno.readTextFile(`${folder}/run/report.html`);
    assertStringIncludes(html, "<h2>Capacity</h2>");
    assertMatch(html, /class="dot probe keeps"/);
    // A client that was killed: the plan of its load is there, and no end.
    const lines = (await Deno.readTextFile(`${folder}/run/records.jsonl`)).split("\n");
    const plans = lines.filter((line) => line.startsWith('{"plan":'));
    assertEquals(plans.length, loads.length);
    const cut = lines.slice(0, lines.findLastIndex((line) => line.startsWith('{"end":')));
    await Deno.writeTextFile(`${folder}/cut.jsonl`, cut.join("\n"));
    const killed = await runCli(["report", `${folder}/cut.jsonl`]);
    assertStringIncludes(killed.out, "Stopped before there was an answer");
    // Rubbish where the search stands is an error with its place.
    const rubbish = lines.join("\n").replaceAll('"slo":"ttft:p50<1000"', '"slo":"ttft:p50"');
    await Deno.writeTextFile(`${folder}/rubbish.jsonl`, rubbish);
    const refused = await runCli(["report", `${folder}/rubbish.jsonl`]);
    assertEquals(refused.code, 2, refused.err);
    assertStringIncludes(refused.err, "header.find is no search");
    // Without the line of its plan, records of a load are of none.
    const without = lines.filter((line) => line !== plans.at(-1));
    await Deno.writeTextFile(`${folder}/without.jsonl`, without.join("\n"));
    const broken = await runCli(["report", `${folder}/without.jsonl`]);
    assertStringIncludes(broken.err, "the header has no such load");
  });
});

Deno.test("bench --find: a level that even the lowest load breaks is exit code 5", async () => {
  await using server = await disposable({ ttft: "20", itl: "4" });
  const run = await runCli([
    ...["bench", server.url, "--find=concurrency", "--slo=ttft:p50<2", "--concurrency=1,8"],
    ...["--requests=120", "--no-save", ...SMALL, LENIENT],
  ]);
  assertEquals(run.code, 5, run.err);
  assertStringIncludes(run.out, "The server does not hold even 1 user");
});

Deno.test("bench --sweep auto: a curve with its knee", async () => {
  await using server = await disposable({ maxBatch: 2, stepMs: 10, prefillMs: 0 });
  const run = await runCli([
    ...["bench", server.url, "--sweep=auto", "--concurrency=1,8", "--requests=40", "--no-save"],
    ...["--tolerance=20%", ...SMALL],
  ]);
  assertEquals(run.code, 0, run.err);
  assertMatch(run.out, /Answer\n {2}(Knee at|No knee)/);
});

Deno.test("bench --find --dry-run says what it would do, and sends nothing", async () => {
  const run = await runCli([
    ...["bench", "http://127.0.0.1:9", "--find=rate", "--slo=ttft:p99<500", "--rate=2,64"],
    "--dry-run",
  ]);
  assertEquals(run.code, 0, run.err);
  assertMatch(
    run.out,
    /search +Looking for the highest load within ttft:p99 < 500 ms: from 2 req\/s/,
  );
  assertMatch(run.out, /takes \d+ probes and about \d+ minutes/);
});

Deno.test("bench --find refuses what it cannot search by", async () => {
  const asked = async (...argv: string[]) => {
    const run = await runCli(["bench", "http://127.0.0.1:9", "--dry-run", ...argv]);
    assertEquals(run.code, 2, argv.join(" "));
    return run.err;
  };
  const rate = ["--find=rate", "--slo=ttft:p99<500"];
  assertStringIncludes(await asked("--find=rate"), "without --slo");
  assertStringIncludes(await asked("--find=rate", "--slo=ttft:max<5"), "has no interval");
  assertStringIncludes(await asked(...rate, "--rate=5,2"), "the lowest load comes first");
  assertStringIncludes(await asked(...rate, "--rate=1,2,3"), "or the lowest and the highest");
  assertStringIncludes(await asked(...rate, "--rate=inf"), "finite rates");
  assertStringIncludes(await asked(...rate, "--concurrency=4"), "its loads are those of --rate");
  assertStringIncludes(await asked(...rate, "--requests=20"), "needs 100, better 1000");
  assertStringIncludes(await asked(...rate, "--tolerance=x"), "from 0.1% to 50%");
  assertStringIncludes(await asked(...rate, "--repeat=2"), "--repeat");
  assertStringIncludes(await asked(...rate, "--require=ttft:p99<5"), "--require");
  assertStringIncludes(await asked("--tolerance=5%"), "without --find");
  assert((await asked(...rate, "--sweep=auto")).includes("two questions"));
});
