/**
 * Runs a script that loads a package which nothing else uses: in a process of its own, without the
 * lock file, from which `deno task` would download that package for everybody.
 *
 * @module
 */

/** Runs a script of `tests/tools/` and returns what it printed. @throws with its errors. */
export async function runApart(
  name: string,
  { args = [], input = "" }: { readonly args?: readonly string[]; readonly input?: string } = {},
): Promise<string> {
  const script = new URL(`../tools/${name}`, import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-lock", script, ...args],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await output;
  if (!success) throw new Error(`Cannot run ${name}:\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
