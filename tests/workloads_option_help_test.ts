import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  breakCommand,
  defaultText,
  EXIT_CODES,
  FIRST_EXAMPLES,
  optionHead,
  optionText,
  renderHelp,
  renderOverview,
  wrap,
} from "../workloads/option_help.ts";
import { COMMON_OPTIONS, parseOptions, readCommandLine } from "../workloads/option_parse.ts";
import type { Command, CommandEntry } from "../workloads/command.ts";
import { listOptions, type NamedOption, option } from "../workloads/option_table.ts";
import { COMMANDS, findCommand } from "../workloads/commands.ts";
import { EXIT } from "../workloads/user_error.ts";
import { FAKE, fakeEntry } from "./support/fake_command.ts";
import { shellCommands } from "./support/shell_words.ts";

const ENTRIES: readonly CommandEntry[] = [fakeEntry(), ...COMMANDS];
const ALL: readonly Command[] = await Promise.all(ENTRIES.map(({ load }) => load()));

/** The page without its line breaks, as wrapping may put them anywhere. */
function flat(page: string): string {
  return page.replace(/\s+/g, " ");
}

Deno.test("renderHelp shows each option with its default and its values", () => {
  for (const scenario of ALL) {
    const page = flat(renderHelp(scenario, { columns: 100 }));
    for (const option of [...listOptions(scenario.options), ...listOptions(COMMON_OPTIONS)]) {
      const shown = option.argument === undefined
        ? `${optionHead(option)} ${optionText(option, scenario.options)}`
        : `<${option.name}> ${option.help}`;
      assertStringIncludes(page, flat(shown), scenario.name);
    }
  }
});

Deno.test("optionText says values, repetition and default", () => {
  const named = (name: string) => listOptions(FAKE.options).find((one) => one.name === name)!;
  const cases: [string, string, string][] = [
    ["rate", "--rate X", "Requests per second. [default: 1.5]"],
    [
      "concurrency",
      "-c, --concurrency, --num-users N...",
      "Users at once, one measurement each. [default: 1,16]",
    ],
    [
      "transport",
      "--transport NAME",
      "What carries the bytes. [values: fetch, socket, epoll] [default: fetch]",
    ],
    ["stream", "--[no-]stream", "Stream the answers. [default: on]"],
    ["save-text", "--save-text", "Keep the answers."],
    ["header", "-H, --header TEXT...", "Sent along. [may be repeated]"],
    ["model", "--model TEXT", "Model. [default: what the server lists]"],
    [
      "api-key",
      "-k, --api-key KEY",
      "Key of the server. [env:NAME or file:PATH reads it from there, - asks for it]",
    ],
  ];
  for (const [name, head, text] of cases) {
    assertEquals(optionHead(named(name)), head);
    assertEquals(optionText(named(name), FAKE.options), text);
  }
  const [list] = listOptions({ c: option.integers({ value: "N[,N…]", help: "" }) });
  assertEquals(optionHead(list!), "-c N[,N…]", "the placeholder says it");
  const secret = option.text({ default: "s", secret: true, help: "" });
  assertEquals(defaultText(secret), undefined, "a secret default is not shown");
});

Deno.test("renderHelp leaves advanced options out of the short page and says so", () => {
  const short = renderHelp(FAKE, { advanced: false });
  assert(!short.includes("--extra-body"));
  assertStringIncludes(short, "1 more for special cases: tokometer help fake");
  const full = renderHelp(FAKE);
  assertStringIncludes(full, "--extra-body JSON");
  assert(!full.includes("special cases"));
});

Deno.test("no line of any help page is longer than 80 columns", () => {
  const pages = ALL.flatMap((scenario) =>
    [true, false].map((advanced) => renderHelp(scenario, { columns: 80, advanced }))
  );
  for (const page of [...pages, renderOverview(ENTRIES, { columns: 80 })]) {
    for (const line of page.split("\n")) assert([...line].length <= 80, line);
  }
});

Deno.test("renderHelp fits any columns, except for what cannot be broken", () => {
  for (const scenario of ALL) {
    for (const columns of [40, 60, 100]) {
      for (const line of renderHelp(scenario, { columns }).split("\n")) {
        const words = line.trim().replace(/ \\$/, "");
        const unbreakable = !words.includes(" ") || /^--?[a-z][-a-z]* \S+$/.test(words) ||
          // A row's left side, which is never broken.
          /^ {2}(-|<)/.test(line);
        if (!unbreakable) assert(line.length <= columns, `${scenario.name} at ${columns}: ${line}`);
      }
    }
  }
});

Deno.test("an example that was broken is the same command to a shell", () => {
  const long = "tokometer bench http://127.0.0.1:8000 -n 5 --stop 'a - b' --out x | head -1";
  assertEquals(breakCommand(long, 200), [long]);
  const broken = breakCommand(long, 30);
  assertEquals(broken, [
    "tokometer bench \\",
    "  http://127.0.0.1:8000 -n 5 \\",
    "  --stop 'a - b' \\",
    "  --out x | head -1",
  ]);
  // What a shell makes of it.
  const joined = (lines: readonly string[]) => lines.join("\n").replaceAll("\\\n", "");
  assertEquals(shellCommands(joined(broken)), shellCommands(long));
  for (const { examples } of ALL) {
    for (const line of Object.keys(examples)) {
      assertEquals(shellCommands(joined(breakCommand(line, 40))), shellCommands(line), line);
    }
  }
});

Deno.test("renderHelp emphasizes with color only", () => {
  assert(!renderHelp(FAKE).includes("\x1b"));
  assertStringIncludes(renderHelp(FAKE, { color: true }), "\x1b[1mUsage:\x1b[22m");
});

Deno.test("every example of every command parses", async () => {
  for (const scenario of ALL) {
    assert(Object.keys(scenario.examples).length > 0, `${scenario.name} has no example`);
    for (const line of Object.keys(scenario.examples)) {
      const commands = shellCommands(line).filter(([program]) => program === "tokometer");
      assert(commands.length > 0, line);
      for (const [, command, ...argv] of commands) {
        const other = await findCommand(command!, ENTRIES).load();
        const { common } = readCommandLine(other, argv);
        // With a config file the positionals may stand in there.
        if (common.config === undefined) parseOptions(other, argv);
      }
    }
  }
});

Deno.test("every table of options is in order", () => {
  const groups = new Set(ALL.map(({ name }) => name));
  assertEquals(groups.size, ALL.length, "command names differ");
  for (const { name: command, summary } of ENTRIES) {
    assert(summary.length > 0 && summary.length <= 70, `${command}: summary`);
    assert(!summary.endsWith("."), `${command}: a summary is no sentence`);
  }
  for (const { name: command, options: table, description } of ALL) {
    assert(description.length > 0, `${command}: description`);
    const names = new Set<string>(Object.keys(COMMON_OPTIONS));
    const options: readonly NamedOption[] = listOptions(table);
    for (const name of options.flatMap(({ name, aliases = [] }) => [name, ...aliases])) {
      assert(/^[a-zA-Z0-9][a-z0-9_-]*$/.test(name), `${command}: --${name}`);
      assert(!names.has(name.replaceAll("_", "-")), `${command}: --${name} is there twice`);
      names.add(name.replaceAll("_", "-"));
    }
    for (const option of options) {
      const what = `${command} --${option.name}`;
      if (option.argument !== undefined) continue;
      assert(option.help.endsWith("."), `${what}: help is a sentence`);
      for (const { key } of option.needs ?? []) assert(key in table, `${what}: needs ${key}`);
      if (option.kind === "flag") assertEquals(option.choices, undefined, what);
      const { default: initial, choices } = option;
      if (initial === undefined) continue;
      const texts = [initial].flat().map(String);
      if (choices !== undefined) assert(texts.every((text) => choices.includes(text)), what);
      if (typeof initial === "number") {
        assert(initial >= (option.min ?? -Infinity) && initial <= (option.max ?? Infinity), what);
      }
    }
  }
});

Deno.test("renderOverview lists every command and every exit code", () => {
  const page = renderOverview(ENTRIES);
  const examples = ALL.flatMap(({ examples }) => Object.keys(examples));
  for (const line of FIRST_EXAMPLES) assert(examples.includes(line), line);
  for (const { name, summary } of ENTRIES) {
    assertStringIncludes(flat(page), `${name} ${flat(summary)}`);
  }
  assertEquals(
    EXIT_CODES.map(({ code }) => code),
    Object.values(EXIT).toSorted((a, b) => a - b),
  );
  for (const { code, meaning } of EXIT_CODES) {
    assertStringIncludes(flat(page), `${code} ${meaning}`);
  }
});

Deno.test("wrap breaks at words, keeps paragraphs, and counts wide letters twice", () => {
  const cases: [string, number, string[]][] = [
    ["one two three", 7, ["one two", "three"]],
    ["one two three", 8, ["one two", "three"]],
    ["one two three", 13, ["one two three"]],
    ["unbreakable word", 4, ["unbreakable", "word"]],
    ["a\n\nb c", 9, ["a", "", "b c"]],
    ["日本 日本", 8, ["日本", "日本"]],
    ["日本 日本", 9, ["日本 日本"]],
  ];
  for (const [text, columns, lines] of cases) assertEquals(wrap(text, columns), lines);
});

Deno.test("shellCommands splits as a shell does", () => {
  assertEquals(shellCommands(`a 'b c' "d \\"e\\"" f\\ g | h > i && j=k`), [
    ["a", "b c", 'd "e"', "f g"],
    ["h"],
    ["i"],
    ["j=k"],
  ]);
});
