/** The pages say what the program does: tables, options, commands, and links are checked against it. */
import { listOptions } from "../workloads/option_table.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { METRICS } from "../metrics/metrics.ts";
import { EXIT_CODES } from "../workloads/option_help.ts";
import { readCommandLine } from "../workloads/option_parse.ts";
import { PROTOCOLS } from "../backends/protocols.ts";
import { COMMANDS } from "../workloads/commands.ts";
import { runCli } from "./support/run_cli.ts";
import { pageCommands } from "./support/page_commands.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { PAGES, readPage, renderPage, TABLES } from "./tools/docs.ts";

const ROOT = new URL("..", import.meta.url);

const TEXTS = new Map(
  await Promise.all(PAGES.map(async (path) => [path, await readPage(path)] as const)),
);
const README = TEXTS.get("README.md")!;
/** Pages that describe this version; the others tell of earlier ones or of measurements. */
const MANUAL = PAGES.filter((path) => /^(README|docs\/)/.test(path));

for (const path of PAGES) {
  Deno.test(`${path} has the tables that deno task docs writes`, async () => {
    const text = TEXTS.get(path)!;
    assertEquals(text, await renderPage(text), "run deno task docs");
  });
}

Deno.test("pages list every protocol, metric, command and exit code", () => {
  const all = MANUAL.map((path) => TEXTS.get(path)!).join("\n");
  const rows = all.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
  const has = (...cells: string[]) =>
    assert(rows.some((row) => cells.every((cell) => row.includes(cell))), cells.join(" | "));
  for (const { name, title } of PROTOCOLS) has(`\`${name}\``, title);
  for (const { title, name, unit, formula } of METRICS) has(title, `\`${name}\``, unit, formula);
  for (const { name, summary } of COMMANDS) has(`\`${name}\``, summary);
  for (const { code, meaning } of EXIT_CODES) has(String(code), meaning);
});

Deno.test("command lines of the pages are understood by the program", async () => {
  let lines = 0;
  for (const path of MANUAL) {
    for (const { words: [name, ...argv], line } of pageCommands(TEXTS.get(path)!)) {
      if (name === "help" || name === "--help") continue;
      const command = COMMANDS.find((one) => one.name === name || one.aliases.includes(name!));
      assert(command !== undefined, `${path}: ${line}`);
      readCommandLine(await command.load(), argv);
      lines++;
    }
  }
  assert(lines >= 30, `${lines}`);
});

Deno.test("tasks that the pages name exist", () => {
  for (const [path, text] of TEXTS) {
    for (const [, , task] of text.matchAll(/\bdeno(@[\d.]+)? task (?:-q )?([a-z][\w:-]*)/g)) {
      assert(task! in config.tasks, `${path}: deno task ${task}`);
    }
  }
});

/** Options of other programs: Deno, V8, engines that Tokometer starts, and benchmarks that it is compared with. */
const FOREIGN =
  /^--(allow-\w+|use_tgi_api|max-num-seqs|no-lock|(no-)?swap-space|max-semi-space-size|save-(result|detailed)|use-server-token-count)$/;

Deno.test("options that the pages name exist", async () => {
  const known = new Set(["--help", "--version"]);
  for (const { load } of COMMANDS) {
    const { options } = await load();
    for (const { name, aliases = [] } of listOptions(options)) {
      for (const one of [name, ...aliases]) known.add(`--${one}`).add(`--no-${one}`);
    }
  }
  for (const name of ["config", "quiet", "color", "no-color"]) known.add(`--${name}`);
  for (const path of MANUAL) {
    const prose = TEXTS.get(path)!.replaceAll(/^```[^]*?^```$/gm, "");
    for (const [, code] of prose.matchAll(/`([^`\n]+)`/g)) {
      if (code!.startsWith("deno ")) continue;
      for (const [option] of code!.matchAll(/(?<![\w-])--[a-z][\w-]*/g)) {
        assert(
          known.has(option.replaceAll("_", "-")) || FOREIGN.test(option),
          `${path}: ${option} in \`${code}\``,
        );
      }
    }
  }
});

/** As GitHub makes it from a heading: lower case, no punctuation, hyphens for spaces. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");
}

Deno.test("links between the pages lead somewhere", async () => {
  for (const [path, text] of TEXTS) {
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file, anchor] = target!.split("#");
      const url = file === "" ? new URL(path, ROOT) : new URL(file!, new URL(path, ROOT));
      const found = await Deno.readTextFile(url).catch(() => undefined);
      assert(found !== undefined, `${path}: ${target}`);
      if (anchor === undefined) continue;
      const anchors = [...found.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
      assert(anchors.includes(anchor), `${path}: ${target}`);
    }
  }
});

Deno.test("files that the pages name exist", async () => {
  for (const [path, text] of TEXTS) {
    for (
      const [, file] of text.matchAll(/`((?:backends|metrics|workloads|tests|links)\/[\w./]+)`/g)
    ) {
      const found = await Deno.stat(new URL(file!, ROOT)).catch(() => undefined);
      assert(found !== undefined, `${path}: ${file}`);
    }
  }
});

Deno.test("pages keep within their length", () => {
  for (const [path, limit] of [["README.md", 300], ["BENCHMARKS.md", 200]] as const) {
    const lines = TEXTS.get(path)!.trimEnd().split("\n").length;
    assert(lines <= limit, `${path} has ${lines} lines, the limit is ${limit}`);
  }
});

Deno.test("README shows the two commands for a fresh machine, and the gate runs the second", async () => {
  const gate = await Deno.readTextFile(new URL(".ci/run", ROOT));
  const [, version] = README.match(/npx -y deno@([\d.]+) task -q demo/)!;
  for (const task of ["demo", "test"]) {
    assertStringIncludes(README, `npx -y deno@${version} task -q ${task}`);
    assert(task in config.tasks);
  }
  assertStringIncludes(gate, `npx -y deno@${version} task -q test`);
  for (const { name } of Deno.readDirSync(new URL(".github/workflows", ROOT))) {
    const workflow = await Deno.readTextFile(new URL(`.github/workflows/${name}`, ROOT));
    for (const [, pinned] of workflow.matchAll(/deno-version: (\S+)/g)) {
      assertEquals(pinned, version, name);
    }
  }
});

Deno.test("every trap of the scripts is explained, and every citation is one of them", async () => {
  const explained = [...TEXTS.get("docs/python-scripts.md")!.matchAll(/^\| T(\d+) /gm)]
    .map(([, number]) => Number(number));
  assertEquals(explained, Array.from({ length: 48 }, (_, i) => i + 1));
  for (const folder of ["backends", "metrics", "workloads", "tests"]) {
    for (const { name, isFile } of Deno.readDirSync(new URL(folder, ROOT))) {
      if (!isFile || !name.endsWith(".ts")) continue;
      const source = await Deno.readTextFile(new URL(`${folder}/${name}`, ROOT));
      for (const [, number] of source.matchAll(/\bT(\d{1,2})\b/g)) {
        assert(explained.includes(Number(number)), `${folder}/${name}: T${number}`);
      }
      // A reader of the code must find the page; tests are named after the trap only.
      if (folder === "tests" || !/\(T\d/.test(source)) continue;
      assertMatch(source, /docs\/python-scripts\.md/, `${folder}/${name}`);
    }
  }
});

/** The words that rows of a table begin with, e.g. `Output tokens/s`. */
function rowLabels(output: string): Set<string> {
  return new Set(
    output.split("\n").map((line) => /^(\S+(?: \S+)*)(?= {2})/.exec(line)?.[1] ?? "")
      .filter((label) => label !== "" && !/^\d/.test(label)),
  );
}

Deno.test("README's sample of the output has the rows and columns that are printed", async () => {
  const sample = /^```text\n([^]*?)^```$/m.exec(README)![1]!;
  const server = await startSimServer({ ttft: "1", itl: "5" });
  try {
    const argv = [
      "--concurrency=1,2",
      "--requests=120",
      "--output-tokens=3",
      "--slo=ttft:500",
      "--transport=socket",
    ];
    const { code, out, err } = await runCli(["bench", server.url, "--no-save", ...argv]);
    assertEquals(code, 0, err);
    const printed = rowLabels(out);
    for (const label of rowLabels(sample)) {
      // On a busy machine the server's metrics may not be there in time.
      if (label === "Where TTFT goes") continue;
      assert(printed.has(label), `${label}\n${out}`);
    }
    const columns = new Set(out.split(/\n| {2,}/));
    for (const heading of sample.match(/^(?:Load|Latency) .*$/gm)!) {
      for (const column of heading.split(/ {2,}/)) assert(columns.has(column), `${column}\n${out}`);
    }
  } finally {
    await server.stop();
  }
});

Deno.test("record fields that docs/formats.md names are those of a record file", async () => {
  const table = /\| field of a record[^]*?\n\n/.exec(TEXTS.get("docs/formats.md")!)![0];
  const named = [...table.matchAll(/^\| (`.*?) \|/gm)]
    .flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, field]) => field!));
  const type = await Deno.readTextFile(new URL("backends/record.ts", ROOT));
  const fields = [
    .../export interface RequestRecord \{([^]*?)^\}/m.exec(type)![1]!.matchAll(
      /^ {2}readonly (\w+)/gm,
    ),
  ].map(([, field]) => field!);
  assertEquals(named.toSorted(), fields.filter((field) => field !== "text").toSorted());
  assertMatch(TEXTS.get("docs/formats.md")!, /texts are kept only with\s`--save-text`/i);
});

Deno.test("deno.lock holds what the program needs: every deno task downloads all of it", async () => {
  const lock = JSON.parse(await Deno.readTextFile(new URL("deno.lock", ROOT)));
  const needed = TABLES.packages!.rows.filter(([, , when]) => when!.startsWith("with "))
    .map(([name]) => name!.replaceAll("`", ""));
  assertEquals(
    Object.keys(lock.specifiers).filter((one) => one.startsWith("npm:")).toSorted(),
    needed.toSorted(),
  );
});
