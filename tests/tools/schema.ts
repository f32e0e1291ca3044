/**
 * Writes `metrics/report.schema.json`: the JSON Schema of the JSON report, generated from the type
 * `Summary` and its comments. The report writes `null` for what is `undefined` in the program.
 *
 * @module
 */

/** Computed when it is imported: what stands in `deno.lock` is downloaded by every `deno task`. */
const GENERATOR = "npm:ts-json-schema-generator@2.10.0";

/** The part of the generator that we use. */
interface Generator {
  createGenerator(
    config: Readonly<Record<string, unknown>>,
  ): { createSchema(type: string): Record<string, unknown> };
}

const ROOT = new URL("../../", import.meta.url);

/** The checked-in schema. */
const SCHEMA_FILE: URL = new URL("metrics/report.schema.json", ROOT);

/** The schema as it follows from the types, as the text of a JSON file. */
async function generateSchema(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_schema_" });
  try {
    for (const part of ["metrics", "backends"]) {
      await Deno.mkdir(`${folder}/${part}`);
      for await (const { name } of Deno.readDir(new URL(part, ROOT))) {
        if (!name.endsWith(".ts")) continue;
        const text = await Deno.readTextFile(new URL(`${part}/${name}`, ROOT));
        await Deno.writeTextFile(
          `${folder}/${part}/${name}`,
          text.replaceAll("| undefined", "| null"),
        );
      }
    }
    await Deno.writeTextFile(
      `${folder}/tsconfig.json`,
      JSON.stringify({
        compilerOptions: {
          strict: true,
          allowImportingTsExtensions: true,
          noEmit: true,
          lib: ["ESNext"],
          types: [],
        },
        files: ["metrics/summary.ts"],
      }),
    );
    const { createGenerator }: Generator = await import(GENERATOR);
    const schema = createGenerator({
      path: `${folder}/metrics/summary.ts`,
      tsconfig: `${folder}/tsconfig.json`,
      type: "Summary",
      topRef: false,
      skipTypeCheck: true,
      jsDoc: "extended",
    }).createSchema("Summary");
    return `${JSON.stringify({ title: "Tokometer report", ...schema }, null, 2)}\n`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const schema = await generateSchema();
  if (Deno.args.includes("--print")) await Deno.stdout.write(new TextEncoder().encode(schema));
  else await Deno.writeTextFile(SCHEMA_FILE, schema);
}
