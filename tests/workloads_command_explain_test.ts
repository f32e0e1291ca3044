/** `report --as` and `explain` from the command line. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DIALECTS } from "../metrics/dialects.ts";
import { RECORD_SCHEMA } from "../metrics/run.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

/** A folder with a run of two loads, one of them with a failure whose message is not harmless. */
async function writeRun(folder: string): Promise<void> {
  const records = [0, 1].flatMap((load) => [
    ...Array.from({ length: 4 }, (_, index) =>
      createRecord({
        ...{ load, index, sentMs: 50 * index, firstEventMs: 50 * index + 20 },
        ticks: [[50 * index + 100, 2], [50 * index + 112, 4]],
      })),
    createFailure("http_error", { load, index: 4, message: "busy\u001b[2J" }),
  ]);
  const run = createRun(records, { loads: [{ label: "1 user" }, { label: "../1 user" }] });
  const end = { ...run.ends[0]!, startedAtMs: 1_767_323_045_678.25 };
  const writer = startRecordFile(await openRecordFile(`${folder}/records.jsonl`), run.header);
  for (const record of records) writer.add(record);
  for (const load of [0, 1]) writer.end({ ...end, load });
  await writer.close();
}

function withRun(work: (folder: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (folder) => {
    await writeRun(folder);
    await work(folder);
  });
}

Deno.test("report --as prints each tool's figures, and its file as JSON or CSV", () =>
  withRun(async (folder) => {
    for (const { name } of DIALECTS) {
      const { code, out, err } = await runCli(["report", folder, "--as", name]);
      assertEquals([code, err], [0, ""], name);
      assertStringIncludes(out, "Not in the records:");
      const file = await runCli(["report", folder, "--as", name, "--format", "json"]);
      assertEquals(file.code, 0, name);
      assertEquals(file.out.includes("\u001b"), false, name);
      if (name === "sglang" || name === "vllm" || name === "guidellm") {
        for (const line of file.out.trimEnd().split("\n")) JSON.parse(line);
      }
    }
  }));

Deno.test("report --as writes that tool's files, those of several loads apart", () =>
  withRun(async (folder) => {
    for (const { name } of DIALECTS) {
      const out = `${folder}/as-${name}`;
      const { code, err } = await runCli(["report", folder, "--as", name, "--out", out]);
      assertEquals(code, 0, err);
      const loads = [...Deno.readDirSync(out)].map(({ name }) => name).toSorted();
      assertEquals(loads.length, 2, name);
      for (const load of loads) {
        assertMatch(load, /^[\w.+-]+$/);
        const files = [...Deno.readDirSync(`${out}/${load}`)];
        assert(files.length > 0, name);
        for (const file of files.filter((file) => file.name.endsWith(".json"))) {
          JSON.parse(await Deno.readTextFile(`${out}/${load}/${file.name}`));
        }
      }
    }
    const [file] = [...Deno.readDirSync(`${folder}/as-vllm/1_user`)];
    assertEquals(file?.name, "openai-infqps-concurrency1-tiny-20260102-030405.json");
  }));

Deno.test("explain gives each cause a size, and these add up to the difference", () =>
  withRun(async (folder) => {
    for (const { name } of DIALECTS) {
      let explained = 0;
      const table = await runCli(["explain", folder, "--as", name]);
      assertEquals([table.code, table.err], [0, ""], name);
      assertStringIncludes(table.out, "differs by");
      const { code, out } = await runCli(["explain", folder, "--as", name, "--format", "json"]);
      assertEquals(code, 0, name);
      for (const { figures } of JSON.parse(out).loads) {
        for (const { name: figure, ours, theirs, causes } of figures) {
          if (ours === null || theirs === null) continue;
          if (causes.some(({ size }: { size: number | null }) => size === null)) continue;
          const sum = causes.reduce((sum: number, { size }: { size: number }) => sum + size, 0);
          assert(Math.abs(theirs - ours - sum) < 1e-9, `${name} ${figure}`);
          if (Math.abs(sum) > 0) explained++;
        }
      }
      assert(explained > 0, name);
    }
    const { out } = await runCli(["explain", folder, "--as", "vllm"]);
    assertStringIncludes(out, "−80 ms first counted event");
  }));

Deno.test("what would have no effect or does not exist is refused", () =>
  withRun(async (folder) => {
    const rows: readonly (readonly [string[], RegExp])[] = [
      [["report", folder, "--as", "wrk"], /--as/],
      [["report", folder, "--as", "vllm", "--format", "html"], /table and json/],
      [["report", folder, "--as", "vllm", "--require", "ttft:p99<1"], /--require with --as/],
      [["explain", folder], /without --as: name a tool/],
      [["explain", `${folder}/none`, "--as", "vllm"], /none/],
    ];
    for (const [argv, says] of rows) {
      const { code, err } = await runCli(argv);
      assertEquals(code, 2, argv.join(" "));
      assertMatch(err, says);
    }
  }));

Deno.test("record files of every older version are read", () =>
  withRun(async (folder) => {
    const path = `${folder}/records.jsonl`;
    const text = await Deno.readTextFile(path);
    for (let version = 1; version < 5; version++) {
      const old = text.replace(RECORD_SCHEMA, `tokometer.record/${version}`)
        .replaceAll(',"startedAtMs":1767323045678.25', "");
      await Deno.writeTextFile(path, old);
      const { code, out } = await runCli(["explain", folder, "--as", "aiperf"]);
      assertEquals(code, 0);
      assertStringIncludes(out, "Time to First Token avg (ms)");
    }
  }));
