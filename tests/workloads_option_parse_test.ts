import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { listOptions, option } from "../workloads/option_table.ts";
import type { Command, OptionValue } from "../workloads/command.ts";
import {
  COMMON_OPTIONS,
  completeValues,
  convertJson,
  parseOptions,
  readCommandLine,
  showSize,
  wanted,
} from "../workloads/option_parse.ts";
import { UserError } from "../workloads/user_error.ts";
import { repeatableValues } from "../workloads/option_secret.ts";
import { FAKE } from "./support/fake_command.ts";

/** What the arguments give beside `url`. */
function given(...argv: string[]): Record<string, OptionValue> {
  return { ...readCommandLine(FAKE, argv).given };
}

function refusal(...argv: string[]): string {
  return assertThrows(() => parseOptions(FAKE, argv), UserError).message;
}

Deno.test("readCommandLine reads every kind and spelling of an option", () => {
  const cases: [string[], Record<string, OptionValue>][] = [
    [[], {}],
    [["--rate", "2.5"], { rate: 2.5 }],
    [["--rate=2.5"], { rate: 2.5 }],
    [["--rate=1e3"], { rate: 1000 }],
    [["--rate=12.75e+2"], { rate: 1275 }],
    [["--rate", ".25"], { rate: 0.25 }],
    [["--rate=1e10"], { rate: 1e10 }],
    [["--rate=infinity"], { rate: Infinity }],
    [["--concurrency", "1", "--", "2"], { concurrency: [1], url: "2" }],
    [["--gaps", "1,2.5"], { gaps: [1, 2.5] }],
    [["--tags", "'a'", '"b"', "c's"], { tags: ["a", "b", "c's"] }],
    [["--tags", "a[1]", "b"], { tags: ["a[1]", "b"] }],
    [["--metrics", "itl", "x,itl"], { metrics: ["itl"], url: "x,itl" }],
    [["--stream", "true-ish"], { stream: true, url: "true-ish" }],
    [["--stream", "untrue"], { stream: true, url: "untrue" }],
    [["--rate", ".5"], { rate: 0.5 }],
    [["--rate", "inf"], { rate: Infinity }],
    [["--requests", "7"], { requests: 7 }],
    [["--requests", "1e2"], { requests: 100 }],
    [["-n", "7"], { requests: 7 }],
    [["-n7"], { requests: 7 }],
    [["-n=7"], { requests: 7 }],
    [["--concurrency", "1", "16", "32"], { concurrency: [1, 16, 32] }],
    [["--concurrency", "1,16", "32"], { concurrency: [1, 16, 32] }],
    [["--concurrency=1,16,32"], { concurrency: [1, 16, 32] }],
    [["--concurrency", "[1, 16, 32]"], { concurrency: [1, 16, 32] }],
    [["--concurrency", "[1,", "16,", "32]"], { concurrency: [1, 16, 32] }],
    [["--concurrency", "(1,16)"], { concurrency: [1, 16] }],
    [["-c", "8"], { concurrency: [8] }],
    [["--num_users", "8"], { concurrency: [8] }],
    [["--gaps", "1", "--gaps", "2,3"], { gaps: [1, 2, 3] }],
    [["--metrics", "ttft", "itl"], { metrics: ["ttft", "itl"] }],
    [["--metrics", '["ttft", "itl"]'], { metrics: ["ttft", "itl"] }],
    [["--tags", "a", "b,c", "--rate", "1"], { tags: ["a", "b", "c"], rate: 1 }],
    [["--header", "A: b, c", "-H", "D: e=f"], { header: ["A: b, c", "D: e=f"] }],
    [["--stream"], { stream: true }],
    [["--no-stream"], { stream: false }],
    [["--nostream"], { stream: false }],
    [["--stream=False"], { stream: false }],
    [["--stream", "False"], { stream: false }],
    [["--stream", "true"], { stream: true }],
    [["--save_text"], { saveText: true }],
    [["--no_save_text"], { saveText: false }],
    [["--nosave-text"], { saveText: false }],
    [["--extra-body", '{"a": [1]}'], { extraBody: { a: [1] } }],
    [["--model", "a=b"], { model: "a=b" }],
    [["--model", "a.b c"], { model: "a.b c" }],
    [["--model", "5"], { model: "5" }],
    [["--model", "-"], { model: "-" }],
    [["--model=-x"], { model: "-x" }],
    [["http://x"], { url: "http://x" }],
    [["--url", "http://x"], { url: "http://x" }],
    [["http://x", "a", "b"], { url: "http://x", files: ["a", "b"] }],
    [["--url", "http://x", "a", "b"], { url: "http://x", files: ["a", "b"] }],
    [["--", "--rate", "-5"], { url: "--rate", files: ["-5"] }],
    [["--stream", "http://x"], { stream: true, url: "http://x" }],
    [["--concurrency", "1", "2", "http://x"], { concurrency: [1, 2], url: "http://x" }],
    [["--metrics", "itl", "http://x"], { metrics: ["itl"], url: "http://x" }],
    [["http://x", "-"], { url: "http://x", files: ["-"] }],
  ];
  for (const [argv, expected] of cases) assertEquals(given(...argv), expected, argv.join(" "));
});

Deno.test("readCommandLine reads a short name of two letters as it is, not as a letter and its value", () => {
  const short: Command = {
    ...FAKE,
    options: {
      port: option.integer({ aliases: ["p"], help: "A port." }),
      prompts: option.integer({ aliases: ["pt"], help: "How many." }),
    },
  };
  assertEquals(readCommandLine(short, ["-pt", "128", "-p1"]).given, { prompts: 128, port: 1 });
});

Deno.test("wanted names the bounds that there are", () => {
  const wants = (bounds: { min?: number; max?: number }) =>
    wanted(option.integer({ ...bounds, help: "" }));
  assertEquals(wants({}), "a whole number");
  assertEquals(wants({ min: 2 }), "a whole number of at least 2");
  assertEquals(wants({ max: 9 }), "a whole number of at most 9");
  assertEquals(wants({ min: 2, max: 9 }), "a whole number from 2 to 9");
  assertEquals(wants({ min: 2, max: Infinity }), "a whole number of at least 2, or inf");
});

Deno.test("readCommandLine takes a negative number for a value, not for an option", () => {
  const signed: Command = {
    ...FAKE,
    options: {
      offset: option.number({ help: "Any." }),
      offsets: option.integers({ help: "Any." }),
    },
  };
  const { given } = readCommandLine(signed, ["--offset", "-5", "--offsets", "-1", "-2", "-1e1"]);
  assertEquals(given, { offset: -5, offsets: [-1, -2, -10] });
});

Deno.test("parseOptions refuses with the value and with what would work", () => {
  const cases: [string[], string][] = [
    [["--rate", "-5"], "Cannot use --rate -5: give a number of at least 0, or inf"],
    [["--rate=-5"], "Cannot use --rate -5: give a number of at least 0, or inf"],
    [["--rate", "fast"], "Cannot use --rate fast: give a number of at least 0, or inf"],
    [["--rate", "0x10"], "Cannot use --rate 0x10: give a number of at least 0, or inf"],
    [["--rate", "1_000"], "Cannot use --rate 1_000: give a number of at least 0, or inf"],
    [["--requests", "0"], "Cannot use --requests 0: give a whole number from 1 to 100"],
    [["--requests", "101"], "Cannot use --requests 101: give a whole number from 1 to 100"],
    [["--requests", "1.5"], "Cannot use --requests 1.5: give a whole number from 1 to 100"],
    [["--requests", "inf"], "Cannot use --requests inf: give a whole number from 1 to 100"],
    [["-c", "1,x"], "Cannot use --concurrency x: give whole numbers of at least 1, as in 1,16"],
    [["-c", "1,0"], "Cannot use --concurrency 0: give whole numbers of at least 1, as in 1,16"],
    [
      ["--transport", "fecth"],
      "Cannot use --transport fecth: give one of fetch, socket, epoll; did you mean fetch?",
    ],
    [["--metrics", "gpu"], "Cannot use --metrics gpu: give any of ttft, itl, tpot"],
    [["--stream=maybe"], "Cannot use --stream maybe: give true or false"],
    [["--stream=ontrue"], "Cannot use --stream ontrue: give true or false"],
    [["--stream=trueon"], "Cannot use --stream trueon: give true or false"],
    [["--stream=xno"], "Cannot use --stream xno: give true or false"],
    [["--stream=nox"], "Cannot use --stream nox: give true or false"],
    [["--rate=xinf"], "Cannot use --rate xinf: give a number"],
    [["--rate=infx"], "Cannot use --rate infx: give a number"],
    [["-c", "1.5"], "Cannot use --concurrency 1.5: give whole numbers"],
    [["--gaps=x"], "Cannot use --gaps x: give numbers, as in 1,2"],
    [["--extra-body", "{"], "give a JSON object, as in '{\"key\": 1}'; Expected property name"],
    [["--gnostream"], "Cannot use --gnostream: there is no such option"],
    [["--no-stream=true"], "Cannot use --no-stream=true: a negated flag takes no value"],
    [
      ["--extra-body", "[1]"],
      `Cannot use --extra-body [1]: give a JSON object, as in '{"key": 1}'`,
    ],
    [["--extra-body", "null"], "Cannot use --extra-body null: give a JSON object"],
    [["--rate"], "Cannot use --rate without a value: give a number of at least 0, or inf"],
    [["--rate="], "Cannot use --rate without a value: give a number of at least 0, or inf"],
    [["--rate", ""], "Cannot use --rate without a value: give a number of at least 0, or inf"],
    [["--model="], "Cannot use --model without a value: give a text (TEXT)"],
    [["--header", ""], "Cannot use --header without a value: give texts (TEXT)"],
    [
      ["--rate", "--stream"],
      "Cannot use --rate without a value: give a number of at least 0, or inf; " +
      "if --stream is the value, write --rate=--stream",
    ],
    [
      ["--model", "-x"],
      "Cannot use --model without a value: give a text (TEXT); " +
      "if -x is the value, write --model=-x",
    ],
    [
      ["--model", "-x 1"],
      "Cannot use --model without a value: give a text (TEXT); " +
      'if -x 1 is the value, write --model="-x 1"',
    ],
    [["--rate", "1", "--rate", "2"], "Cannot use --rate 2 times (1, 2): give it once"],
    [["-k", "a", "--api_key", "b"], "Cannot use --api-key 2 times: give it once"],
    [
      ["--conccurency", "1"],
      "Cannot use --conccurency: there is no such option; did you mean --concurrency?",
    ],
    [["--no-strem"], "Cannot use --no-strem: there is no such option; did you mean --no-stream?"],
    [["-rate", "1"], "Cannot use -rate: there is no such option"],
    [["--gpu=1"], "Cannot use --gpu: there is no such option"],
    [["--no-rate"], "Cannot use --no-rate: there is no such option"],
    [["-z"], "Cannot use -z: there is no such option"],
    [["--__proto__", "1"], "Cannot use --__proto__: there is no such option"],
    [["--constructor"], "Cannot use --constructor: there is no such option"],
    [[], `Cannot run "fake" without <url>: address of the server, e.g. http://x`],
    [[""], "Cannot use an empty <url>: address of the server, e.g. http://x"],
  ];
  for (const [argv, message] of cases) assertStringIncludes(refusal(...argv), message);
});

Deno.test("parseOptions refuses more positionals than the command takes", () => {
  const { url, files: _, ...options } = FAKE.options;
  const one: Command = { ...FAKE, options: { url: url!, ...options } };
  const none: Command = { ...FAKE, options };
  const message = (scenario: Command, ...argv: string[]) =>
    assertThrows(() => parseOptions(scenario, argv), UserError).message;
  assertEquals(message(one, "a", "b"), `Cannot use b: "fake" takes only <url>`);
  assertEquals(message(none, "a b"), `Cannot use "a b": "fake" takes options only`);
});

Deno.test("an option that stands for a positional leaves its place to the next one", () => {
  const scenario: Command = {
    ...FAKE,
    options: {
      where: option.optionalArgument({ help: "An address.", unless: "model" }),
      what: option.argument({ help: "A file." }),
      model: option.text({ help: "Model." }),
      out: option.text({ help: "Folder." }),
    },
  };
  const refused = (...argv: string[]) =>
    assertThrows(() => parseOptions(scenario, argv), UserError).message;
  assertEquals(readCommandLine(scenario, ["a", "b"]).given, { where: "a", what: "b" });
  assertEquals(readCommandLine(scenario, ["b", "--model=m"]).given, { model: "m", what: "b" });
  assertEquals(
    refused("a"),
    `Cannot run "${FAKE.name}" without <what>: a file`,
  );
  assertStringIncludes(refused(), "without <where>: an address; or use --model instead");
  assertEquals(
    refused("http://u:p@h", "b", "--model=m"),
    "Cannot use <where> http://h and --model together: give one of them",
  );
  assertEquals(
    repeatableValues(scenario.options, { where: "a", what: "b", model: "m", out: "o" }),
    { what: "b", model: "m" },
  );
  assertEquals(
    readCommandLine(scenario, ["b"], { model: "m" }).given,
    { what: "b" },
    "the option may also come from a file",
  );
  assertEquals(repeatableValues(scenario.options, { where: "a", what: "b" }), {
    where: "a",
    what: "b",
  });
});

Deno.test("parseOptions never shows a secret", () => {
  const key = option.choice({ choices: ["a"], secret: true, help: "" });
  const scenario: Command = { ...FAKE, options: { key } };
  for (const argv of [["--key", "hunter2"], ["--key", "-hunter2"], ["--key=b", "--key=hunter2"]]) {
    const { message } = assertThrows(() => parseOptions(scenario, argv), UserError);
    assert(!message.includes("hunter2"), message);
  }
});

Deno.test("parseOptions lets the command line win over the config, and that over defaults", () => {
  const config = { rate: 7, model: "b" };
  const values = parseOptions(FAKE, ["u", "--rate", "9"], config);
  assertEquals(values.rate, 9);
  assertEquals(values.model, "b");
  assertEquals(values.transport, "fetch");
  assertEquals(values.concurrency, [1, 16]);
  assert(!("requests" in values), "neither given nor a default");
  assertEquals(completeValues(FAKE, { url: "u" }).rate, 1.5);
});

Deno.test("COMMON_OPTIONS stand in a group of their own and explain themselves", () => {
  for (const { name, group, help } of listOptions(COMMON_OPTIONS)) {
    assertEquals(group, "General", name);
    assert(/^[A-Z].{10,}\.$/.test(help), name);
  }
});

Deno.test("readCommandLine keeps the common options apart", () => {
  const { given, common } = readCommandLine(FAKE, ["u", "-q", "--no-color", "--config", "a.json"]);
  assertEquals(given, { url: "u" });
  assertEquals(common, { quiet: true, color: false, config: "a.json" });
  assertEquals(readCommandLine(FAKE, ["-h"]).common, { help: true });
});

Deno.test("readCommandLine gives a scenario's own letter to the scenario", () => {
  const own: Command = {
    ...FAKE,
    options: { ...FAKE.options, qps: option.number({ aliases: ["q"], help: "" }) },
  };
  assertEquals(readCommandLine(own, ["-q", "3"]).given, { qps: 3 });
});

Deno.test("convertJson reads values of a JSON file, and texts as on the command line", () => {
  const named = (name: string) => listOptions(FAKE.options).find((one) => one.name === name)!;
  const cases: [string, unknown, OptionValue][] = [
    ["rate", 2, 2],
    ["rate", "2", 2],
    ["concurrency", [1, 2], [1, 2]],
    ["concurrency", "1,2", [1, 2]],
    ["concurrency", 3, [3]],
    ["header", ["a, b"], ["a, b"]],
    ["header", "a, b", ["a, b"]],
    ["stream", false, false],
    ["stream", "no", false],
    ["extra-body", { a: 1 }, { a: 1 }],
    ["extra-body", '{"a": 1}', { a: 1 }],
    ["model", 7, "7"],
  ];
  for (const [name, value, expected] of cases) {
    assertEquals(convertJson(named(name), value), expected, name);
  }
  for (
    const [name, value] of [
      ["rate", [1]],
      ["rate", {}],
      ["rate", -1],
      ["stream", 2],
      [
        "concurrency",
        [[1]],
      ],
      ["concurrency", [0]],
      ["transport", "x"],
      ["extra-body", [1]],
    ] as const
  ) {
    assertThrows(() => convertJson(named(name), value), UserError, `Cannot use --${name}`);
  }
});

Deno.test("a size is read in powers of 1024 or of 1000, and shown as it is written", () => {
  const command = {
    name: "fill",
    options: { size: option.bytes({ help: "How much.", default: 4096, min: 1024, max: 2 ** 30 }) },
  };
  const rows: readonly [string, number][] = [
    ["2048", 2048],
    ["64MiB", 64 * 2 ** 20],
    ["64 mib", 64 * 2 ** 20],
    ["64M", 64 * 2 ** 20],
    ["2KB", 2000],
    ["1.5kB", 1500],
    [".5GiB", 2 ** 29],
    ["4096B", 4096],
  ];
  for (const [text, size] of rows) {
    assertEquals(parseOptions(command, ["--size", text]), { size }, text);
    assertEquals(
      parseOptions(command, ["--size", String(size)]),
      { size },
      "as a record repeats it",
    );
  }
  for (const text of ["1000", "2GiB", "MiB", "64MiX", "-64MiB", "64MiBs", "1e6", "0x400"]) {
    const { message } = assertThrows(() => parseOptions(command, [`--size=${text}`]), UserError);
    assertEquals(
      message,
      `Cannot use --size ${text}: give a size of 1KiB to 1GiB, as in 64MiB`,
    );
  }
  assertEquals([0, 1000, 4096, 3 * 2 ** 29].map(showSize), ["0", "1000", "4KiB", "1536MiB"]);
});

Deno.test("an argument that may be repeated stands first by its place, the others by its name", () => {
  const table = {
    name: "x",
    options: {
      url: option.optionalArguments({ help: "where", unless: "launch" }),
      launch: option.text({ help: "what" }),
      requests: option.integer({ aliases: ["n"], help: "how many" }),
    },
  };
  const urls = (...argv: string[]) => parseOptions(table, argv).url;
  assertEquals(urls("a"), ["a"]);
  assertEquals(urls("a", "--url", "b", "-n", "1", "--url=c"), ["a", "b", "c"]);
  assertEquals(urls("--url", "b", "a", "--url=c"), ["a", "b", "c"]);
  assertEquals(urls("--url=b"), ["b"]);
  assertEquals(urls("--launch=vllm"), undefined);
  // A file of options names one, or a list of them.
  assertEquals(parseOptions(table, [], { url: ["a", "b"] }).url, ["a", "b"]);
  assertThrows(() => urls("a", "b"), UserError, 'Cannot use b: "x" takes only <url>');
  assertThrows(() => urls(), UserError, "without <url>");
});
