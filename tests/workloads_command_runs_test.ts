import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createRecord } from "./support/create_record.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { writeResults } from "./support/write_results.ts";

const RECORDS = [createRecord(), createRecord({ index: 1 })];

Deno.test("runs lists result folders, the newest first, in one line each", () =>
  inTempFolder(async (folder) => {
    await writeResults(`${folder}/a`, RECORDS, {
      ...{ reports: true, header: { startedAt: "2026-01-02T03:04:05.000Z", name: "old" } },
      ends: [{ interrupted: true }],
    });
    await writeResults(`${folder}/b`, RECORDS, {
      header: {
        ...{ startedAt: "2026-02-02T03:04:05.000Z", model: "m\u001b[2J" },
        tags: { commit: "abc", gpu: "h100" },
      },
      loads: [{ label: "1 user" }, { label: "2 users" }],
    });
    await Deno.mkdir(`${folder}/none`);
    await Deno.mkdir(`${folder}/broken`);
    await Deno.writeTextFile(`${folder}/broken/records.jsonl`, '{"header":{}}\n');
    const { code, out, err } = await runCli(["runs", `${folder}/`], { columns: () => 200 });
    assertEquals(code, 0, err);
    const [heading, newest, older, , count] = out.split("\n");
    assertMatch(
      heading!,
      /^Folder +name +began \(UTC\) +model +loads +requests +verdict +server +tags$/,
    );
    assertMatch(
      newest!,
      /^b +2026-02-02 03:04 +m�\[2J +2 loads +no report +\S+ +commit=abc gpu=h100$/,
    );
    assertMatch(older!, /^a +old +2026-01-02 03:04 +tiny +1 user +2 +interrupted/);
    assertEquals(count, `2 runs in ${folder}/`);
    assertMatch(err, /^warning: \S+\/broken is left out: Cannot read .+ as a record file/);
    // A narrow terminal drops columns, not letters of those that stay.
    const narrow = await runCli(["runs", folder], { columns: () => 40 });
    assertMatch(narrow.out, /^Folder +name.* +verdict\n/);
    for (const line of narrow.out.split("\n").slice(0, 3)) {
      assertEquals(line.length <= 40, true, line);
    }
  }));

Deno.test("runs prints JSON, and one folder alone", () =>
  inTempFolder(async (folder) => {
    await writeResults(`${folder}/a`, RECORDS, { reports: true, header: { name: "x" } });
    const all = JSON.parse((await runCli(["runs", folder, "--format=json"])).out);
    assertEquals(all, {
      schema: "tokometer.runs/1",
      runs: [{
        folder: `${folder}/a`,
        name: "x",
        tags: null,
        startedAt: "2026-01-02T03:04:05.678Z",
        url: "http://127.0.0.1:8000",
        sides: null,
        model: "tiny",
        loads: ["1 user"],
        repeats: null,
        requests: { completed: 2, offered: 2 },
        verdict: all.runs[0].verdict,
        interrupted: false,
      }],
      unreadable: [],
    });
    assertEquals(JSON.parse((await runCli(["runs", `${folder}/a`, "--format=json"])).out), all);
    // A report that is none of ours says nothing.
    await Deno.writeTextFile(`${folder}/a/report.json`, '{"loads":[{"counts":7}]}');
    const other = JSON.parse((await runCli(["runs", folder, "--format=json"])).out);
    assertEquals(other.runs[0].requests, null);
  }));

Deno.test("runs says where there is nothing", () =>
  inTempFolder(async (folder) => {
    const missing = await runCli(["runs", `${folder}/x`]);
    assertEquals([missing.code, missing.out], [2, ""]);
    assertStringIncludes(missing.err, "there is no such file or folder");
    assertEquals((await runCli(["runs", folder])).out, `No results in ${folder}\n`);
  }));

Deno.test("runs takes repeats and sides of a load for one, and asks the report for those of a search", () =>
  inTempFolder(async (folder) => {
    const url = "http://a:1";
    await writeResults(`${folder}/turns`, [], {
      loads: ["a", "b"].flatMap((name, side) =>
        [1, 2].map((repeat) => ({ label: `1 user, ${name}, repeat ${repeat}`, side, repeat }))
      ),
      header: { repeats: 2, sides: [{ name: "a", url }, { name: "b", url: "http://b:2" }] },
    });
    await writeResults(`${folder}/search`, [], { header: { loads: [] } });
    await Deno.writeTextFile(
      `${folder}/search/report.json`,
      JSON.stringify({ loads: [1, 2].map((n) => ({ label: `${n} users`, counts: {} })) }),
    );
    const { out } = await runCli(["runs", folder], { columns: () => 200 });
    assertMatch(out, /^turns .* 1 user, by turns 2 times .* http:\/\/a:1 and http:\/\/b:2$/m);
    assertMatch(out, /^search .* 2 loads /m);
  }));
