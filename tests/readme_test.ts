/** The README says what the program does: its tables and command lines are checked against it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { METRICS, PROTOCOLS } from "../mod.ts";
import { COMMANDS, EXIT_CODES, readCommandLine } from "../workloads/mod.ts";
import { shellCommands } from "./support/shell_words.ts";

const README = await Deno.readTextFile(new URL("../README.md", import.meta.url));

/** Rows of the Markdown table whose header contains all of these words. */
function tableRows(...header: string[]): string[][] {
  const lines = README.split("\n");
  const at = lines.findIndex((line) =>
    line.startsWith("|") && header.every((word) => line.includes(word))
  );
  assert(at >= 0, `no table with ${header.join(", ")}`);
  const rows: string[][] = [];
  for (const line of lines.slice(at + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
  }
  return rows;
}

Deno.test("README defines every metric as the code does", () => {
  assertEquals(
    tableRows("metric", "formula"),
    METRICS.map(({ title, name, unit, formula }) => [title, `\`${name}\``, unit, formula]),
  );
});

Deno.test("README lists every protocol", () => {
  assertEquals(
    tableRows("`--protocol`").map(([name]) => name),
    PROTOCOLS.map(({ name }) => `\`${name}\``),
  );
});

Deno.test("README lists every exit code and every command", () => {
  assertEquals(tableRows("code", "meaning").map(([code]) => Number(code)), [
    ...EXIT_CODES.map(({ code }) => code),
  ]);
  for (const { name } of COMMANDS) assertStringIncludes(README, name);
});

Deno.test("README's command lines are understood by the program", () => {
  const blocks = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text!);
  let lines = 0;
  for (const block of blocks) {
    for (const line of block.replaceAll("\\\n", " ").split("\n")) {
      if (!line.startsWith("tokometer ")) continue;
      const [[, name, ...argv]] = shellCommands(line.replace(/\s+#.*$/, "")) as [string[]];
      if (name === "help" || name === "--help") continue;
      const scenario = COMMANDS.find((one) => one.name === name || one.aliases?.includes(name!));
      assert(scenario !== undefined, line);
      readCommandLine(scenario, argv);
      lines++;
    }
  }
  assert(lines >= 10, `${lines}`);
});

Deno.test("README shows the two commands for a fresh machine, and they are tasks", () => {
  for (const task of ["demo", "test"]) {
    assertStringIncludes(README, `npx -y deno@2.9.6 task ${task}`);
    assert(task in config.tasks);
  }
});
