/** A record file that is gone during a run is an error that names it; the results still come. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

/** Runs a command, and does something to its folder as soon as its record file is there. */
async function ranWhile(
  folder: string,
  argv: readonly string[],
  change: (out: string) => Promise<void>,
): Promise<Ran> {
  const out = `${folder}/out`;
  const running = runCli([...argv, `--out=${out}`]);
  const changed = (async () => {
    while (!await Deno.stat(`${out}/records.jsonl`).then(() => true, () => false)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await change(out);
  })();
  const ran = await running;
  await changed;
  return ran;
}

const CHANGES: readonly [name: string, change: (out: string) => Promise<void>, says: RegExp][] = [
  ["file removed", (out) => Deno.remove(`${out}/records.jsonl`), /it was removed during the run/],
  ["folder removed", (out) => Deno.remove(out, { recursive: true }), /it was removed during the/],
  [
    "file replaced",
    async (out) => {
      await Deno.writeTextFile(`${out}/new`, "");
      await Deno.rename(`${out}/new`, `${out}/records.jsonl`);
    },
    /another file took its place during the run/,
  ],
];

for (const [name, change, says] of CHANGES) {
  Deno.test(`${name} during a run: named, the results are there, and the exit code is 2`, () =>
    inTempFolder(async (folder) => {
      const server = await startSimServer({ ttft: "300", itl: "1", anyModel: true });
      const commands = {
        bench: [server.url, "--requests=2", "--concurrency=2", "--no-witness", "--warmup=0"],
        "num-clients": [
          ...[`--base-url=${server.url}`, "--num-requests=1", "--num-clients=2"],
          ...["--ramp-up-time=0", "--sharegpt-output-len=4", "--warmup=0"],
        ],
      };
      try {
        for (const [command, options] of Object.entries(commands)) {
          // The scripts share what comes after the first change.
          if (command !== "bench" && change !== CHANGES[0]![1]) continue;
          const ran = await ranWhile(`${folder}/${command}`, [
            command,
            ...options,
            "--workers=0",
          ], change);
          assertEquals(ran.code, 2, ran.err);
          assertMatch(ran.err, says);
          assertStringIncludes(
            ran.err,
            `error: Cannot write the record file ${folder}/${command}/`,
          );
          assertStringIncludes(ran.err, "the results on the terminal are complete");
          assertStringIncludes(
            ran.out,
            command === "bench" ? "2 of 2 completed" : "CSV format output:2",
          );
        }
      } finally {
        await server.stop();
      }
    }));
}

Deno.test("a record file that was cut short is a failure, and nothing more is kept", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const writer = startRecordFile(await openRecordFile(path), createRun([]).header);
    writer.add(createRecord());
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert((await Deno.stat(path)).size > 0);
    await Deno.truncate(path, 0);
    await writer.close();
    assertEquals(writer.failure?.message, "it was cut short during the run");
  }));
