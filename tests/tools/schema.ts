/**
 * Writes the JSON Schemas of what is written as JSON, generated from the types and their comments:
 * `null` stands there for what is `undefined` in the program. `--print report` prints one instead.
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

/** What has a schema in `metrics/`, by the first word of its file. */
const SCHEMAS = {
  report: { type: "Summary", file: "metrics/summary.ts", title: "Tokometer report" },
  compare: {
    type: "Comparison",
    file: "metrics/compare_result.ts",
    title: "Tokometer comparison",
  },
} as const;

type SchemaName = keyof typeof SCHEMAS;

/** The schema as it follows from the types, as the text of a JSON file. */
async function generateSchema(name: SchemaName): Promise<string> {
  const { type, file, title } = SCHEMAS[name];
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
        files: [file],
      }),
    );
    const { createGenerator }: Generator = await import(GENERATOR);
    const schema = createGenerator({
      path: `${folder}/${file}`,
      tsconfig: `${folder}/tsconfig.json`,
      type,
      topRef: false,
      skipTypeCheck: true,
      jsDoc: "extended",
    }).createSchema(type);
    return `${JSON.stringify({ title, ...schema }, null, 2)}\n`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const [flag, wanted] = Deno.args;
  for (const name of Object.keys(SCHEMAS) as SchemaName[]) {
    if (flag !== "--print") {
      const file = new URL(`metrics/${name}.schema.json`, ROOT);
      await Deno.writeTextFile(file, await generateSchema(name));
    } else if (name === wanted) {
      await Deno.stdout.write(new TextEncoder().encode(await generateSchema(name)));
    }
  }
}
