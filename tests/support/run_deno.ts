/**
 * Runs Deno's own commands, as tasks and tests about packaging do.
 *
 * @module
 */

/** How it went; `output` is stdout, then stderr. */
export interface DenoRan {
  readonly success: boolean;
  readonly output: string;
}

/** Runs `deno` with these arguments in a folder. */
export async function runDeno(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<DenoRan> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
  }).output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  return { success, output };
}
