/**
 * Reads YAML with a library that is not ours, in a process of its own: a package that a test imports
 * would stand in deno.lock.
 *
 * @module
 */

const YAML = "npm:yaml@2.8.1";

/** The documents of a text by both versions of YAML, which must be equal. */
export interface YamlReadings {
  /** By 1.1, which has words such as `no` and numbers such as `1:20`. */
  readonly old: readonly unknown[];
  /** By 1.2. */
  readonly now: readonly unknown[];
}

/** Reads all documents. @throws {Error} for what is no YAML. */
export async function readYaml(text: string): Promise<YamlReadings> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-lock", "--no-config", import.meta.url],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

if (import.meta.main) {
  const { parseAllDocuments } = await import(YAML);
  const text = await new Response(Deno.stdin.readable).text();
  const [old, now] = ["1.1", "1.2"].map((version) =>
    // deno-lint-ignore no-explicit-any -- the library's types are not there.
    parseAllDocuments(text, { version }).map((one: any) => {
      if (one.errors.length > 0) throw one.errors[0];
      return one.toJS();
    })
  );
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ old, now })));
}
