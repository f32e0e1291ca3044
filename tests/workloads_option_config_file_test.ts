import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { configValues, readConfigFile } from "../workloads/option_config_file.ts";
import { UserError } from "../workloads/user_error.ts";
import { RECORD_SCHEMA, type RunHeader } from "../metrics/run.ts";
import { FAKE } from "./support/fake_command.ts";

async function withFile(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, text);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("readConfigFile reads a JSON object in any spelling of the names", async () => {
  const config = {
    "$schema": "ignored",
    "rate": 4,
    "save_text": true,
    "num-users": [2, 4],
    "url": "http://x",
    "model": null,
  };
  await withFile(JSON.stringify(config, null, 2), async (path) => {
    assertEquals(await readConfigFile(path, FAKE), {
      rate: 4,
      saveText: true,
      concurrency: [2, 4],
      url: "http://x",
    });
  });
});

Deno.test("readConfigFile repeats the run of a record file from its first line", async () => {
  const header: Pick<RunHeader, "schema" | "scenario" | "options"> = {
    schema: RECORD_SCHEMA,
    scenario: "fake",
    options: { rate: 3, concurrency: [5], url: "http://x" },
  };
  // Longer than several reads, cut in the middle of letters; and the rest is not JSON at all.
  const long = { ...header, options: { ...header.options, model: "日".repeat(70_000) } };
  await withFile(`${JSON.stringify({ header: long })}\nnot json\n`, async (path) => {
    assertEquals(await readConfigFile(path, FAKE), long.options);
  });
  await withFile(JSON.stringify({ header: { ...header, scenario: "sweep" } }), async (path) => {
    const { message } = await assertRejects(() => readConfigFile(path, FAKE), UserError);
    assertStringIncludes(
      message,
      `it is the record of a "sweep" run; use tokometer sweep --config`,
    );
  });
});

Deno.test("readConfigFile says what is wrong with a file", async () => {
  const cases: [string, string][] = [
    ["{", "as JSON: "],
    ["[1]", "give a JSON object of option names and values"],
    ["null", "give a JSON object of option names and values"],
    ["", "as JSON: "],
    [`{"conccurency": 1}`, `"fake" has no such option; did you mean "concurrency"?`],
    [`{"gpu": 1}`, `"fake" has no such option`],
    [`{"quiet": true}`, "give --quiet on the command line"],
    [`{"rate": -1}`, "Cannot use --rate -1: give a number of at least 0, or inf (in "],
    [`{"save-text": true, "save_text": false}`, `"save-text" is there under another spelling`],
  ];
  for (const [text, message] of cases) {
    await withFile(text, async (path) => {
      const error = await assertRejects(() => readConfigFile(path, FAKE), UserError);
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.message, path.split("/").at(-1)!);
    });
  }
  const missing = await assertRejects(() => readConfigFile("no_such.json", FAKE), UserError);
  assertEquals(
    missing.message,
    `Cannot read --config "no_such.json": there is no such file or folder`,
  );
  await assertRejects(() => readConfigFile(".", FAKE), UserError, `Cannot read --config "."`);
});

Deno.test("configValues is not fooled by names of Object.prototype", () => {
  assertThrows(() => configValues(FAKE, JSON.parse(`{"__proto__": 1}`), "x"), UserError);
  assertThrows(() => configValues(FAKE, { constructor: 1 }, "x"), UserError, "no such option");
});
