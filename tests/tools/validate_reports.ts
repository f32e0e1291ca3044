/**
 * Prints which reports the JSON Schema refuses: reads `{"schema": …, "reports": […]}` from standard
 * input and prints one entry per report, `null` or its first errors.
 *
 * @module
 */

/** Computed when it is imported: what stands in `deno.lock` is downloaded by every `deno task`. */
const AJV = "npm:ajv@8.20.0";

/** The part of the library that we use. */
interface Library {
  readonly Ajv: new (options: Readonly<Record<string, unknown>>) => {
    compile(schema: unknown): { (value: unknown): boolean; readonly errors?: unknown[] | null };
  };
}

const { schema, reports } = await new Response(Deno.stdin.readable).json();
const { Ajv }: Library = await import(AJV);
const valid = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);
const errors = (reports as unknown[]).map((report) =>
  valid(report) ? null : valid.errors?.slice(0, 3)
);
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(errors)));
