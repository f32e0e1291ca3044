import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd } from "../metrics/run.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { createRecord } from "./support/create_record.ts";
import { createHeader, createRun } from "./support/create_run.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

/** What `tokometer report` makes of a file with these records and ends. */
function reportOf(
  records: readonly RequestRecord[],
  ends: readonly Partial<LoadEnd>[],
): Promise<Ran> {
  return inTempFolder(async (folder) => {
    const path = `${folder}/records.jsonl`;
    const { header, ends: [end] } = createRun([], { header: createHeader() });
    const loads = [{ label: "2 users", kind: "closed", users: 2, rampUpMs: 0 }] as const;
    const writer = startRecordFile(await openRecordFile(path), { ...header, loads });
    for (const record of records) writer.add(record);
    for (const fields of ends) writer.end({ ...end!, ...fields });
    await writer.close();
    return await runCli(["report", path]);
  });
}

const WARM_UP = [0, 1].map((index) => createRecord({ index, phase: "warmup" }));

Deno.test("report says in one sentence that nothing was measured", async () => {
  const rows: readonly [RequestRecord[], Partial<LoadEnd>[], RegExp][] = [
    // Killed in its warm-up.
    [WARM_UP, [], /the client ended before the first measured request, after 2 warm-up requests;/],
    [[], [], /the client ended before the first measured request; run it again/],
    // Ctrl-C in its warm-up.
    [WARM_UP, [{ interrupted: true, skipped: true }], /the run was stopped before the first/],
  ];
  for (const [records, ends, says] of rows) {
    const { code, out, err } = await reportOf(records, ends);
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, "nothing was measured");
    assertMatch(err, says);
  }
});

Deno.test("report makes do with what a killed client left, and with a load that was empty", async () => {
  const left = await reportOf([...WARM_UP, createRecord()], []);
  assertEquals(left.code, 130, left.err);
  assertStringIncludes(left.out, "has no end: the client was killed");
  const empty = await reportOf(WARM_UP, [{}]);
  assertEquals(empty.code, 0, empty.err);
});

Deno.test("report names lines that cannot be used, counts them and reports the rest", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/records.jsonl`;
    const { header, ends: [end] } = createRun([]);
    const writer = startRecordFile(await openRecordFile(path), header);
    for (let index = 0; index < 10; index++) writer.add(createRecord({ index }));
    writer.end(end!);
    await writer.close();
    const lines = (await Deno.readTextFile(path)).split("\n");
    for (let line = 1; line <= 7; line++) {
      lines[line] = lines[line]!.replace('"reads":5', `"reads":"${line}\\u001b[2J"`);
    }
    await Deno.writeTextFile(path, lines.join("\n"));
    for (const format of ["table", "csv", "json", "html"]) {
      const { code, out, err } = await runCli(["report", path, `--format=${format}`]);
      assertEquals(code, 0, err);
      assertEquals(err.trimEnd().split("\n"), [
        ...[2, 3, 4, 5, 6].map((line) =>
          `warning: ${path}, line ${line} is left out: record.reads is "${line - 1}\\u001b[2J", ` +
          "not a whole number from 0 to 16777216"
        ),
        "warning: 2 more lines left out",
      ]);
      if (format !== "csv") {
        assertStringIncludes(out.replace(/\s+/g, " "), "7 lines of the record file");
      }
      if (format === "table") assertStringIncludes(out, "3 of 3 completed");
    }
  }));

Deno.test("report --plots writes each chart into a new folder, and never over another", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/records.jsonl`;
    const { header, ends: [end] } = createRun([]);
    const writer = startRecordFile(await openRecordFile(path), header);
    for (let index = 0; index < 10; index++) writer.add(createRecord({ index }));
    writer.end(end!);
    await writer.close();
    const plots = `${folder}/plots`;
    const { code, err } = await runCli(["report", path, "--plots", plots]);
    assertEquals(code, 0, err);
    assertMatch(err, /Plots: {3}\S+plots \(\d+ SVG files\)/);
    assertMatch(await Deno.readTextFile(`${plots}/1-user-ttft-distribution.svg`), /^<svg /);
    const again = await runCli(["report", path, "--plots", plots]);
    assertEquals(again.code, 2);
    assertStringIncludes(again.err, `Cannot use --plots ${plots}: it exists already`);
    const other = await runCli(["report", path, "--plots", `${folder}/as`, "--as", "vllm"]);
    assertEquals(other.code, 2);
    assertStringIncludes(other.err, "--plots");
  }));
