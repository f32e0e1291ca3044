/** The list of dialects, and what the pages say of each. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DIALECTS, readDialect } from "../metrics/dialects.ts";
import { createRun } from "./support/create_run.ts";

Deno.test("each dialect has its name, a version, and a row in the page", async () => {
  const page = await Deno.readTextFile(new URL("../docs/dialects.md", import.meta.url));
  for (const { name, load } of DIALECTS) {
    const dialect = await load();
    assertEquals(dialect.name, name);
    assert(dialect.missing.length > 0 && dialect.missing.every((one) => !one.endsWith(".")), name);
    const row = page.split("\n").find((line) =>
      line.startsWith(`| \`${name}\` `) && line.includes(dialect.version)
    );
    assert(row !== undefined, `${name} ${dialect.version}`);
  }
});

Deno.test("names of figures are unique", async () => {
  for (const { name } of DIALECTS) {
    const { loads: [load] } = await readDialect(name, createRun([]));
    const names = load!.figures.map((figure) => figure.name);
    assertEquals(names.filter((one, i) => names.indexOf(one) !== i), [], name);
  }
});

Deno.test("an unknown dialect is refused, and the known ones are named", async () => {
  const error = await assertRejects(() => readDialect("wrk", createRun([])), RangeError);
  assertStringIncludes(error.message, DIALECTS.map(({ name }) => name).join(", "));
});
