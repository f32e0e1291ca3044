import { assertEquals, assertRejects } from "@std/assert";
import { resolveResult, resolveResults } from "../workloads/results_resolve.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { writeResults } from "./support/write_results.ts";

/** A result folder that was measured on this day. */
async function results(folder: string, day: number): Promise<void> {
  await writeResults(folder, [], { header: { startedAt: `2026-01-0${day}T12:00:00.000Z` } });
}

/** Runs in a folder as a user who stands there. */
async function standingIn(folder: string, use: () => Promise<void>): Promise<void> {
  const before = Deno.cwd();
  Deno.chdir(folder);
  try {
    await use();
  } finally {
    Deno.chdir(before);
  }
}

const pathsOf = async (path: string) => (await resolveResults(path)).map((run) => run.path);

Deno.test("resolveResults finds files, folders, folders of folders and lists, in order of time", () =>
  inTempFolder(async (folder) => {
    await Deno.mkdir(`${folder}/all`);
    // Neither the names nor the order of writing say when a run was measured.
    await results(`${folder}/all/a`, 3);
    await results(`${folder}/all/b`, 1);
    await results(`${folder}/all/c,d`, 2);
    await Deno.mkdir(`${folder}/all/nothing`);
    await Deno.writeTextFile(`${folder}/all/note.txt`, "");
    const a = `${folder}/all/a`;
    assertEquals(await resolveResults(`${a}/records.jsonl`), [
      { records: `${a}/records.jsonl`, path: `${a}/records.jsonl` },
    ]);
    assertEquals(await resolveResults(`${a}//`), [{ records: `${a}/records.jsonl`, path: a }]);
    assertEquals(
      await pathsOf(`${folder}/all`),
      ["b", "c,d", "a"].map((n) => `${folder}/all/${n}`),
    );
    // A name with a comma in it goes before a list.
    assertEquals(await pathsOf(`${folder}/all/c,d`), [`${folder}/all/c,d`]);
    assertEquals(await pathsOf(`${a}, ${folder}/all/b`), [a, `${folder}/all/b`]);
    assertEquals(await resolveResult(a), [`${a}/records.jsonl`]);
    await assertRejects(() => resolveResult(`${folder}/all`), UserError, "it holds 3, e.g.");
  }));

Deno.test("latest and previous are the newest by their headers, unless something has that name", () =>
  inTempFolder((folder) =>
    standingIn(folder, async () => {
      await assertRejects(() => resolveResults("latest"), UserError, "holds no results");
      await Deno.mkdir("tokometer-results");
      await results("tokometer-results/z", 1);
      await assertRejects(() => resolveResults("previous"), UserError, "holds one result only");
      await results("tokometer-results/a", 2);
      await Deno.mkdir("tokometer-results/broken");
      await Deno.writeTextFile("tokometer-results/broken/records.jsonl", "no header\n");
      assertEquals(await pathsOf("latest"), ["tokometer-results/a"]);
      assertEquals(await pathsOf("latest,previous"), [
        "tokometer-results/a",
        "tokometer-results/z",
      ]);
      await results("latest", 1);
      assertEquals(await pathsOf("latest"), ["latest"]);
    })
  ));

Deno.test("resolveResults says what a path does not hold", () =>
  inTempFolder(async (folder) => {
    await Deno.mkdir(`${folder}/empty`);
    await Deno.mkdir(`${folder}/some/broken`, { recursive: true });
    await results(`${folder}/some/fine`, 1);
    await Deno.writeTextFile(`${folder}/some/broken/records.jsonl`, "no header\n");
    const rows: readonly [path: string, says: string][] = [
      [`${folder}/missing`, "there is no such file or folder"],
      [`${folder}/empty`, "it holds no records.jsonl, and no folders that do"],
      [`${folder}/empty,`, "nothing between two commas"],
      // A repeat that is silently left out would be missed by nobody.
      [`${folder}/some`, `Cannot read ${folder}/some/broken/records.jsonl as a record file`],
      [`${folder}/missing,${folder}/empty`, "there is no such file or folder"],
      ["constructor", "there is no such file or folder"],
      ["x".repeat(5000), "there is no such file or folder"],
    ];
    for (const [path, says] of rows) {
      await assertRejects(() => resolveResults(path), UserError, says);
    }
  }));
