/**
 * Decides whether tests may run `@huggingface/transformers` (495 MB): when it is in Deno's cache
 * already, or when `TOKOMETER_TRANSFORMERS=1` allows its download. It runs in child processes
 * without a lock file, since a lock that lists it makes every later command install it.
 *
 * @module
 */
import { TRANSFORMERS_SPECIFIER } from "../../backends/transformers_library.ts";

/** For `ignore` of tests. */
export const WITHOUT_TRANSFORMERS: boolean = Deno.env.get("TOKOMETER_TRANSFORMERS") === "0" ||
  Deno.env.get("TOKOMETER_TRANSFORMERS") !== "1" && !isCached();

function isCached(): boolean {
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-config"],
    stderr: "null",
  }).outputSync();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout)) as { npmCache?: string };
  const folder = TRANSFORMERS_SPECIFIER.replace("npm:", "").replace(/@([^@]+)$/, "/$1");
  try {
    return [...Deno.readDirSync(npmCache ?? "")].some(({ name }) => {
      try {
        return Deno.statSync(`${npmCache}/${name}/${folder}/package.json`).isFile &&
          [...Deno.readDirSync(`${npmCache}/${name}`)].some(({ name }) =>
            name === "onnxruntime-node"
          );
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

/** Runs a file of this repository in a child without a lock; its output and errors as text. */
export async function runWithoutLock(
  file: string,
  args: readonly string[],
  cwd?: string,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const root = new URL("../..", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-lock",
      "--quiet",
      `--config=${root}deno.json`,
      `${root}${file}`,
      ...args,
    ],
    env: { NO_COLOR: "1" },
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}
