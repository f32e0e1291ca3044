import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

/** Servers whose first tokens are far apart, whatever else this machine does. */
async function servers() {
  const fast = await startSimServer({ ttft: "20", itl: "1" });
  const slow = await startSimServer({ ttft: "250", itl: "1" });
  return {
    urls: [fast.url, slow.url] as const,
    async [Symbol.asyncDispose]() {
      await fast.stop();
      await slow.stop();
    },
  };
}

const SHORT = [
  ...["--concurrency=3", "--requests=3", "--output-tokens=2", "--repeat=3", "--warmup=0"],
  // A busy client is not what is tested here.
  ...["--no-witness", "--client-tolerance=100", "--gpu=off"],
];

/** On a busy machine the client may have been the limit: then there is no verdict, and it is told. */
function assertDecided({ code, err }: Ran, expected: number): void {
  const busy = code === 2 && /^No verdict: 3 users, client verdict: /m.test(err);
  assert(busy || code === expected, `${code}, not ${expected}: ${err}`);
}

Deno.test("bench --against ends with a comparison, whose gate decides the exit code", async () => {
  await using both = await servers();
  const [fast, slow] = both.urls;
  await inTempFolder(async (folder) => {
    const out = `${folder}/turns`;
    const limit = ["--gate", "e2e:mean<+5%"];
    const missed = await runCli([
      ...["bench", fast, "--against", slow, ...SHORT, ...limit, "--out", out],
    ]);
    assertDecided(missed, 5);
    assertStringIncludes(missed.out, "3 users, b, repeat 3");
    assertStringIncludes(missed.out, `by turns: a ${fast} · b ${slow}`);
    assertStringIncludes(missed.out, "b against a");
    // The answer is not buried below its loads; the line says where they are.
    assert(!missed.out.includes("\nRequests  "), missed.out);
    const at = `Details of 6 loads: ${out}/report.html, or tokometer report ${out} --details`;
    assertStringIncludes(missed.out.replaceAll(/\s+/g, " "), at);
    const report = await runCli(["report", out]);
    assertStringIncludes(report.out.replaceAll(/\s+/g, " "), at);
    const details = await runCli(["report", out, "--details"]);
    assertEquals(details.out.match(/^Requests {2}/gm)?.length, 6, details.out);
    assert(!details.out.includes("Details of"), details.out);
    const noTable = await runCli(["report", out, "--details", "--format=csv"]);
    assertEquals(noTable.code, 2, noTable.out);
    assertStringIncludes(noTable.err, "only the table leaves details out");
    // A record file by itself has no page beside it.
    await Deno.copyFile(`${out}/records.jsonl`, `${folder}/alone.jsonl`);
    const alone = await runCli(["report", `${folder}/alone.jsonl`]);
    assertStringIncludes(
      alone.out.replaceAll(/\s+/g, " "),
      `Details of 6 loads: tokometer report ${folder}/alone.jsonl --details`,
    );
    assertStringIncludes(missed.err, `Compare: ${out}/compare.html`);
    const names = [...Deno.readDirSync(out)].map(({ name }) => name);
    for (const name of ["compare.json", "compare.md", "compare.xml", "report.repeats.csv"]) {
      assert(names.includes(name), `${name} among ${names}`);
    }
    // The same again from the record file.
    const again = await runCli(["compare", out, ...limit, "--client-tolerance=100"]);
    assertEquals(again.code, missed.code, again.err);
    const config = await runCli(["bench", "--config", `${out}/records.jsonl`, "--dry-run"]);
    assertEquals(config.code, 0, config.err);
    assertStringIncludes(config.out, `b ${slow}`);
  });
});

Deno.test("standard output stays one document, and a gate that is kept is no failure", async () => {
  await using both = await servers();
  const [fast, slow] = both.urls;
  const kept = await runCli([
    ...["bench", slow, "--against", fast, ...SHORT, "--gate", "e2e:mean<+5%"],
    ...["--no-save", "--format", "json"],
  ]);
  assertDecided(kept, 0);
  const { header, repeats } = JSON.parse(kept.out);
  assertEquals(header.sides.map(({ url }: { url: string }) => url), [slow, fast]);
  assertEquals(repeats.map(({ side }: { side: number }) => side).toSorted(), [0, 1]);
});

Deno.test("what has no effect without sides is refused, and a gate that no run could pass", async () => {
  const refused = async (...argv: string[]) => {
    const { code, err } = await runCli(["bench", "http://127.0.0.1:9", ...argv]);
    assertEquals(code, 2, err);
    return err;
  };
  assertStringIncludes(await refused("--gate", "ttft<+5%"), "there is nothing to compare with");
  assertStringIncludes(await refused("--margin", "2%"), "add --against URL");
  const two = ["--against", "http://127.0.0.1:10", "--repeat", "2"];
  assertStringIncludes(await refused(...two, "--gate", "ttft<+5%"), "give --repeat 3 or more");
  assertStringIncludes(await refused(...two, "--gate", "nothing<+5%"), "--gate");
  assertStringIncludes(await refused(...two, "--margin", "300%"), "--margin");
  const find = ["--find", "rate", "--slo", "ttft:p99<500"];
  assertStringIncludes(
    await refused(...find, "--against", "http://127.0.0.1:10"),
    "Cannot use --find with --against: it looks at one server",
  );
  assertStringIncludes(await refused("--against-protocol", "smoke"), "--against-protocol");
  assertStringIncludes(await refused("--against-body", "7"), "--against-body");
});

Deno.test("a dry run shows the order of the loads, and how long they take at least", async () => {
  const { code, out, err } = await runCli([
    ...["bench", "http://127.0.0.1:9", "--against", "http://127.0.0.1:10", "--concurrency=2,4"],
    ...["--duration=30", "--repeat=2", "--dry-run"],
  ]);
  assertEquals(code, 0, err);
  assertStringIncludes(out, "side        b http://127.0.0.1:10");
  const order = out.split("\n").filter((line) => /^(order| {6}) /.test(line));
  assertEquals(order.length, 8, out);
  assert(/^order {7}1 {2}2 users, [ab], repeat 1$/.test(order[0]!), order[0]);
  assertStringIncludes(out, "time        4 min 0 s at least for 8 loads, warm-ups apart");
});
