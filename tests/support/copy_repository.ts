/**
 * A copy of the repository to change and to run, without touching what one works on.
 *
 * @module
 */

const ROOT = new URL("../..", import.meta.url).pathname;

/** Runs a command and returns its stdout. @throws {Error} with its output when it fails. */
export async function runIn(
  folder: string,
  command: string,
  args: readonly string[],
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: folder,
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`Cannot run ${command} ${args.join(" ")}:\n${out}${err}`);
  return out!;
}

/** Copies what git has here, uncommitted and new files included, into an empty folder. */
export async function copyRepository(folder: string): Promise<void> {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  for (const path of (await runIn(ROOT, "git", list)).split("\0")) {
    if (path === "") continue;
    await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${ROOT}${path}`, `${folder}/${path}`).catch((error) => {
      // Removed, and not committed yet.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
