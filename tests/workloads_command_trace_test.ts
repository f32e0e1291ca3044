import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TRACE_OPTIONS } from "../workloads/dataset_trace.ts";
import { SESSION_EXAMPLES } from "../workloads/trace_examples.ts";
import { checkSchema } from "../workloads/trace_schema_check.ts";
import { readTrace, TRACE_FORMATS } from "../workloads/traces.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { turnLines } from "./support/trace_files.ts";

const ROWS = [0, 500, 500].map((timestamp) =>
  `${JSON.stringify({ timestamp, input_length: 1000, output_length: 7, hash_ids: [1, 2] })}\n`
).join("");

/** In a folder with a small recording. */
function withRecording(use: (path: string, folder: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/trace.jsonl`, ROWS);
    await use(`${folder}/trace.jsonl`, folder);
  });
}

Deno.test("trace describes a recording as table, JSON and page", () =>
  withRecording(async (path, folder) => {
    const table = await runCli(["trace", path, "--speedup", "2"]);
    assertEquals([table.code, table.err], [0, ""]);
    assertStringIncludes(table.out, "3 requests over 500 ms");
    assertStringIncludes(table.out, "as a schedule at --speedup 2: 250 ms");
    const json = await runCli(["trace", path, "--format", "json"]);
    const found = JSON.parse(json.out);
    assertEquals(
      [found.schema, found.requests, found.mostAtOnce],
      ["tokometer-trace-1", 3, 2],
    );
    const page = await runCli(["trace", path, "--format", "html", "--out", `${folder}/x.html`]);
    assertEquals([page.code, page.out, page.err], [0, "", `Wrote ${folder}/x.html\n`]);
    assertStringIncludes(await Deno.readTextFile(`${folder}/x.html`), "<h2>Key numbers</h2>");
    const again = await runCli(["trace", path, "--format", "html", "--out", `${folder}/x.html`]);
    assertEquals(again.code, 2);
    assertStringIncludes(again.err, "it exists, choose another --out");
  }));

Deno.test("trace leaves out what is longer than --max-context", () =>
  withRecording(async (path) => {
    const { code, err } = await runCli(["trace", path, "--max-context", "1006"]);
    assertEquals(code, 2);
    assertStringIncludes(err, "--max-context leaves nothing of it");
    const { out } = await runCli(["trace", path, "--max-context", "1007"]);
    assertStringIncludes(out, "3 requests");
  }));

Deno.test("trace refuses what it cannot read, and says what would work", () =>
  withRecording(async (path, folder) => {
    const fails = async (argv: readonly string[], words: string) => {
      const { code, err } = await runCli(["trace", ...argv]);
      assertEquals(code, 2, err);
      assertStringIncludes(err.replace(/\s+/g, " "), words);
    };
    await fails([], "give a recording, or --example chat");
    await fails([`${folder}/none`], "there is no such file or folder");
    await fails([folder], 'trace.jsonl", line 1: id is missing');
    await fails([path, "--trace-format", "weka"], "line 1: id is missing");
    await fails([path, "--trace-format", "moncake"], "mooncake");
    await fails([path, "--idle-cap", "soon"], "Cannot use --idle-cap soon");
    await fails([path, "--example", "chat"], "--example");
    await fails(["--schema", "--example", "chat"], "--schema");
    await fails(["--example", "chat", "--speedup", "2"], "--speedup");
    await fails([path, "--out", `${folder}/none/x.html`], "Cannot write");
    await Deno.writeTextFile(path, ROWS + "{\n");
    await fails([path], "line 4: it is not JSON");
  }));

Deno.test("trace --example prints sessions that can be read and are as described", () =>
  inTempFolder(async (folder) => {
    const turns: Record<string, readonly (readonly string[])[]> = {};
    for (const name of Object.keys(SESSION_EXAMPLES)) {
      const path = `${folder}/${name}.jsonl`;
      const { code, out } = await runCli(["trace", "--example", name]);
      assertEquals(code, 0);
      await Deno.writeTextFile(path, out);
      const trace = await readTrace(path);
      assertEquals([trace.format, trace.history], ["sessions", "live"]);
      turns[name] = trace.sessions.map(turnLines);
    }
    assertEquals(turns, {
      chat: [
        [
          "main0 1 at 0 after - +0",
          "main0 2 at 1500 after 0 +1500",
          "main0 3 at 4000 after 1 +2500",
        ],
        ["main0 1 at 0 after - +0", "main0 2 at 2000 after 0 +2000"],
      ],
      tools: [[
        "main0 1 at 0 after - +0",
        "main0 2 at 300 after 0 +300",
        "main0 3 at 2300 after 1 +2000",
        "main0 4 at 2600 after 2 +300",
      ]],
      planner: [[
        "main0 1 at 0 after - +0",
        "reader1 1 at 0 after 0 +0",
        "reader1 2 at 500 after 1 +500",
        "tester2 1 at 0 after 0 +0",
        "main0 2 at 600 after 0,2,3 +100",
      ]],
    });
  }));

Deno.test("trace --schema prints the schema that files are checked by", async () => {
  const { code, out } = await runCli(["trace", "--schema"]);
  assertEquals(code, 0);
  const schema = JSON.parse(out);
  assertEquals(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
  for (const sessions of Object.values(SESSION_EXAMPLES)) {
    for (const session of sessions) assertEquals(checkSchema(schema, session), undefined);
  }
  assert(checkSchema(schema, { turns: [{ messages: "x", wait: 1 }] })?.includes("wait"));
});

Deno.test("--trace-format knows every format", () => {
  assertEquals(TRACE_OPTIONS.traceFormat.choices, TRACE_FORMATS.map(({ name }) => name));
});

Deno.test("docs/traces.md shows the examples as they are printed", async () => {
  const page = await Deno.readTextFile(new URL("../docs/traces.md", import.meta.url));
  const shown = [...page.matchAll(/^```json\n([^]*?)^```$/gm)].map(([, json]) => JSON.parse(json!));
  const printed = Object.values(SESSION_EXAMPLES).flat();
  assertEquals(shown.slice(0, printed.length), printed);
});
